//! `GET /chat/Dialog` (contract rest 4.4).

use std::collections::BTreeMap;

use natter_proto::dialog::v1::ListRequest;
use serde::Serialize;
use serde_json::json;

use super::listing::Listing;
use super::users;
use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::{View, opponent_of};
use crate::origin;

/// The caller's dialogs and the public ones, filtered, sorted and cut.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let listing = Listing::read(&asked.params)?;
    let (app, viewer) = (caller.0.app, caller.0.user);
    let is_plain = listing.is_plain();
    let (skip, limit) = if is_plain { (listing.skip, listing.limit) } else { (0, 0) };
    let request = ListRequest { app, user: viewer, skip, limit, ..ListRequest::default() };
    let listed = door.dialogs().list(request).await?.into_inner();
    let entries: Vec<_> =
        listed.entries.iter().filter_map(|entry| Some((entry.dialog.as_ref()?, entry.state.as_ref()))).collect();
    let mut opponents = BTreeMap::new();
    if listing.looks_at_names() {
        let ids = entries.iter().filter_map(|(dialog, _)| opponent_of(dialog, viewer)).collect();
        opponents = users(door, app, ids).await?;
    }
    let muc_domain = origin::muc_domain(&door.muc_domain, &caller.0);
    let views = entries.iter().map(|(dialog, state)| {
        let opponent = opponent_of(dialog, viewer).and_then(|id| opponents.get(&id));
        View { dialog, state: *state, opponent, viewer, muc_domain: &muc_domain }
    });
    let (total, mut page) = match is_plain {
        true => (listed.total as usize, views.collect()),
        false => listing.page(views.collect()),
    };
    if listing.count_only {
        return Ok(Answer::json(json!({"items": {"count": total}})));
    }
    let mut shown = BTreeMap::new();
    if !listing.looks_at_names() {
        shown = users(door, app, page.iter().filter_map(|view| opponent_of(view.dialog, viewer)).collect()).await?;
    }
    for view in &mut page {
        let found = opponent_of(view.dialog, viewer).and_then(|id| shown.get(&id));
        view.opponent = view.opponent.or(found);
    }
    Answer::written(&Page { total_entries: total, skip: listing.skip, limit: listing.limit, items: page })
}

#[derive(Serialize)]
struct Page<'a> {
    total_entries: usize,
    skip: u64,
    limit: u64,
    items: Vec<View<'a>>,
}
