//! A user's dialogs, as queries: the static facts from the store, everything that moves from history. Nothing is cached and
//! no actor is asked, so a list is exact whoever owns the dialogs.

use std::cmp::Reverse;
use std::ops::Range;

use natter_proto::dialog::v1::{AudienceReply, Dialog, DialogKind, Entry, ListReply, Listener, UnreadCount, UnreadCountsReply};
use natter_proto::history::v1::{DialogHead, Found, HeadsRequest, UnreadRequest, UnreadRow};
use natter_proto::presence::v1::RoomRequest;
use natter_proto::{AppId, DialogId, Failure, MessageId, UserId};
use prost::Message as _;

use crate::dialog::group::role;
use crate::dialog::rights::{self, Action};
use crate::dialog::{Kept, Key, Kind, moved_at, to_wire};
use crate::error::{forbidden, no_dialog};
use crate::shared::{Shared, broken, of_read};
use crate::store::Listed;

/// Dialogs asked of history at once: as many of the largest last messages fit one answer of a link (4 MiB).
const CHUNK: usize = 50;
/// Dialogs whose bare counts or heads are asked of history at once.
const COUNTS_CHUNK: usize = 1000;
/// Most bytes of a list with its last messages; a longer list comes with their beginnings.
const LIST_BYTES_MAX: usize = 3 << 20;
/// Bytes of the beginning of a body.
const BEGINNING_BYTES: usize = 256;

/// Those of a user's dialogs that stand at these places, newest activity first, and how many there are. Deleted ones that have not
/// come back are left out unless `with_hidden`. Of the dialogs at other places only the head is read.
pub(crate) async fn list(
    shared: &Shared,
    app: AppId,
    user: UserId,
    with_hidden: bool,
    places: Range<usize>,
) -> Result<ListReply, Failure> {
    let listed = of_user(shared, app, user).await?;
    let both = listed.iter().zip(heads(shared, app, &listed).await?);
    let mut shown: Vec<(i64, &Listed)> = both
        .filter(|(listed, head)| with_hidden || listed.member.lists(head.seq))
        .map(|(listed, head)| (moved_at(&listed.facts, &listed.profile, head.updated_at), listed))
        .collect();
    shown.sort_unstable_by_key(|(moved_at, listed)| Reverse((*moved_at, listed.key.dialog)));
    let total = shown.len() as u64;
    let page: Vec<&Listed> = shown.into_iter().map(|(_, listed)| listed).skip(places.start).take(places.len()).collect();
    let dialogs: Vec<DialogId> = page.iter().map(|listed| listed.key.dialog).collect();
    let states = unread(shared, app, user, &dialogs, false).await?;
    let mut entries: Vec<Entry> = page.into_iter().zip(states).map(|(listed, state)| entry(listed, state)).collect();
    from_joining(shared, app, entries.iter_mut().filter_map(|entry| entry.dialog.as_mut())).await?;
    // One may have moved since the heads were read.
    entries.sort_by(|a, b| newest(b).cmp(&newest(a)));
    fit(&mut entries);
    Ok(ListReply { entries, total })
}

/// Which dialogs a user is a member of, deleted ones included, by id and kind alone: for an edge, which needs it at every return
/// of a session.
pub(crate) async fn brief(shared: &Shared, app: AppId, user: UserId) -> Result<ListReply, Failure> {
    let memberships = memberships(shared, app, user).await?;
    let dialog =
        |(id, kind): (DialogId, Kind)| Dialog { id: id.to_vec(), app: app.0, kind: kind.to_wire() as i32, ..Dialog::default() };
    let mut entries: Vec<Entry> = memberships.into_iter().map(|one| Entry { dialog: Some(dialog(one)), state: None }).collect();
    from_joining(shared, app, entries.iter_mut().filter_map(|entry| entry.dialog.as_mut())).await?;
    Ok(ListReply { total: entries.len() as u64, entries })
}

