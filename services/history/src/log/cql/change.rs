//! Edits and removals for all. A change is recorded under the next stamp before its row is changed, and whoever meets the newest one
//! changes its row if that was not done: so nothing is changed that is not told, and the other way round.

use std::time::Duration;

use natter_proto::event::v1::Change;
use natter_proto::event::v1::change::What;
use tokio::time::sleep;

use super::{Engine, rows};
use crate::edit::Edit;
use crate::error::Error;
use crate::log::{Changed, DialogKey};
use crate::posted;

/// How often a change is decided again because another one of its dialog came between, or its outcome is not known.
const TRIES: u32 = 64;
const PAUSE: Duration = Duration::from_millis(5);

impl Engine {
    pub(super) async fn change(&self, key: DialogKey, seq: u64, edit: Edit, user: u64, now: i64) -> Result<Changed, Error> {
        for tried in 0..TRIES {
            let facts = self.facts.get(key).await?;
            self.settle_newest(key, facts.stamp).await?;
            if matches!(edit, Edit::Replace { .. }) && facts.removed().contains(seq) {
                return Err(Error::NoRow);
            }
            let (_, stored) = self.at(key, seq).await?.ok_or(Error::NoRow)?;
            let row = rows::message(&stored)?;
            let Some(row) = edit.apply(&row, now)? else {
                let stamp = stored.stamp.and_then(|stamp| u64::try_from(stamp).ok()).unwrap_or(0);
                return Ok(Changed { stamp: if self.is_kept(stamp, facts.stamp) { stamp } else { 0 }, row });
            };
            let change = edit.told(&row, user, facts.stamp + 1);
            // Behind this newest change no other one is recorded, so the row is what was read.
            if known(self.facts.record(key, facts.stamp, &change).await)? == Some(true) {
                self.settle(key, &change).await?;
                return Ok(Changed { stamp: change.stamp, row });
            }
            sleep(PAUSE * tried.min(20)).await;
        }
        Err(Error::Busy)
    }

    /// Changes above a stamp that are kept, ascending.
    pub(super) async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Change>, Error> {
        let newest = self.settled_stamp(key).await?;
        let above = above.max(newest.saturating_sub(self.changes_kept));
        if above >= newest || max == 0 {
            return Ok(Vec::new());
        }
        let changes = self.facts.changes(key, above, max).await?;
        Ok(changes.into_iter().map(|recorded| recorded.change).collect())
    }

    pub(super) async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Change>, Error> {
        let newest = self.settled_stamp(key).await?;
        if newest == 0 || max == 0 {
            return Ok(Vec::new());
        }
        let changes = self.facts.newest_changes(key, max).await?.into_iter().map(|recorded| recorded.change);
        Ok(changes.filter(|change| self.is_kept(change.stamp, newest)).collect())
    }

    /// Changes the row of the newest change, if that was not done.
    pub(super) async fn settle_newest(&self, key: DialogKey, newest: u64) -> Result<(), Error> {
        if newest == 0 {
            return Ok(());
        }
        match self.facts.newest_changes(key, 1).await?.pop() {
            Some(recorded) if !recorded.is_done => self.settle(key, &recorded.change).await,
            _ => Ok(()),
        }
    }

    async fn settled_stamp(&self, key: DialogKey) -> Result<u64, Error> {
        let newest = self.facts.get(key).await?.stamp;
        self.settle_newest(key, newest).await?;
        Ok(newest)
    }

    fn is_kept(&self, stamp: u64, newest: u64) -> bool {
        stamp > newest.saturating_sub(self.changes_kept)
    }

    async fn settle(&self, key: DialogKey, change: &Change) -> Result<(), Error> {
        for tried in 0..TRIES {
            // A row that is not there any more was erased.
            let Some((segment, stored)) = self.at(key, change.seq).await? else { return Ok(()) };
            let row = rows::message(&stored)?;
            // What is wiped has no stamp, and is removed.
            let is_changed = stored.stamp.is_some_and(|stamp| u64::try_from(stamp).map_or(true, |stamp| stamp >= change.stamp));
            let edited = match &change.what {
                Some(What::Edited(edited)) => edited.clone(),
                _ => Edit::Remove.apply(&row, change.at)?.unwrap_or(row),
            };
            let is_removed = edited.removed;
            let is_changed =
                is_changed || known(self.rows.edit(key, segment, &stored, &edited, change.stamp as i64).await)? == Some(true);
            if is_changed {
                if is_removed {
                    self.facts.remove(key, change.seq).await?;
                    self.rows.strip(key, segment, &[stored.position]).await?;
                }
                // Before it is done: whoever takes over here tells it once more.
                if self.told.wants(key.app.0, posted::event_of(change)) {
                    let id = format!("{}:change:{}", key.dialog, change.stamp);
                    self.told.tell(key.app.0, &id, posted::of_change(key.dialog, change)).await?;
                }
                return self.facts.done(key, change.stamp).await;
            }
            sleep(PAUSE * tried.min(20)).await;
        }
        Err(Error::Busy)
    }
}

/// Whether a condition held; none if that is not known: it is issued again, or what stands is read.
pub fn known(changed: Result<bool, Error>) -> Result<Option<bool>, Error> {
    match changed {
        Err(Error::Store(natter_db::Error::Unknown(_))) => Ok(None),
        changed => changed.map(Some),
    }
}
