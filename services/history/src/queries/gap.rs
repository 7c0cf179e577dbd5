//! Reads what a session that comes back gets of what it missed.

use std::collections::BTreeMap;

use natter_proto::event::v1::{Change, Message};
use natter_proto::{AppId, DialogId, UserId};
use prost::Message as _;

use crate::error::Error;
use crate::gap::{Limits, Owed, Part, interleave, may_be_owed, told};
use crate::head::Head;
use crate::log::{DialogKey, MessageLog};
use crate::member::Member;
use crate::ranges::Ranges;

/// Dialogs looked at together.
const CHUNK: usize = 256;
/// Newest rows looked at together when what is owed is known by time only.
const ROWS: u64 = 32;

/// Newest changes looked at of a dialog of which it is known by time only what is owed.
const CHANGES: usize = 64;
/// Bytes of changes in one answer, beside its rows. What is over it is found by its stamp later.
const CHANGE_BYTES_MAX: usize = 512 * 1024;

/// What a returning session gets.
#[derive(Default)]
pub struct Gap {
    /// Oldest first.
    pub rows: Vec<(DialogId, Message)>,
    /// Rows were left out.
    pub more: bool,
    /// Ascending within a dialog.
    pub changes: Vec<(DialogId, Change)>,
}

/// Reads what is owed.
pub async fn gap(
    log: &dyn MessageLog,
    app: AppId,
    user: UserId,
    owed: BTreeMap<DialogId, Owed>,
    limits: Limits,
) -> Result<Gap, Error> {
    let mut gap = Gap::default();
    let cut = |parts: Vec<Part>| {
        let all = length(&parts);
        let rows = interleave(parts, &limits, |row: &Message| row.encoded_len());
        let some_left_out = rows.len() < all;
        (rows, some_left_out)
    };
    let mut list: Vec<Part> = Vec::new();
    let mut change_bytes = 0;
    let dialogs: Vec<DialogId> = owed.keys().copied().collect();
    for dialogs in dialogs.chunks(CHUNK) {
        let heads = log.heads(app, dialogs).await?;
        let of: Vec<(DialogId, u64)> = dialogs.iter().map(|dialog| (*dialog, user.0)).collect();
        let members = log.members(app, &of).await?;
        for ((dialog, head), member) in dialogs.iter().zip(heads).zip(members) {
            let (key, owed) = (DialogKey { app, dialog: *dialog }, &owed[dialog]);
            let Rows { rows, left_out, first_seq } = part(log, key, owed, &head, &member, limits).await?;
            gap.more |= left_out;
            for change in told(changes(log, key, owed, &head, limits).await?, first_seq, &member, limits.from_joining) {
                change_bytes += change.encoded_len();
                if gap.changes.len() < limits.in_all && change_bytes <= CHANGE_BYTES_MAX {
                    gap.changes.push((*dialog, change));
                }
            }
            if !rows.is_empty() {
                list.push((*dialog, rows));
            }
            // What is too old already is let go, so that many dialogs do not fill the memory.
            if length(&list) > limits.in_all.saturating_mul(2) {
                let (rows, left_out) = cut(list);
                gap.more |= left_out;
                list = regroup(rows);
            }
        }
    }
    let (rows, left_out) = cut(list);
    gap.rows = rows;
    gap.more |= left_out;
    Ok(gap)
}

/// Where changes begin.
#[derive(Clone, Copy)]
pub enum After {
    /// Above this stamp.
    Stamp(u64),
    /// Made then (unix milliseconds) or later.
    Time(i64),
}

