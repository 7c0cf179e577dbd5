//! Dialogs: create, list, delete (contract rest 4).

mod listing;

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::account::v1::{GetUsersRequest, User};
use natter_proto::dialog::v1::{CreateRequest, DeleteRequest, DialogKind, ListRequest};
use natter_proto::history::v1::UnreadRequest;
use natter_proto::{Code, DialogId, Failure, UserId};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::{self, View, opponent_of};
use crate::path;
use listing::Listing;

/// `POST /chat/Dialog`. Creating a private dialog again answers the one that is there (contract rest 4.3).
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    match asked.params.number("type")? {
        None => return Err(Refusal::field("type", "is required")),
        Some(3) => {}
        Some(1 | 2 | 4) => return Err(Refusal::field("type", "is not offered; dialogs of type 3 are")),
        Some(_) => return Err(Refusal::field("type", "is unknown")),
    }
    let (app, user) = (caller.0.app, UserId(caller.0.user));
    let opponent = opponent(door, asked, caller).await?;
    let request = CreateRequest {
        app,
        kind: DialogKind::Private.into(),
        owner: user.0,
        members: vec![user.0.min(opponent.id), user.0.max(opponent.id)],
        id: DialogId::of_pair(&caller.0.pair_key, user, UserId(opponent.id)).to_vec(),
        ..CreateRequest::default()
    };
    let dialog = door.dialogs().create(request).await?.into_inner();
    let request = UnreadRequest { app, user: user.0, dialogs: vec![dialog.id.clone()], counts_only: false };
    let mut state = door.history().unread(request).await?.into_inner().rows.pop();
    // The answer of a creation always says 0 (contract rest 4.3).
    state.iter_mut().for_each(|state| state.unread = 0);
    let view =
        View { dialog: &dialog, state: state.as_ref(), opponent: Some(&opponent), viewer: user.0, muc_domain: &door.muc_domain };
    Ok(Answer::created(object::dialog(view)))
}

// The one occupant besides the caller. Unknown ones are dropped (contract rest 4.3).
async fn opponent(door: &Door, asked: &Asked, caller: &Caller) -> Result<User, Refusal> {
    let ids = asked.params.list("occupants_ids");
    let others: BTreeSet<u64> =
        ids.iter().filter_map(|id| id.parse().ok()).map(|UserId(id)| id).filter(|id| *id != caller.0.user).collect();
    let mut known = users(door, caller.0.app, others).await?;
    if known.len() > 1 {
        return Err(Refusal::list(422, "A private dialog has exactly one opponent."));
    }
    known.pop_first().map(|(_, user)| user).ok_or_else(Refusal::opponent_missing)
}

/// `GET /chat/Dialog` (contract rest 4.4).
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let listing = Listing::read(&asked.params)?;
    let (app, viewer) = (caller.0.app, caller.0.user);
    let request = ListRequest { app, user: viewer, with_hidden: false, brief: false };
    let entries = door.dialogs().list(request).await?.into_inner().entries;
    let entries: Vec<_> = entries.iter().filter_map(|entry| Some((entry.dialog.as_ref()?, entry.state.as_ref()))).collect();
    let mut opponents = BTreeMap::new();
    if listing.looks_at_names() {
        let ids = entries.iter().filter_map(|(dialog, _)| opponent_of(dialog, viewer)).collect();
        opponents = users(door, app, ids).await?;
    }
    let views = entries.iter().map(|(dialog, state)| {
        let opponent = opponent_of(dialog, viewer).and_then(|id| opponents.get(&id));
        View { dialog, state: *state, opponent, viewer, muc_domain: &door.muc_domain }
    });
    let (total, page) = listing.page(views.collect());
    if listing.count_only {
        return Ok(Answer::json(json!({"items": {"count": total}})));
    }
    let mut shown = BTreeMap::new();
    if !listing.looks_at_names() {
        shown = users(door, app, page.iter().filter_map(|view| opponent_of(view.dialog, viewer)).collect()).await?;
    }
    let complete = |view: View<'_>| {
        let found = opponent_of(view.dialog, viewer).and_then(|id| shown.get(&id));
        object::dialog(View { opponent: view.opponent.or(found), ..view })
    };
    let items: Vec<Value> = page.into_iter().map(complete).collect();
    Ok(Answer::json(json!({"total_entries": total, "skip": listing.skip, "limit": listing.limit, "items": items})))
}

async fn users(door: &Door, app: u64, ids: BTreeSet<u64>) -> Result<BTreeMap<u64, User>, Refusal> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let request = GetUsersRequest { app, ids: ids.into_iter().collect() };
    let users = door.accounts().get_users(request).await?.into_inner().users;
    Ok(users.into_iter().map(|user| (user.id, user)).collect())
}

/// `DELETE /chat/Dialog/{ids}`: one id is answered empty, several by three lists (contract rest 4.7). Safe to repeat: a
/// failure half way leaves the rest for the next try.
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
    let id: DialogId = id.parse().map_err(|_| Failure::new(Code::NotFound, "no such dialog"))?;
    let request = DeleteRequest { app: caller.0.app, user: caller.0.user, dialog: id.to_vec(), force };
    door.dialogs().delete(request).await?;
    Ok(())
}

/// What became of several ids. All three keys are always there.
pub(crate) fn three_lists(deleted: &[impl AsRef<str>], not_found: &[impl AsRef<str>], forbidden: &[impl AsRef<str>]) -> Value {
    fn ids(list: &[impl AsRef<str>]) -> Value {
        json!({"ids": list.iter().map(AsRef::as_ref).collect::<Vec<&str>>()})
    }
    json!({"SuccessfullyDeleted": ids(deleted), "NotFound": ids(not_found), "WrongPermissions": ids(forbidden)})
}
