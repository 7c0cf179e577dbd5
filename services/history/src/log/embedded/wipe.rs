//! What rows said that were cleared for all goes from the disk, a piece at a time, while the log is in use.

use natter_db::Batch;
use natter_proto::event::v1::change::What;
use prost::Message as _;

use super::keys::{self, CHANGES, MESSAGES};
use super::live::{Touch, Verdict};
use super::{Engine, put_head};
use crate::edit::Edit;
use crate::error::Error;
use crate::log::DialogKey;
use crate::ranges::Ranges;

/// Rows wiped by one commit.
const CHUNK: u64 = 256;

impl Engine {
    /// Wipes until nothing is left to wipe of what is cleared now. What fails is tried again when the dialog is loaded again.
    pub(super) async fn wipe(&self, key: DialogKey) {
        let wiped = async {
            let cleared = self.reader.head(key).await?.cleared;
            self.wipe_changes(key, cleared).await?;
            while self.wipe_rows(key, cleared).await? {}
            Ok::<(), Error>(())
        };
        if let Err(error) = wiped.await {
            tracing::warn!(app = %key.app, dialog = %key.dialog, %error, "cannot wipe what was cleared; it goes on at the next load");
        }
    }

    /// What was written in edits. To whom it was not told yet, the message is told to be removed.
    async fn wipe_changes(&self, key: DialogKey, cleared: u64) -> Result<(), Error> {
        let mut batch = Batch::new();
        for mut change in self.reader.changes(key, 0, usize::MAX).await? {
            if change.seq <= cleared && matches!(change.what, Some(What::Edited(_))) {
                (change.what, change.relay) = (Some(What::Removed(true)), String::new());
                batch.put(CHANGES, keys::numbered(key, change.stamp), change.encode_to_vec());
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.write(key, touch(), |_| Ok(Verdict::Write(std::mem::take(&mut batch), ()))).await
    }

    /// One piece. `false`: nothing was left.
    async fn wipe_rows(&self, key: DialogKey, cleared: u64) -> Result<bool, Error> {
        let wiped = self.reader.head(key).await?.wiped;
        if wiped >= cleared {
            return Ok(false);
        }
        let upto = cleared.min(wiped + CHUNK);
        let mut rows = Batch::new();
        for row in self.reader.rows(key, &Ranges::of(wiped + 1, upto)).await? {
            // Nobody replaces a row that is removed: this is what is there, or it was wiped meanwhile.
            if let Some(row) = Edit::Remove.apply(&row, row.updated_at)? {
                rows.put(MESSAGES, keys::numbered(key, row.seq), row.encode_to_vec());
            }
        }
        let written = self.write(key, touch(), |dialog| {
            if dialog.head.wiped >= upto {
                return Ok(Verdict::Same(()));
            }
            let mut batch = std::mem::take(&mut rows);
            dialog.head.wiped = upto;
            put_head(key, &dialog.head, &mut batch);
            Ok(Verdict::Write(batch, ()))
        });
        written.await?;
        Ok(true)
    }
}

fn touch() -> Touch {
    Touch { users: Vec::new(), head: true, durable: true }
}
