//! `POST /chat/Dialog` (contract rest 4.3).

use natter_proto::dialog::v1::{CreateRequest, DialogKind};
use natter_proto::{DialogId, UserId};

use super::{allow_preview, extensions, shown, user_ids, users};
use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;

/// Creates a dialog of any kind. Creating a private dialog again answers the one that is there.
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = match asked.params.number("type")? {
        None => return Err(Refusal::field("type", "is required")),
        Some(1) => group(door, asked, caller, DialogKind::Public).await?,
        Some(2) => group(door, asked, caller, DialogKind::Group).await?,
        Some(3) => private(door, asked, caller).await?,
        Some(4) => group(door, asked, caller, DialogKind::Broadcast).await?,
        Some(_) => return Err(Refusal::field("type", "is unknown")),
    };
    let dialog = door.dialogs().create(request).await?.into_inner();
    let mut object = shown(door, caller, &dialog).await?;
    // The answer of a creation always says 0.
    object["unread_messages_count"] = 0.into();
    Ok(Answer::created(object))
}

// Exactly one occupant besides the caller. Name and photo are those of the opponent, whatever is given.
async fn private(door: &Door, asked: &Asked, caller: &Caller) -> Result<CreateRequest, Refusal> {
    let (app, user) = (caller.0.app, caller.0.user);
    let mut others = user_ids(&asked.params, "occupants_ids")?;
    others.remove(&user);
    let known = users(door, app, others).await?;
    if known.len() > 1 {
        return Err(Refusal::list(422, "A private dialog has exactly one opponent."));
    }
    let opponent = known.into_keys().next().ok_or_else(Refusal::opponent_missing)?;
    Ok(CreateRequest {
        app,
        kind: DialogKind::Private.into(),
        owner: user,
        members: vec![user.min(opponent), user.max(opponent)],
        id: DialogId::of_pair(&caller.0.pair_key, UserId(user), UserId(opponent)).to_vec(),
        ..CreateRequest::default()
    })
}

// Public dialogs have a name and no occupants but who comes. A group may lack the name, and have nobody but its owner, but not if
// others were meant to be in it and none of them is known.
async fn group(door: &Door, asked: &Asked, caller: &Caller, kind: DialogKind) -> Result<CreateRequest, Refusal> {
    let (app, user, params) = (caller.0.app, caller.0.user, &asked.params);
    let name = params.text("name").filter(|name| !name.trim().is_empty());
    if name.is_none() && kind != DialogKind::Group {
        return Err(Refusal::field("name", "is required"));
    }
    let mut members = vec![user];
    if kind == DialogKind::Group {
        let mut others = user_ids(params, "occupants_ids")?;
        others.remove(&user);
        let is_alone = others.is_empty();
        members.extend(users(door, app, others).await?.into_keys());
        if members.len() == 1 && !is_alone {
            return Err(Refusal::opponent_missing());
        }
        members.sort_unstable();
    }
    let text = |key: &str| params.text(key).filter(|text| !text.is_empty());
    Ok(CreateRequest {
        app,
        kind: kind.into(),
        owner: user,
        members,
        name,
        photo: text("photo"),
        description: text("description"),
        id: Vec::new(),
        admins: user_ids(params, "admins_ids")?.into_iter().collect(),
        extensions: extensions(params)?.unwrap_or_default().into_iter().collect(),
        allow_preview: allow_preview(params),
    })
}
