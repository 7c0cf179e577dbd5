//! The upload of one content: let in, begun, taken chunk by chunk, made durable, settled.

use std::sync::Arc;

use bytes::Bytes as Chunk;
use natter_proto::BlobUid;
use natter_proto::storage::v1::{Blob, UploadHead};

use crate::blob::{BlobRow, Object, Refused};
use crate::bytes::Writer;
use crate::error::Error;
use crate::room::{self, Guest};
use crate::service::Files;
use crate::store::{self, Doomed, Kept};

/// No upload lasts longer: the door cuts it long before. So long the object of one that was given up may still be written.
pub const UPLOAD_LASTS_MS_MAX: i64 = 2 * 60 * 60 * 1_000;

/// An upload under way. Dropped, it leaves nothing but the name of its object in the row, which goes with the row.
pub struct Upload {
    files: Arc<Files>,
    kept: Kept,
    object: Object,
    writer: Box<dyn Writer>,
    seat: Seat,
    size: u64,
}

/// A place among the uploads under way, given back when it is dropped.
struct Seat {
    files: Arc<Files>,
    guest: Guest,
    granted: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.files.metrics.uploads_open.dec();
        self.files.room.lock().leave(self.guest, self.granted);
    }
}

impl Upload {
    /// Lets an upload in whose key is right and for which there is room.
    pub async fn begin(files: &Arc<Files>, head: UploadHead) -> Result<Upload, Error> {
        let uid: BlobUid = head.uid.parse().map_err(|_| Refused::Key)?;
        let kept = files.blobs.blob_of(uid).await?.ok_or(Refused::Key)?;
        let now = files.clock.now_ms();
        let opens = |row: &BlobRow| row.opens(&head.key, now, files.upload_life_ms());
        Upload::into(files, kept, head.bytes_max, opens).await
    }

    /// An upload into a blob that takes one, as the rule says.
    pub async fn into(
        files: &Arc<Files>,
        kept: Kept,
        bytes_max: u64,
        opens: impl Fn(&BlobRow) -> Result<(), Refused>,
    ) -> Result<Upload, Error> {
        opens(&kept.row)?;
        let now = files.clock.now_ms();
        let seat = Seat::take(files, &kept.row, bytes_max).await?;
        let object = Object(files.chance.bytes());
        let begun = files.step(kept, |row| {
            opens(row)?;
            let before = row.object().map(|object| Doomed { due_at: now + UPLOAD_LASTS_MS_MAX, object });
            Ok((row.begun(object), before))
        });
        let kept = begun.await?;
        let writer = files.bytes.write(object, seat.granted).await?;
        Ok(Upload { files: files.clone(), kept, object, writer, seat, size: 0 })
    }

    /// Takes the next bytes, or refuses what is too much.
    pub async fn append(&mut self, chunk: Chunk) -> Result<(), Error> {
        let options = &self.files.options;
        let size = self.size + chunk.len() as u64;
        if size > options.file_bytes_max {
            return Err(Error::TooLarge(options.file_bytes_max));
        }
        if size > self.seat.granted {
            self.files.note_quota(self.seat.guest);
            return Err(Error::Quota);
        }
        self.files.metrics.bytes_in.inc_by(chunk.len() as u64);
        self.size = size;
        Ok(self.writer.append(chunk).await?)
    }

    /// Makes the content durable, then its row. Run to its end, whoever still waits for it.
    pub async fn finish(self) -> Result<Blob, Error> {
        let Upload { files, kept, object, writer, size, seat } = self;
        let settled = async {
            writer.finish().await?;
            let now = files.clock.now_ms();
            let after = files.step(kept, |row| Ok((row.stored(object, size, now)?, None)));
            Ok::<_, Error>(after.await?.row.shown())
        };
        let outcome = settled.await;
        if outcome.as_ref().is_err_and(is_certain)
            && let Err(error) = files.bytes.remove(object).await
        {
            tracing::warn!(%error, "what a refused upload wrote stays until its file is over");
        }
        drop(seat);
        outcome
    }
}

// What may have been written to the row must stay: the sweep finds it by the row, whichever came true.
fn is_certain(error: &Error) -> bool {
    !matches!(error, Error::Store(store::Error::Db(natter_db::Error::Unknown(_))))
}

impl Seat {
    async fn take(files: &Arc<Files>, row: &BlobRow, expected: u64) -> Result<Seat, Error> {
        let guest = Guest { app: row.app, user: row.owner };
        let free = files.limit(row).bytes.saturating_sub(files.blobs.usage(guest.app).await?.bytes);
        let granted = files.room.lock().enter(&files.options, guest, expected, free);
        if granted == Err(room::Refused::Quota) {
            files.note_quota(guest);
        }
        let granted = granted.map_err(|refused| Error::of_room(refused, files.options.file_bytes_max))?;
        files.metrics.uploads_open.inc();
        Ok(Seat { files: files.clone(), guest, granted })
    }
}
