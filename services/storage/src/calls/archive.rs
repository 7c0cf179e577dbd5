//! A file that an archive brings (decision 0039): with its ids, dates and content, if there is none of that uid. Until its content is
//! there it is like any file that nobody has finished: what a crash leaves is taken up by the next import, or goes with the sweep.

use std::sync::Arc;

use bytes::Bytes as Chunk;
use natter_proto::BlobUid;
use natter_proto::archive::v1::{Clash, Taken};
use natter_proto::storage::v1::{Blob, Status, TakeBlobHead};

use super::uploads::Upload;
use crate::blob::{BlobRow, CONTENT_TYPE_BYTES_MAX, Refused, State, check_name};
use crate::error::Error;
use crate::service::Files;
use crate::store::{self, Kept};

/// Ids that are brought lie below it, so that there is room above them: numbers from 2^53 on do not survive JavaScript.
const ID_END: u64 = 1 << 52;

/// A file on its way in.
pub struct Brought {
    files: Arc<Files>,
    blob: Blob,
    upload: Upload,
    size: u64,
}

impl Brought {
    /// Begins it, or says that nothing is to be written and why.
    pub async fn begin(files: &Arc<Files>, head: TakeBlobHead) -> Result<Result<Brought, Taken>, Error> {
        let TakeBlobHead { blob, dry, app_bytes_max } = head;
        let blob = blob.unwrap_or_default();
        let row = match drafted(&blob, app_bytes_max, files) {
            Ok(row) => row,
            Err(text) => return Ok(Err(clash(&blob, text))),
        };
        let by_uid = files.blobs.blob_of(row.uid).await?;
        let by_id = files.blobs.blob(row.app, row.id).await?;
        let is_it =
            |kept: &Kept| (kept.row.app, kept.row.id, kept.row.uid, kept.row.owner) == (row.app, row.id, row.uid, row.owner);
        let kept = match by_uid.or(by_id) {
            Some(kept) if !is_it(&kept) => return Ok(Err(clash(&blob, "another file has its id"))),
            Some(kept) if kept.row.is_complete() => {
                return Ok(Err(match kept.row.weight().bytes == blob.size {
                    true => Taken { same: 1, ..Taken::default() },
                    false => clash(&blob, "a file of another size is there"),
                }));
            }
            kept => kept,
        };
        if dry {
            return Ok(Err(Taken { taken: 1, ..Taken::default() }));
        }
        files.ids.raise(files.blobs.as_ref(), row.id).await?;
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let limit = files.limit(&row);
                match files.blobs.add(row.clone(), limit).await {
                    Err(store::Error::Full) => return Ok(Err(clash(&blob, "its app has no room for more files"))),
                    added => added?,
                }
                files.blobs.blob(row.app, row.id).await?.ok_or(Error::Unknown)?
            }
        };
        // One whose content is there, and not its end, is written once more.
        let kept =
            files.step(kept, |row| Ok((BlobRow { state: State::Empty { pending: row.object() }, ..row.clone() }, None))).await?;
        let opens = |row: &BlobRow| match row.state {
            State::Empty { .. } => Ok(()),
            State::Stored { .. } | State::Complete { .. } => Err(Refused::Uploaded),
        };
        match Upload::into(files, kept, blob.size, opens).await {
            Err(error @ (Error::TooLarge(_) | Error::Quota)) => Ok(Err(clash(&blob, error.to_string()))),
            upload => Ok(Ok(Brought { files: files.clone(), blob, upload: upload?, size: 0 })),
        }
    }

    pub async fn append(&mut self, chunk: Chunk) -> Result<(), Error> {
        self.size += chunk.len() as u64;
        self.upload.append(chunk).await
    }

    /// Makes the content durable, then says in its row that it is complete, since when it was.
    pub async fn finish(self) -> Result<Taken, Error> {
        let Brought { files, blob, upload, size } = self;
        if size != blob.size {
            return Ok(clash(&blob, format!("its content has {size} bytes and not {}", blob.size)));
        }
        upload.finish().await?;
        let kept = files.blobs.blob(blob.app, blob.id).await?.ok_or(Error::Unknown)?;
        let complete = files.step(kept, |row| {
            let State::Stored { object, size } = row.state else { return Err(Refused::Superseded.into()) };
            let state = State::Complete { object, size, at: blob.completed_at };
            let (created_at, updated_at) = (blob.created_at, blob.updated_at);
            Ok((BlobRow { state, created_at, updated_at, ..row.clone() }, None))
        });
        complete.await?;
        Ok(Taken { taken: 1, ..Taken::default() })
    }
}

/// The row until the content is there: made now, so that the sweep leaves it alone for a while. No key opens it.
fn drafted(blob: &Blob, app_bytes_max: u64, files: &Files) -> Result<BlobRow, String> {
    let uid: BlobUid = blob.uid.parse().map_err(|_| "its uid is none".to_owned())?;
    if blob.id == 0 || blob.id >= ID_END || blob.app == 0 || blob.owner == 0 {
        return Err("lacks an id, an app or an owner".into());
    }
    if blob.status() != Status::Complete {
        return Err("is not complete".into());
    }
    check_name(&blob.name).map_err(|_| "its name is none".to_owned())?;
    if blob.content_type.len() > CONTENT_TYPE_BYTES_MAX || blob.content_type.chars().any(char::is_control) {
        return Err("its content_type is none".into());
    }
    let now = files.clock.now_ms();
    Ok(BlobRow {
        app: blob.app,
        id: blob.id,
        uid,
        owner: blob.owner,
        name: blob.name.clone(),
        content_type: blob.content_type.clone(),
        public: blob.public,
        key_hash: files.chance.bytes(),
        created_at: now,
        updated_at: now,
        state: State::Empty { pending: None },
        app_bytes_max,
    })
}

fn clash(blob: &Blob, text: impl Into<String>) -> Taken {
    let what = format!("file {} of app {}", blob.id, blob.app);
    Taken { clashes: vec![Clash { what, text: text.into() }], ..Taken::default() }
}