/// Unread messages of the dialogs asked for (0 for unknown ones), and of all the user's dialogs together (contract rest 5.6).
pub(crate) async fn unread_counts(
    shared: &Shared,
    app: AppId,
    user: UserId,
    asked: Vec<Vec<u8>>,
) -> Result<UnreadCountsReply, Failure> {
    let memberships = memberships(shared, app, user).await?;
    // Nobody keeps book of who has read what in public (contract rest 4.2).
    let counted: Vec<DialogId> = memberships.into_iter().filter(|(_, kind)| !kind.is_public()).map(|(id, _)| id).collect();
    let states = unread(shared, app, user, &counted, true).await?;
    let total = states.iter().map(|state| state.unread).sum();
    let of = |dialog: &[u8]| states.iter().find(|state| state.dialog == dialog).map_or(0, |state| state.unread);
    let counts = asked.into_iter().map(|dialog| UnreadCount { unread: of(&dialog), dialog });
    Ok(UnreadCountsReply { total, counts: counts.collect() })
}

/// Rows with these ids that the user sees, among his dialogs (design.md section 6: REST calls by id).
pub(crate) async fn find(shared: &Shared, app: AppId, user: UserId, ids: Vec<MessageId>) -> Result<Vec<Found>, Failure> {
    let dialogs: Vec<DialogId> = of_user(shared, app, user).await?.iter().map(|listed| listed.key.dialog).collect();
    shared.find(app, Some(user), ids, &dialogs).await
}

/// One dialog as a user sees it who may read it, or with `preview` who may look at its newest messages (contract rest 5.2); user 0
/// of proto, `None`, is nobody's view.
pub(crate) async fn get(shared: &Shared, key: Key, user: Option<UserId>, preview: bool) -> Result<Dialog, Failure> {
    let Kept { facts, profile, members } = load(shared, key).await?.ok_or_else(|| no_dialog(key))?;
    if let Some(user) = user {
        let reads = rights::may(facts.kind, role(&facts, &profile, &members, user), Action::Read);
        let looks = preview && profile.allow_preview == Some(true);
        if !(reads || looks) {
            return Err(forbidden(key, user));
        }
    }
    let request = HeadsRequest { app: key.app.0, dialogs: vec![key.dialog.to_vec()] };
    let heads = shared.history().heads(request).await.map_err(of_read)?.into_inner().heads;
    let row_at = heads.first().map_or(0, |head| head.updated_at);
    let view = user.and_then(|user| members.get(user)).copied().unwrap_or_default();
    let mut dialog = to_wire(key, &facts, &profile, &members.ids(), view, row_at);
    from_joining(shared, key.app, [&mut dialog]).await?;
    Ok(dialog)
}

/// Who is in a dialog, ascending, for one who may read it.
pub(crate) async fn members(shared: &Shared, key: Key, user: UserId) -> Result<Vec<u64>, Failure> {
    Ok(read_by(shared, key, user).await?.members.ids())
}

/// Members above `after`, ascending, at most `limit`, and who of them wants no alerts. Nobody's view, nobody is refused.
pub(crate) async fn audience(shared: &Shared, key: Key, after: u64, limit: usize) -> Result<AudienceReply, Failure> {
    let Kept { facts, profile, members } = load(shared, key).await?.ok_or_else(|| no_dialog(key))?;
    let mut above = members.iter().filter(|(user, view)| user.0 > after && !view.gone);
    let listeners = above.by_ref().take(limit.max(1)).map(|(user, view)| Listener { user: user.0, muted: view.muted }).collect();
    let (kind, name) = (facts.kind.to_wire() as i32, profile.name.unwrap_or_default());
    Ok(AudienceReply { members: listeners, more: above.next().is_some(), kind, name })
}

/// Rows of one dialog with these ids, as one who may read it sees them: a stranger does not hear which messages there are.
pub(crate) async fn find_in(shared: &Shared, key: Key, user: UserId, ids: Vec<MessageId>) -> Result<Vec<Found>, Failure> {
    read_by(shared, key, user).await?;
    shared.find(key.app, Some(user), ids, &[key.dialog]).await
}

