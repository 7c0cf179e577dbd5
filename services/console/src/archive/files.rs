//! A file on its way from an archive to the storage service: one long call, whose parts come line by line.

use actix_web::web::Bytes;
use futures::SinkExt as _;
use futures::channel::mpsc::{Sender, channel};
use natter_proto::Failure;
use natter_proto::archive::v1::Taken;
use natter_proto::storage::v1::take_blob_part::Part;
use natter_proto::storage::v1::{Blob, Empty, TakeBlobHead, TakeBlobPart};
use tokio::task::JoinHandle;

use super::Archives;
use crate::error::Refusal;

/// Parts that wait for the disk.
const WAITING: usize = 4;
/// Bytes of one part.
const CHUNK: usize = 64 << 10;

/// Dropped before its end, nothing of the file is kept.
pub struct Sending {
    pub uid: String,
    parts: Sender<TakeBlobPart>,
    call: JoinHandle<Result<Taken, Failure>>,
}

impl Sending {
    pub async fn begin(archives: &Archives, blob: Blob, app_bytes_max: u64, dry: bool) -> Sending {
        let uid = blob.uid.clone();
        let (mut parts, taken) = channel(WAITING);
        let mut files = archives.files();
        let call = async move { Ok(files.take_blob(taken).await?.into_inner()) };
        let call = tokio::spawn(call);
        let head = TakeBlobHead { blob: Some(blob), dry, app_bytes_max };
        // Whoever has his answer takes no more: the answer says why.
        let _ = parts.send(TakeBlobPart { part: Some(Part::Head(head)) }).await;
        Sending { uid, parts, call }
    }

    pub async fn send(&mut self, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for from in (0..bytes.len()).step_by(CHUNK) {
            let chunk = bytes.slice(from..bytes.len().min(from + CHUNK));
            if self.parts.send(TakeBlobPart { part: Some(Part::Chunk(chunk)) }).await.is_err() {
                return;
            }
        }
    }

    pub async fn end(mut self) -> Result<Taken, Refusal> {
        let _ = self.parts.send(TakeBlobPart { part: Some(Part::End(Empty {})) }).await;
        drop(self.parts);
        let outcome = self.call.await;
        // The call is never aborted: it is over, or a promise of our own was broken.
        Ok(outcome.map_err(|_| Refusal::malformed("", "a file was not taken over"))??)
    }
}
