//! `PUT /chat/Message` and `DELETE /chat/Message` (contract rest 5.4, 5.5).

use natter_proto::dialog::v1::{GetRequest, MarkRequest, RemoveMessagesRequest, UpdateMessageRequest};
use natter_proto::event::v1::MarkKind;
use natter_proto::{DialogId, MessageId};

use super::dialog_of;
use crate::answer::Answer;
use crate::decode::{Params, Wrong};
use crate::dialogs::three_lists;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::hex;
use crate::path;

/// Marks messages read or delivered, or gives one another text. Without ids: every message of the dialog.
pub(crate) async fn update(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = &asked.params;
    let text = params.text("message");
    let mark = mark_of(params);
    let names = path::ids(&asked.ids);
    let dialog = dialog_of(params)?;
    if names.is_empty() {
        let dialog = dialog.ok_or_else(|| Wrong::new("chat_dialog_id", "is required"))?;
        if text.is_some() {
            return Err(Refusal::field("message", "can be changed for given ids only"));
        }
        // To the service it is no mistake to mark in a dialog that nobody made; here it is one (contract rest 1.6).
        let request = GetRequest { app: caller.0.app, dialog: dialog.to_vec(), user: caller.0.user, preview: false };
        door.dialogs().get(request).await?;
        if let Some(kind) = mark {
            door.dialogs().mark(marking(caller, Some(dialog), kind, Vec::new())).await?;
        }
        return Ok(Answer::empty());
    }
    let ids: Vec<MessageId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if ids.is_empty() {
        return Err(Refusal::not_found());
    }
    if let Some(text) = &text {
        edit(door, caller, dialog, &ids, text).await?;
    }
    if let Some(kind) = mark {
        let found = door.dialogs().mark(marking(caller, dialog, kind, ids)).await?.into_inner().found;
        if found == 0 {
            return Err(Refusal::not_found());
        }
    }
    Ok(Answer::empty())
}

fn mark_of(params: &Params) -> Option<MarkKind> {
    match (params.flag("read"), params.flag("delivered")) {
        (true, _) => Some(MarkKind::Read),
        (false, true) => Some(MarkKind::Delivered),
        (false, false) => None,
    }
}

// Without a dialog the ids are looked for among those of the caller, by the dialog service.
//
// Nobody is told: a status set over REST is a matter of the stored state (contract rest 5.4).
fn marking(caller: &Caller, dialog: Option<DialogId>, kind: MarkKind, ids: Vec<MessageId>) -> MarkRequest {
    MarkRequest {
        app: caller.0.app,
        dialog: dialog.map(DialogId::to_vec).unwrap_or_default(),
        user: caller.0.user,
        kind: kind.into(),
        all: ids.is_empty(),
        ids: ids.into_iter().map(MessageId::to_vec).collect(),
        ..MarkRequest::default()
    }
}

async fn edit(door: &Door, caller: &Caller, dialog: Option<DialogId>, ids: &[MessageId], text: &str) -> Result<(), Refusal> {
    let (app, user) = (caller.0.app, caller.0.user);
    let dialog = dialog.map(DialogId::to_vec).unwrap_or_default();
    for id in ids {
        let request = UpdateMessageRequest {
            app,
            user,
            dialog: dialog.clone(),
            id: id.to_vec(),
            body: text.to_owned(),
            ..UpdateMessageRequest::default()
        };
        door.dialogs().update(request).await?;
    }
    Ok(())
}

/// Hides messages from the caller, or removes them for all with `force`. Always three lists (contract rest 5.5).
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let names = path::ids(&asked.ids);
    let ids: Vec<MessageId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let mut not_found: Vec<String> =
        names.iter().filter(|name| name.parse::<MessageId>().is_err()).map(|name| (*name).to_owned()).collect();
    let (mut removed, mut forbidden) = (Vec::new(), Vec::new());
    if !ids.is_empty() {
        let request = RemoveMessagesRequest {
            app: caller.0.app,
            user: caller.0.user,
            ids: ids.into_iter().map(MessageId::to_vec).collect(),
            force: asked.params.flag("force"),
            ..RemoveMessagesRequest::default()
        };
        let reply = door.dialogs().remove(request).await?.into_inner();
        removed = reply.removed.iter().map(|id| hex(id)).collect::<Vec<_>>();
        forbidden = reply.forbidden.iter().map(|id| hex(id)).collect::<Vec<_>>();
        not_found.extend(reply.not_found.iter().map(|id| hex(id)));
    }
    Ok(Answer::json(three_lists(&removed, &not_found, &forbidden)))
}
