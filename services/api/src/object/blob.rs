//! The blob object (contract rest 6.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::storage::v1::{Blob, Status};
use serde_json::{Value, json};

use super::date;

/// A blob. Its size is known to all once it is complete.
pub(crate) fn blob(blob: &Blob) -> Value {
    let complete = blob.status() == Status::Complete;
    json!({
        "id": blob.id,
        "uid": blob.uid,
        "content_type": (!blob.content_type.is_empty()).then_some(&blob.content_type),
        "name": blob.name,
        "size": complete.then_some(blob.size),
        "public": blob.public,
        "blob_status": complete.then_some("complete"),
        "set_completed_at": complete.then(|| date(blob.completed_at)),
        "created_at": date(blob.created_at),
        "updated_at": date(blob.updated_at),
    })
}
