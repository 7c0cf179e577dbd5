//! Who is in a dialog and hears of it: `subscribe`, `notifications`, `occupants` (contract rest 4.8).

use natter_proto::dialog::v1::{GetRequest, NotifyRequest, OccupantsRequest, SubscribeRequest};
use serde_json::{Value, json};

use super::{id_of, shown, users};
use crate::answer::Answer;
use crate::decode::Wrong;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::{self, is_public};

/// Default and most of one page of occupants.
const LIMIT_MAX: u64 = 100;

/// `POST /chat/Dialog/{id}/subscribe`: the caller joins a public dialog.
pub(crate) async fn subscribe(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let dialog = door.dialogs().subscribe(subscription(asked, caller, false)?).await?.into_inner();
    Ok(Answer::json(shown(door, caller, &dialog).await?))
}

/// `DELETE /chat/Dialog/{id}/subscribe`: the caller leaves it.
pub(crate) async fn unsubscribe(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    door.dialogs().subscribe(subscription(asked, caller, true)?).await?;
    Ok(Answer::empty())
}

fn subscription(asked: &Asked, caller: &Caller, leave: bool) -> Result<SubscribeRequest, Refusal> {
    Ok(SubscribeRequest { app: caller.0.app, dialog: id_of(asked)?.to_vec(), user: caller.0.user, leave })
}

/// `GET /chat/Dialog/{id}/notifications`: whether the caller wants alerts of the dialog.
pub(crate) async fn notifications(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    notified(door, asked, caller, None).await
}

/// `PUT /chat/Dialog/{id}/notifications`.
pub(crate) async fn notify(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    asked.params.word("enabled").ok_or_else(|| Wrong::new("enabled", "is required"))?;
    notified(door, asked, caller, Some(asked.params.flag("enabled"))).await
}

async fn notified(door: &Door, asked: &Asked, caller: &Caller, enabled: Option<bool>) -> Result<Answer, Refusal> {
    let request = NotifyRequest { app: caller.0.app, dialog: id_of(asked)?.to_vec(), user: caller.0.user, enabled };
    let enabled = door.dialogs().notify(request).await?.into_inner().enabled;
    Ok(Answer::json(json!({"notifications": {"enabled": u8::from(enabled)}})))
}

/// `GET /chat/Dialog/{id}/occupants`: a page of users, ascending by id. An occupant whose account is gone is left out of the page.
pub(crate) async fn occupants(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let (app, user, id) = (caller.0.app, caller.0.user, id_of(asked)?);
    let skip = asked.params.number("skip")?.unwrap_or_default();
    let limit = asked.params.number("limit")?.unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
    let request = GetRequest { app, dialog: id.to_vec(), user, preview: false };
    let dialog = door.dialogs().get(request).await?.into_inner();
    let mut members = dialog.members.clone();
    if is_public(&dialog) {
        // A public dialog itself does not say who is in it.
        let request = OccupantsRequest { app, dialog: id.to_vec(), user, members: true };
        members = door.dialogs().occupants(request).await?.into_inner().users;
    }
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let page = members.into_iter().skip(skip).take(limit as usize).collect();
    let items: Vec<Value> = users(door, app, page).await?.values().map(object::user).collect();
    Ok(Answer::json(json!({ "items": items })))
}
