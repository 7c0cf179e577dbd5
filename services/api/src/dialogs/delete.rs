//! `DELETE /chat/Dialog/{ids}` and `DELETE /chat/Dialog/clearHistory/{ids}` (contract rest 4.7, 4.8).

use natter_proto::dialog::v1::{ClearDialogRequest, DeleteRequest};
use natter_proto::{Code, DialogId, Failure};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::path;

/// One id is answered empty, several by three lists. Safe to repeat: a failure half way leaves the rest for the next try.
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let force = asked.params.flag("force");
    let ids = path::ids(&asked.ids);
    if let [id] = ids[..] {
        delete_one(door, caller, id, force).await?;
        return Ok(Answer::empty());
    }
    let (mut deleted, mut not_found, mut forbidden) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        match delete_one(door, caller, id, force).await {
            Ok(()) => deleted.push(id),
            Err(failure) if failure.code == Code::NotFound => not_found.push(id),
            Err(failure) if failure.code == Code::Forbidden => forbidden.push(id),
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(Answer::json(three_lists(&deleted, &not_found, &forbidden)))
}

async fn delete_one(door: &Door, caller: &Caller, id: &str, force: bool) -> Result<(), Failure> {
    let request = DeleteRequest { app: caller.0.app, user: caller.0.user, dialog: known_form(id)?, force };
    door.dialogs().delete(request).await?;
    Ok(())
}

/// Hides everything up to now from the caller, or with `force` from all. Stops at the first dialog that refuses.
pub(crate) async fn clear(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let force = asked.params.flag("force");
    for id in path::ids(&asked.ids) {
        let request = ClearDialogRequest { app: caller.0.app, user: caller.0.user, dialog: known_form(id)?, force };
        door.dialogs().clear(request).await?;
    }
    Ok(Answer::empty())
}

fn known_form(id: &str) -> Result<Vec<u8>, Failure> {
    id.parse().map(DialogId::to_vec).map_err(|_| Failure::new(Code::NotFound, "no such dialog"))
}

/// What became of several ids. All three keys are always there.
pub(crate) fn three_lists(deleted: &[impl AsRef<str>], not_found: &[impl AsRef<str>], forbidden: &[impl AsRef<str>]) -> Value {
    fn ids(list: &[impl AsRef<str>]) -> Value {
        json!({"ids": list.iter().map(AsRef::as_ref).collect::<Vec<&str>>()})
    }
    json!({"SuccessfullyDeleted": ids(deleted), "NotFound": ids(not_found), "WrongPermissions": ids(forbidden)})
}
