//! What rows said that were cleared for all goes from the disk, a piece at a time, while the log is in use. What fails is tried again
//! when the dialog is loaded again.

use std::sync::Arc;

use natter_proto::event::v1::change::What;

use super::change::known;
use super::{Engine, rows};
use crate::edit::Edit;
use crate::error::Error;
use crate::log::DialogKey;
use crate::log::segment::Segment;

/// Rows wiped by one conditional write.
const CHUNK: u32 = 64;
const TRIES: usize = 8;
/// The stamp of a row that was wiped: no edit that was decided before finds the one that it read.
const WIPED: i64 = -1;

impl Engine {
    /// Goes on with what is cleared and not yet wiped, after the answer. Once at a time.
    pub(super) fn wipe_later(self: &Arc<Self>, key: DialogKey) {
        if !self.wiping.lock().insert(key) {
            return;
        }
        let engine = self.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.wipe(key).await {
                tracing::warn!(app = %key.app, dialog = %key.dialog, %error, "cannot wipe what was cleared; it goes on at the next load");
            }
            engine.wiping.lock().remove(&key);
        });
    }

    async fn wipe(&self, key: DialogKey) -> Result<(), Error> {
        let facts = self.facts.get(key).await?;
        self.settle_newest(key, facts.stamp).await?;
        self.wipe_changes(key, facts.cleared).await?;
        for segment in self.segments.chain(key).await?.iter() {
            let end = segment.next_seq().unwrap_or(u64::MAX).min(facts.cleared + 1);
            let mut from = segment.first_seq.max(facts.wiped + 1);
            while from < end {
                let upto = end.min(from + u64::from(CHUNK));
                self.wipe_rows(key, segment, (from - segment.first_seq) as u32, (upto - segment.first_seq) as u32).await?;
                self.facts.wiped(key, upto - 1).await?;
                from = upto;
            }
        }
        Ok(())
    }

    /// What was written in edits. To whom it was not told yet, the message is told to be removed.
    async fn wipe_changes(&self, key: DialogKey, cleared: u64) -> Result<(), Error> {
        for mut change in self.changes(key, 0, usize::MAX).await? {
            if change.seq <= cleared && matches!(change.what, Some(What::Edited(_))) {
                (change.what, change.relay) = (Some(What::Removed(true)), String::new());
                self.facts.replace(key, &change).await?;
            }
        }
        Ok(())
    }

    async fn wipe_rows(&self, key: DialogKey, segment: Segment, from: u32, upto: u32) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (stored, _) = self.counting(key, segment, from, upto).await?;
            let mut edits = Vec::new();
            for stored in &stored {
                let row = rows::message(stored)?;
                if let Some(wiped) = Edit::Remove.apply(&row, row.updated_at)? {
                    edits.push((stored, wiped));
                }
            }
            if edits.is_empty() || known(self.rows.edit_all(key, segment.number, &edits, WIPED).await)? == Some(true) {
                let left: Vec<u32> = stored.iter().filter(|stored| stored.row.is_some()).map(|stored| stored.position).collect();
                return if left.is_empty() { Ok(()) } else { self.rows.strip(key, segment.number, &left).await };
            }
        }
        Err(Error::Busy)
    }
}
