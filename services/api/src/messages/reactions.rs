//! `PUT /chat/Message/{id}/reactions` and `GET /chat/Message/{id}/reactions` (contract rest 5.7).

use natter_proto::MessageId;
use natter_proto::dialog::v1::{ReactRequest, ReactionsRequest};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;

/// Adds and removes a reaction of the caller. One that is there already, or is not, is no mistake.
pub(crate) async fn react(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let id = id_of(asked)?;
    let given = |key: &str| asked.params.text(key).unwrap_or_default();
    let (add, remove) = (given("add"), given("remove"));
    if add.is_empty() && remove.is_empty() {
        return Err(Refusal::field("add", "is required"));
    }
    let request =
        ReactRequest { app: caller.0.app, user: caller.0.user, id: id.to_vec(), add, remove, ..ReactRequest::default() };
    door.dialogs().react(request).await?;
    Ok(Answer::empty())
}

/// All reactions to a message, each with its users.
pub(crate) async fn reactions(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = ReactionsRequest { app: caller.0.app, user: caller.0.user, id: id_of(asked)?.to_vec() };
    let all = door.dialogs().reactions(request).await?.into_inner().reactions;
    let object: Map<String, Value> = all.into_iter().map(|one| (one.reaction, json!(one.users))).collect();
    Ok(Answer::json(object.into()))
}

// A malformed id is that of an unknown message.
fn id_of(asked: &Asked) -> Result<MessageId, Refusal> {
    asked.ids.parse().map_err(|_| Refusal::not_found())
}
