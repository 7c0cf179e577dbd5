//! `PUT /chat/Dialog/{id}` and `PUT /chat/Dialog/{id}/admins` (contract rest 4.5, 4.8).

use natter_proto::dialog::v1::{ChangeDialogRequest, DialogKind, Extensions, GetRequest};
use natter_proto::{Code, DialogId, Failure, MessageId};

use super::{allow_preview, extensions, id_of, shown, user_ids, users};
use crate::answer::Answer;
use crate::decode::Params;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;

/// Where the ids of pinned messages stand.
const PINNED: &str = "pinned_messages_ids";

/// Changes a dialog. What is not given stays; several operators in one request are one change. Users that are unknown are
/// not added.
pub(crate) async fn update(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = &asked.params;
    let (push, pull) = (inner(params, "push_all"), inner(params, "pull_all"));
    let add = users(door, caller.0.app, user_ids(&push, "occupants_ids")?).await?;
    let request = ChangeDialogRequest {
        name: params.text("name"),
        photo: emptied(params, "photo"),
        description: emptied(params, "description"),
        extensions: extensions(params)?.map(|own| Extensions { values: own.into_iter().collect() }),
        allow_preview: allow_preview(params),
        add_members: add.into_keys().collect(),
        remove_members: user_ids(&pull, "occupants_ids")?.into_iter().collect(),
        pin: pins(&push)?,
        // An id that is none is pinned nowhere.
        unpin: pull.list(PINNED).iter().filter_map(|id| id.parse().ok()).map(MessageId::to_vec).collect(),
        ..admins_of(&push, &pull)?
    };
    change(door, asked, caller, request).await
}

/// Makes occupants admins, or takes that from them. What else is given is of no account.
pub(crate) async fn admins(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = admins_of(&inner(&asked.params, "push_all"), &inner(&asked.params, "pull_all"))?;
    change(door, asked, caller, request).await
}

async fn change(door: &Door, asked: &Asked, caller: &Caller, request: ChangeDialogRequest) -> Result<Answer, Refusal> {
    let id = id_of(asked)?;
    let moves_users = !request.add_members.is_empty() || !request.remove_members.is_empty();
    let request = ChangeDialogRequest { app: caller.0.app, user: caller.0.user, dialog: id.to_vec(), ..request };
    match door.dialogs().change(request).await.map_err(Failure::from) {
        Ok(dialog) => Ok(Answer::json(shown(door, caller, &dialog.into_inner()).await?)),
        Err(failure) if failure.code == Code::Forbidden && moves_users && is_private(door, caller, id).await => {
            Err(Refusal::pair_is_fixed())
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn is_private(door: &Door, caller: &Caller, id: DialogId) -> bool {
    let request = GetRequest { app: caller.0.app, dialog: id.to_vec(), user: caller.0.user, preview: false };
    door.dialogs().get(request).await.is_ok_and(|dialog| dialog.into_inner().kind() == DialogKind::Private)
}

fn admins_of(push: &Params, pull: &Params) -> Result<ChangeDialogRequest, Refusal> {
    Ok(ChangeDialogRequest {
        add_admins: user_ids(push, "admins_ids")?.into_iter().collect(),
        remove_admins: user_ids(pull, "admins_ids")?.into_iter().collect(),
        ..ChangeDialogRequest::default()
    })
}

fn inner(params: &Params, key: &str) -> Params {
    params.get(key).map(Params::from).unwrap_or_default()
}

// JSON null empties the field.
fn emptied(params: &Params, key: &str) -> Option<String> {
    if params.is_null(key) { Some(String::new()) } else { params.text(key) }
}

// A malformed id is that of an unknown message.
fn pins(params: &Params) -> Result<Vec<Vec<u8>>, Refusal> {
    let id = |id: &String| id.parse().map(MessageId::to_vec).map_err(|_| Refusal::not_found());
    params.list(PINNED).iter().map(id).collect()
}
