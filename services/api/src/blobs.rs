//! Attachments (contract rest 6): create, complete, look up, rename, delete, list. The bytes go their own ways: `blobs/upload.rs`
//! up, `blobs/content.rs` down.

mod content;
mod disposition;
mod kind;
mod range;
mod upload;

use natter_proto::storage::v1::{
    Blob, CompleteRequest, CreateReply, CreateRequest, GetRequest, ListReply, ListRequest, RenameRequest,
};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::decode::{Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object;

pub(crate) use content::{Conditions, content};
pub(crate) use upload::{Form, upload};

const PER_PAGE: u64 = 10;
const PER_PAGE_MAX: u64 = 100;

/// `POST /blobs`: a blob without content, and the address of its upload.
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = blob_params(&asked.params);
    let request = CreateRequest {
        app: caller.0.app,
        user: caller.0.user,
        name: params.text("name").ok_or_else(|| Wrong::new("name", "is required"))?,
        content_type: params.word("content_type").unwrap_or_default(),
        public: params.flag("public"),
        app_bytes_max: caller.0.quotas.map_or(0, |quotas| quotas.storage_bytes),
    };
    let CreateReply { blob, key, expires_at } = door.storage().create(request).await?.into_inner();
    let blob = blob.unwrap_or_default();
    let mut shown = object::blob(&blob);
    shown["blob_object_access"] = json!({
        "id": blob.id,
        "blob_id": blob.id,
        "expires": object::date(expires_at),
        "object_access_type": "Write",
        "params": format!("{}/blobs/{}/upload?key={key}", asked.root, blob.uid),
    });
    Ok(Answer::created(json!({ "blob": shown })))
}

/// `PUT /blobs/{id}/complete`. An SDK that swallowed a failed upload is told here.
pub(crate) async fn complete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let size = match asked.params.number("size")? {
        None => asked.params.get("blob").map(Params::from).unwrap_or_default().number("size")?,
        size => size,
    };
    let request = CompleteRequest { app: caller.0.app, user: caller.0.user, id: id_of(asked)?, size };
    door.storage().complete(request).await?;
    Ok(Answer::empty())
}

/// `GET /blobs/{id}` and `GET /blobs/{uid}.json`. With `blob[name]` it is the SDK's way to rename (contract rest 6.3): carried
/// out, but never for a `HEAD`.
pub(crate) async fn info(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    if asked.params.get("blob").is_some() && !asked.head && id_of(asked).is_ok() {
        return rename(door, asked, caller).await;
    }
    Ok(Answer::json(json!({ "blob": object::blob(&found(door, asked, caller).await?) })))
}

/// `PUT /blobs/{id}`.
pub(crate) async fn rename(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let name = blob_params(&asked.params).text("name").ok_or_else(|| Wrong::new("name", "is required"))?;
    let request = RenameRequest { app: caller.0.app, user: caller.0.user, id: id_of(asked)?, name };
    let blob = door.storage().rename(request).await?.into_inner();
    Ok(Answer::json(json!({ "blob": object::blob(&blob) })))
}

/// `DELETE /blobs/{id}`.
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = GetRequest { app: caller.0.app, user: caller.0.user, id: id_of(asked)?, uid: String::new() };
    door.storage().delete(request).await?;
    Ok(Answer::empty())
}

/// `GET /blobs/{uid}/object`: where the content is. The address of a private one holds the caller's token, as the SDK's own does.
pub(crate) async fn object_of(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let blob = found(door, asked, caller).await?;
    let token = if blob.public { String::new() } else { format!("?token={}", caller.0.token) };
    let url = format!("{}/blobs/{}{token}", asked.root, blob.uid);
    let mut shown = object::blob(&blob);
    // The documentation's sample misspells the key (contract rest 6.3).
    shown["blob_object_access"] = json!({ "download_url": url, "dowload_url": url });
    Ok(Answer::json(json!({ "blob": shown })))
}

/// `GET /blobs`: a page of the caller's own.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let page = asked.params.number("page")?.unwrap_or(1).max(1);
    let per_page = asked.params.number("per_page")?.unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX);
    let skip = (page - 1).saturating_mul(per_page);
    let request = ListRequest { app: caller.0.app, user: caller.0.user, skip, limit: per_page as u32, after: 0 };
    let ListReply { blobs, total } = door.storage().list(request).await?.into_inner();
    let items: Vec<Value> = blobs.iter().map(|blob| json!({ "blob": object::blob(blob) })).collect();
    Ok(Answer::json(json!({"current_page": page, "per_page": per_page, "total_entries": total, "items": items})))
}

async fn found(door: &Door, asked: &Asked, caller: &Caller) -> Result<Blob, Refusal> {
    let (app, user) = (caller.0.app, caller.0.user);
    let request = match id_of(asked) {
        Ok(id) => GetRequest { app, user, id, uid: String::new() },
        Err(_) => GetRequest { app, user, id: 0, uid: asked.ids.clone() },
    };
    Ok(door.storage().get(request).await?.into_inner())
}

// A malformed id is that of an unknown blob.
fn id_of(asked: &Asked) -> Result<u64, Refusal> {
    if asked.ids.bytes().all(|byte| byte.is_ascii_digit()) { asked.ids.parse().ok() } else { None }.ok_or_else(Refusal::not_found)
}

fn blob_params(params: &Params) -> Params {
    params.get("blob").map_or_else(|| params.clone(), Params::from)
}
