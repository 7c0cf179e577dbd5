//! Contact lists as an archive carries them (decision 0039): every view as it is kept. Nobody is told of what is brought: who is there
//! reads his list when he connects.

use natter_proto::UserId;
use natter_proto::archive::v1::{Clash, Taken};
use natter_proto::presence::v1::{ArchivedView, ContactRow};

use crate::error::Error;
use crate::rosters::View;
use crate::service::Shared;
use crate::session::UserKey;

/// Bytes of the name that a user gives another.
const NAME_BYTES_MAX: usize = 1_024;

impl Shared {
    pub async fn archived_views(&self, user: UserKey) -> Result<Vec<ArchivedView>, Error> {
        let rows = self.rosters.all(user).await?;
        Ok(rows.into_iter().map(|(of, row)| ArchivedView { of: of.0, row: Some(row) }).collect())
    }

    /// Keeps those of which there is nothing. What is there stays: it may have changed since.
    pub async fn take_views(&self, user: UserKey, views: Vec<ArchivedView>, dry: bool) -> Result<Taken, Error> {
        let mut outcome = Taken::default();
        for ArchivedView { of, row } in views {
            let row = row.unwrap_or_default();
            if let Some(text) = fault_of(user, of, &row) {
                let what = format!("what user {} keeps of user {of}", user.user);
                outcome.clashes.push(Clash { what, text: text.to_owned() });
                continue;
            }
            let of = UserId(of);
            let _turn = self.pairs.of(user, of).lock().await;
            let was = self.rosters.get(user, of).await?;
            if was != ContactRow::default() {
                outcome.same += 1;
                continue;
            }
            outcome.taken += 1;
            if !dry {
                self.rosters.put(vec![View { owner: user, of, was, row }], None).await?;
            }
        }
        Ok(outcome)
    }
}

fn fault_of(user: UserKey, of: u64, row: &ContactRow) -> Option<&'static str> {
    match row {
        _ if of == 0 || UserId(of) == user.user => Some("is about nobody else"),
        row if *row == ContactRow::default() => Some("is empty"),
        row => (row.name.len() > NAME_BYTES_MAX).then_some("has a name that is too long"),
    }
}