/// Changes after a point, ascending, up to a number and a size, and whether there are more. Those of rows that are hidden from
/// the user, or with `from_joining` are from before he joined, come without what changed.
pub async fn changes_after(
    log: &dyn MessageLog,
    key: DialogKey,
    (user, from_joining): (UserId, bool),
    after: After,
    max: usize,
    bytes_max: usize,
) -> Result<(Vec<Change>, bool), Error> {
    let mut changes = match after {
        After::Stamp(above) => log.changes(key, above, max.saturating_add(1)).await?,
        After::Time(since) => changes_since(log, key, since, max).await?,
    };
    let mut bytes = 0;
    let fits = |change: &&Change| {
        bytes += change.encoded_len();
        bytes <= bytes_max
    };
    let kept = changes.iter().take(max).take_while(fits).count().max(1);
    let more = kept < changes.len();
    changes.truncate(kept);
    let member = log.members(key.app, &[(key.dialog, user.0)]).await?.pop().unwrap_or_default();
    for change in changes.iter_mut().filter(|change| member.is_kept_from(change.seq, from_joining)) {
        (change.what, change.silent) = (None, true);
    }
    Ok((changes, more))
}

fn length(parts: &[Part]) -> usize {
    parts.iter().map(|(_, rows)| rows.len()).sum()
}

/// One dialog's rows, ascending.
struct Rows {
    rows: Vec<Message>,
    /// Some were left out.
    left_out: bool,
    /// First row that is new to the session: changes of later ones are in their rows.
    first_seq: u64,
}

async fn part(
    log: &dyn MessageLog,
    key: DialogKey,
    owed: &Owed,
    head: &Head,
    member: &Member,
    limits: Limits,
) -> Result<Rows, Error> {
    let rows_max = limits.per_dialog;
    let mut places = owed.places(head, member);
    let mut first_seq = owed.above.map_or(u64::MAX, |above| above.saturating_add(1));
    if let Some(since) = owed.since.filter(|since| head.updated_at >= *since) {
        let stored = stored_since(log, key, since, may_be_owed(head, member), rows_max).await?;
        first_seq = stored.first().map_or(first_seq, |first| first_seq.min(first.from));
        places.merge(&stored);
    }
    let given = if limits.oldest { places.take_first(rows_max) } else { places.take_last(rows_max) };
    let mut rows = log.rows(key, &given).await?;
    // What was made over REST alone is never written to a session.
    rows.retain(|row| !row.removed && !row.stored_only);
    // What was taken is gone from the places.
    Ok(Rows { rows, left_out: !places.is_empty(), first_seq })
}

/// The changes owed, in the order of their stamps.
async fn changes(log: &dyn MessageLog, key: DialogKey, owed: &Owed, head: &Head, limits: Limits) -> Result<Vec<Change>, Error> {
    if let Some(stamp) = owed.stamp.filter(|stamp| head.stamp > *stamp) {
        return log.changes(key, stamp, limits.per_dialog as usize).await;
    }
    match owed.changed_since.filter(|_| head.stamp > 0) {
        Some(since) => changes_since(log, key, since, CHANGES).await,
        None => Ok(Vec::new()),
    }
}

/// The newest changes that were made at `since` or later, ascending.
async fn changes_since(log: &dyn MessageLog, key: DialogKey, since: i64, max: usize) -> Result<Vec<Change>, Error> {
    let newest = log.newest_changes(key, max).await?;
    let mut changes: Vec<Change> = newest.into_iter().take_while(|change| change.at >= since).collect();
    changes.reverse();
    Ok(changes)
}

/// Places of the newest rows that were made at `since` or later, of those that may be owed.
async fn stored_since(
    log: &dyn MessageLog,
    key: DialogKey,
    since: i64,
    mut visible: Ranges,
    rows_max: u64,
) -> Result<Ranges, Error> {
    let mut places = Ranges::new();
    while places.length() < rows_max {
        let read = visible.take_last(ROWS);
        if read.is_empty() {
            break;
        }
        for row in log.rows(key, &read).await?.iter().rev() {
            if row.created_at < since {
                return Ok(places);
            }
            places.insert(row.seq, row.seq);
        }
    }
    Ok(places)
}

fn regroup(rows: Vec<(DialogId, Message)>) -> Vec<Part> {
    let mut parts: BTreeMap<DialogId, Vec<Message>> = BTreeMap::new();
    rows.into_iter().for_each(|(dialog, row)| parts.entry(dialog).or_default().push(row));
    parts.into_iter().collect()
}
