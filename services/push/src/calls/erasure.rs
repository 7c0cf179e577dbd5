//! What is kept of the alerts of a user or an app goes, a page at a time.

use natter_proto::erasure::v1::{EraseReply, Erased};

use crate::error::Error;
use crate::service::Shared;
use crate::store;

/// Users, or rows, of one page.
const PAGE: usize = 1_000;

impl Shared {
    /// A page of an erasure; of an app with user 0.
    pub async fn erase(&self, app: u64, user: u64) -> Result<EraseReply, Error> {
        let users = match user {
            0 => self.subscriptions.users_of(app, PAGE).await?,
            user => vec![user],
        };
        let mut devices = 0;
        for user in &users {
            devices += self.end_all(app, *user).await?;
        }
        let (alerts, notes, most) = self.alerts.erase(app, (user > 0).then_some(user), PAGE).await?;
        let events = self.events.erase(app, (user > 0).then_some(user), PAGE).await?;
        let settings = if user == 0 { self.forget_policy(app).await? } else { 0 };
        let is_full = most >= PAGE || events >= PAGE || (user == 0 && users.len() >= PAGE);
        if user == 0 && !is_full {
            self.subscriptions.forget_count(app).await?;
        }
        let erased = [
            ("subscriptions", devices),
            ("alerts", alerts),
            ("alert_notes", notes),
            ("events", events),
            ("alert_settings", settings),
        ];
        let erased = erased.into_iter().map(|(kind, count)| Erased { kind: kind.to_owned(), count: count as u64 }).collect();
        Ok(EraseReply { erased, next: if is_full { vec![1] } else { Vec::new() } })
    }

    async fn end_all(&self, app: u64, user: u64) -> Result<usize, Error> {
        let before = self.subscriptions.of_user(app, user).await?;
        if before.rows.is_empty() {
            return Ok(0);
        }
        match self.subscriptions.change(&before, Vec::new(), u64::MAX).await {
            Ok(()) => Ok(before.rows.len()),
            // The next page finds them as they are.
            Err(store::Error::Changed) => Ok(1),
            Err(error) => Err(error.into()),
        }
    }
}
