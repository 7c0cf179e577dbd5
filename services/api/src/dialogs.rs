//! Dialogs: create, list, change, delete, and who is in them (contract rest 4).

mod change;
mod create;
mod delete;
mod list;
mod listing;
mod membership;

pub(crate) use change::{admins, update};
pub(crate) use create::create;
pub(crate) use delete::{clear, delete, three_lists};
pub(crate) use list::list;
pub(crate) use membership::{notifications, notify, occupants, subscribe, unsubscribe};

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::account::v1::{GetUsersRequest, User};
use natter_proto::dialog::v1::Dialog;
use natter_proto::history::v1::UnreadRequest;
use natter_proto::{DialogId, UserId};
use serde_json::{Value, json};

use crate::decode::{self, Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::{View, is_public, opponent_of};
use crate::origin;

/// Most ids of one list of users, as many as a group may have.
const USERS_MAX: usize = 10_000;
/// Users asked for at once.
const USERS_CHUNK: usize = 500;

// The dialog of the path. A malformed id is an unknown one.
fn id_of(asked: &Asked) -> Result<DialogId, Refusal> {
    asked.ids.parse().map_err(|_| Refusal::not_found())
}

/// Users by id; those that are unknown are left out.
pub(crate) async fn users(door: &Door, app: u64, ids: BTreeSet<u64>) -> Result<BTreeMap<u64, User>, Refusal> {
    let ids: Vec<u64> = ids.into_iter().collect();
    let mut users = BTreeMap::new();
    for ids in ids.chunks(USERS_CHUNK) {
        let request = GetUsersRequest { app, ids: ids.to_vec() };
        let known = door.accounts().get_users(request).await?.into_inner().users;
        users.extend(known.into_iter().map(|user| (user.id, user)));
    }
    Ok(users)
}

// The users a list names, ascending. What is no id names nobody.
fn user_ids(params: &Params, key: &str) -> Result<BTreeSet<u64>, Refusal> {
    let ids: BTreeSet<u64> = params.list(key).iter().filter_map(|id| id.parse().ok()).map(|UserId(id)| id).collect();
    if ids.len() > USERS_MAX {
        return Err(Refusal::field(key, format!("names more than {USERS_MAX} users")));
    }
    Ok(ids)
}

// The app's own keys, as texts; `None`: not given. JSON null is none of them.
fn extensions(params: &Params) -> Result<Option<BTreeMap<String, String>>, Wrong> {
    if params.is_null("extensions") {
        return Ok(Some(BTreeMap::new()));
    }
    match params.get("extensions") {
        None => Ok(None),
        Some(own) if own.is_object() => {
            let own = Params::from(own);
            let texts = own.iter().filter_map(|(key, value)| Some((key.to_owned(), decode::text(value)?)));
            Ok(Some(texts.collect()))
        }
        Some(_) => Err(Wrong::new("extensions", "is not an object")),
    }
}

// Whether those who are no members may look into the dialog; `None`: not given. Without any permissions they may not.
fn allow_preview(params: &Params) -> Option<bool> {
    if params.is_null("permissions") {
        return Some(false);
    }
    params.get("permissions").map(Params::from)?.get("allow_preview").and_then(decode::flag)
}

// The dialog object for the caller, with what the log says of it.
async fn shown(door: &Door, caller: &Caller, dialog: &Dialog) -> Result<Value, Refusal> {
    let (app, viewer, from_joining) = (caller.0.app, caller.0.user, dialog.from_joining);
    let mut state = None;
    // Who just left a group sees no more of it.
    if is_public(dialog) || dialog.members.contains(&viewer) {
        let request = UnreadRequest { app, user: viewer, dialogs: vec![dialog.id.clone()], counts_only: false, from_joining };
        state = door.history().unread(request).await?.into_inner().rows.pop();
    }
    let opponent = users(door, app, opponent_of(dialog, viewer).into_iter().collect()).await?.pop_first();
    let opponent = opponent.as_ref().map(|(_, user)| user);
    let muc_domain = origin::muc_domain(&door.muc_domain, &caller.0);
    Ok(json!(View { dialog, state: state.as_ref(), opponent, viewer, muc_domain: &muc_domain }))
}
