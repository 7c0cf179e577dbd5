//! What is kept of the alerts of a user or an app goes, a page at a time.

use natter_proto::erasure::v1::{EraseReply, EraseRequest, Erased};

use crate::error::Error;
use crate::service::Shared;
use crate::{store, vault};

/// Users, or rows, of one page.
const PAGE: usize = 1_000;
/// What the next page is of, as the first byte of where to go on.
const ALERTS: u8 = 1;
const HOPS: u8 = 2;

impl Shared {
    /// A page of an erasure; of an app with user 0. First devices, alerts and notes, then hops of messages.
    pub async fn erase(&self, request: EraseRequest) -> Result<EraseReply, Error> {
        let EraseRequest { app, user, after } = request;
        if let Some((&HOPS, after)) = after.split_first() {
            let after = (!after.is_empty()).then(|| after.to_vec());
            let (count, next) = self.hops.erase(app, (user > 0).then_some(user), after).await?;
            let next = next.map_or_else(Vec::new, |next| [&[HOPS], &next[..]].concat());
            return Ok(EraseReply { erased: vec![Erased { kind: "hops".to_owned(), count: count as u64 }], next });
        }
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
        let credentials = if user == 0 { self.forget_credentials(app).await? } else { 0 };
        let (hooks, more) = if user == 0 { self.erase_hooks(app).await? } else { (0, false) };
        let is_full = more || most >= PAGE || events >= PAGE || (user == 0 && users.len() >= PAGE);
        if user == 0 && !is_full {
            self.subscriptions.forget_count(app).await?;
        }
        let erased = [
            ("subscriptions", devices),
            ("alerts", alerts),
            ("alert_notes", notes),
            ("events", events),
            ("alert_settings", settings),
            ("push_credentials", credentials),
            ("webhooks", hooks),
        ];
        let erased = erased.into_iter().map(|(kind, count)| Erased { kind: kind.to_owned(), count: count as u64 }).collect();
        Ok(EraseReply { erased, next: vec![if is_full { ALERTS } else { HOPS }] })
    }

    async fn forget_credentials(&self, app: u64) -> Result<usize, Error> {
        let before = self.wallet.vault.of_app(app).await?;
        if before.rows.is_empty() {
            return Ok(0);
        }
        match self.wallet.vault.change(&before, Vec::new()).await {
            // The next round finds them as they are.
            Ok(()) | Err(vault::Error::Changed) => Ok(before.rows.len()),
            Err(error) => Err(error.into()),
        }
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
