//! A user's dialogs, as queries: the static facts from the store, everything that moves from history. Nothing is cached and
//! no actor is asked, so a list is exact whoever owns the dialogs.

use natter_proto::dialog::v1::{Dialog, Entry, UnreadCount, UnreadCountsReply};
use natter_proto::history::v1::{Found, HeadsRequest, UnreadRequest, UnreadRow};
use natter_proto::{AppId, DialogId, Failure, MessageId, UserId};
use prost::Message as _;

use crate::dialog::rights::{self, Action, Role};
use crate::dialog::{Key, to_wire};
use crate::error::{forbidden, no_dialog};
use crate::shared::{Shared, broken, of_read};
use crate::store::Listed;

/// Dialogs asked of history at once: as many of the largest last messages fit one answer of a link (4 MiB).
const CHUNK: usize = 50;
/// Dialogs whose bare counts are asked of history at once.
const COUNTS_CHUNK: usize = 1000;
/// Most bytes of a list's last messages with all they carry; a longer list comes with their beginnings.
const LIST_BYTES_MAX: usize = 3 << 20;
/// Bytes of the beginning of a body.
const BEGINNING_BYTES: usize = 256;

/// The dialogs of a user, newest activity first. Deleted ones that have not come back are left out unless `with_hidden`.
pub(crate) async fn list(shared: &Shared, app: AppId, user: UserId, with_hidden: bool) -> Result<Vec<Entry>, Failure> {
    let listed = of_user(shared, app, user).await?;
    let states = unread(shared, app, user, &listed, false).await?;
    let both = listed.iter().zip(states);
    let shown = both.filter(|(listed, state)| with_hidden || listed.member.lists(head(state)));
    let mut entries: Vec<Entry> = shown.map(|(listed, state)| entry(user, listed, state)).collect();
    entries.sort_by(|a, b| newest(b).cmp(&newest(a)));
    fit(&mut entries);
    Ok(entries)
}

/// Which dialogs a user has, deleted ones included, without what moves: for an edge, which needs it at every return of a
/// session.
pub(crate) async fn brief(shared: &Shared, app: AppId, user: UserId) -> Result<Vec<Entry>, Failure> {
    let listed = of_user(shared, app, user).await?;
    Ok(listed.iter().map(|listed| Entry { state: None, ..entry(user, listed, UnreadRow::default()) }).collect())
}

/// Unread messages of the dialogs asked for (0 for unknown ones), and of all the user's dialogs together (contract rest 5.6).
pub(crate) async fn unread_counts(
    shared: &Shared,
    app: AppId,
    user: UserId,
    asked: Vec<Vec<u8>>,
) -> Result<UnreadCountsReply, Failure> {
    let listed = of_user(shared, app, user).await?;
    let states = unread(shared, app, user, &listed, true).await?;
    let total = states.iter().map(|state| state.unread).sum();
    let of = |dialog: &[u8]| states.iter().find(|state| state.dialog == dialog).map_or(0, |state| state.unread);
    let counts = asked.into_iter().map(|dialog| UnreadCount { unread: of(&dialog), dialog });
    Ok(UnreadCountsReply { total, counts: counts.collect() })
}

/// Rows with these ids among the user's dialogs (design.md section 6: REST calls by id).
pub(crate) async fn find(shared: &Shared, app: AppId, user: UserId, ids: Vec<MessageId>) -> Result<Vec<Found>, Failure> {
    let dialogs: Vec<DialogId> = of_user(shared, app, user).await?.iter().map(|listed| listed.key.dialog).collect();
    shared.find(app, ids, &dialogs).await
}

/// One dialog, for a member of it; user 0 of proto, `None`, is nobody's view.
pub(crate) async fn get(shared: &Shared, key: Key, user: Option<UserId>) -> Result<Dialog, Failure> {
    let kept = shared.store.load(key).await.map_err(of_read)?.ok_or_else(|| no_dialog(key))?;
    if let Some(user) = user {
        let reads = rights::may(kept.facts.kind, Role::Member, Action::Read);
        if kept.members.get(user).is_none() || !reads {
            return Err(forbidden(key, user));
        }
    }
    let request = HeadsRequest { app: key.app.0, dialogs: vec![key.dialog.to_vec()] };
    let heads = shared.history().heads(request).await.map_err(of_read)?.into_inner().heads;
    let moved_at = heads.first().map_or(0, |head| head.updated_at);
    Ok(to_wire(key, kept.facts, kept.members.ids(), moved_at))
}

async fn of_user(shared: &Shared, app: AppId, user: UserId) -> Result<Vec<Listed>, Failure> {
    shared.store.of_user(app, user, shared.options.dialogs_of_user_max).await.map_err(of_read)
}

/// What history knows of each dialog for this user, in the same order.
async fn unread(
    shared: &Shared,
    app: AppId,
    user: UserId,
    listed: &[Listed],
    counts_only: bool,
) -> Result<Vec<UnreadRow>, Failure> {
    let mut rows = Vec::with_capacity(listed.len());
    for chunk in listed.chunks(if counts_only { COUNTS_CHUNK } else { CHUNK }) {
        let dialogs = chunk.iter().map(|listed| listed.key.dialog.to_vec()).collect();
        let request = UnreadRequest { app: app.0, user: user.0, dialogs, counts_only };
        let reply = shared.history().unread(request).await.map_err(of_read)?.into_inner();
        if reply.rows.len() != chunk.len() {
            return Err(broken("history's answer about unread messages"));
        }
        rows.extend(reply.rows);
    }
    Ok(rows)
}

fn entry(user: UserId, listed: &Listed, state: UnreadRow) -> Entry {
    let mut members = vec![user.0, listed.other.0];
    members.sort_unstable();
    let moved_at = state.head.as_ref().map_or(0, |head| head.updated_at);
    Entry { dialog: Some(to_wire(listed.key, listed.facts, members, moved_at)), state: Some(state) }
}

fn head(state: &UnreadRow) -> u64 {
    state.head.as_ref().map_or(0, |head| head.seq)
}

/// Of two that moved in the same millisecond the id decides, so that pages do not overlap.
fn newest(entry: &Entry) -> (i64, &[u8]) {
    entry.dialog.as_ref().map_or((0, &[]), |dialog| (dialog.updated_at, &dialog.id))
}

/// Cuts the last messages of a list that would not fit an answer, rather than refuse it: a list shows their beginnings.
fn fit(entries: &mut [Entry]) {
    let bytes: usize = entries.iter().map(Entry::encoded_len).sum();
    if bytes <= LIST_BYTES_MAX {
        return;
    }
    for last in entries.iter_mut().filter_map(|entry| entry.state.as_mut()?.last.as_mut()) {
        last.extensions.clear();
        last.relay.clear();
        last.attachments.clear();
        if let Some(body) = &mut last.body {
            body.truncate(body.floor_char_boundary(BEGINNING_BYTES));
        }
    }
}