/// Users in the room of a dialog; nobody for one who may not read it (contract xmpp 4.6).
pub(crate) async fn occupants(shared: &Shared, key: Key, user: UserId) -> Result<Vec<u64>, Failure> {
    let Some(kept) = load(shared, key).await? else { return Ok(Vec::new()) };
    let role = role(&kept.facts, &kept.profile, &kept.members, user);
    if !rights::may(kept.facts.kind, role, Action::Read) {
        return Ok(Vec::new());
    }
    let request = RoomRequest { app: key.app.0, dialog: key.dialog.to_vec() };
    Ok(shared.presence().occupants(request).await.map_err(of_read)?.into_inner().users)
}

/// The dialog, for one who may read it.
async fn read_by(shared: &Shared, key: Key, user: UserId) -> Result<Kept, Failure> {
    let kept = load(shared, key).await?.ok_or_else(|| no_dialog(key))?;
    let role = role(&kept.facts, &kept.profile, &kept.members, user);
    match rights::may(kept.facts.kind, role, Action::Read) {
        true => Ok(kept),
        false => Err(forbidden(key, user)),
    }
}

async fn load(shared: &Shared, key: Key) -> Result<Option<Kept>, Failure> {
    Ok(shared.store.load(key).await.map_err(of_read)?.map(|(kept, _)| kept))
}

/// Says of groups what their app says: that members see what was said since they joined.
async fn from_joining(shared: &Shared, app: AppId, dialogs: impl IntoIterator<Item = &mut Dialog>) -> Result<(), Failure> {
    let from_joining = shared.settings(app).await?.from_joining;
    let groups = dialogs.into_iter().filter(|dialog| dialog.kind() == DialogKind::Group);
    groups.for_each(|dialog| dialog.from_joining = from_joining);
    Ok(())
}

async fn of_user(shared: &Shared, app: AppId, user: UserId) -> Result<Vec<Listed>, Failure> {
    shared.store.of_user(app, user, shared.options.dialogs_of_user_max).await.map_err(of_read)
}

async fn memberships(shared: &Shared, app: AppId, user: UserId) -> Result<Vec<(DialogId, Kind)>, Failure> {
    shared.store.memberships(app, user, shared.options.dialogs_of_user_max).await.map_err(of_read)
}

/// The heads of the dialogs, in the same order.
async fn heads(shared: &Shared, app: AppId, listed: &[Listed]) -> Result<Vec<DialogHead>, Failure> {
    let mut heads = Vec::with_capacity(listed.len());
    for chunk in listed.chunks(COUNTS_CHUNK) {
        let dialogs = chunk.iter().map(|listed| listed.key.dialog.to_vec()).collect();
        let reply = shared.history().heads(HeadsRequest { app: app.0, dialogs }).await.map_err(of_read)?.into_inner();
        if reply.heads.len() != chunk.len() {
            return Err(broken("history's answer about heads"));
        }
        heads.extend(reply.heads);
    }
    Ok(heads)
}

/// What history knows of each dialog for this user, in the same order.
async fn unread(
    shared: &Shared,
    app: AppId,
    user: UserId,
    dialogs: &[DialogId],
    counts_only: bool,
) -> Result<Vec<UnreadRow>, Failure> {
    let mut rows = Vec::with_capacity(dialogs.len());
    let from_joining = !counts_only && shared.settings(app).await?.from_joining;
    for chunk in dialogs.chunks(if counts_only { COUNTS_CHUNK } else { CHUNK }) {
        let dialogs = chunk.iter().map(|dialog| dialog.to_vec()).collect();
        let request = UnreadRequest { app: app.0, user: user.0, dialogs, counts_only, from_joining };
        let reply = shared.history().unread(request).await.map_err(of_read)?.into_inner();
        if reply.rows.len() != chunk.len() {
            return Err(broken("history's answer about unread messages"));
        }
        rows.extend(reply.rows);
    }
    Ok(rows)
}

fn entry(listed: &Listed, state: UnreadRow) -> Entry {
    let Listed { key, facts, profile, members, member } = listed;
    let members: Vec<u64> = members.iter().map(|user| user.0).collect();
    let row_at = state.head.as_ref().map_or(0, |head| head.updated_at);
    Entry { dialog: Some(to_wire(*key, facts, profile, &members, *member, row_at)), state: Some(state) }
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
        if let Some(body) = &mut last.body {
            body.truncate(body.floor_char_boundary(BEGINNING_BYTES));
        }
    }
}
