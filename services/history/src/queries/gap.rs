//! Reads what a session that comes back gets of what it missed.

use std::collections::BTreeMap;

use natter_proto::event::v1::Message;
use natter_proto::{AppId, DialogId, UserId};
use prost::Message as _;

use crate::error::Error;
use crate::gap::{Limits, Owed, Part, interleave};
use crate::head::Head;
use crate::log::{DialogKey, MessageLog};
use crate::member::Member;
use crate::ranges::Ranges;

/// Dialogs looked at together.
const CHUNK: usize = 256;
/// Newest rows looked at together when what is owed is known by time only.
const ROWS: u64 = 32;

/// The rows owed, oldest first, and whether some were left out.
pub async fn gap(
    log: &dyn MessageLog,
    app: AppId,
    user: UserId,
    owed: BTreeMap<DialogId, Owed>,
    limits: Limits,
) -> Result<(Vec<(DialogId, Message)>, bool), Error> {
    let cut = |parts: Vec<Part>| {
        let all = length(&parts);
        let rows = interleave(parts, &limits, |row: &Message| row.encoded_len());
        let some_left_out = rows.len() < all;
        (rows, some_left_out)
    };
    let (mut list, mut more): (Vec<Part>, bool) = (Vec::new(), false);
    let dialogs: Vec<DialogId> = owed.keys().copied().collect();
    for dialogs in dialogs.chunks(CHUNK) {
        let heads = log.heads(app, dialogs).await?;
        let of: Vec<(DialogId, u64)> = dialogs.iter().map(|dialog| (*dialog, user.0)).collect();
        let members = log.members(app, &of).await?;
        for ((dialog, head), member) in dialogs.iter().zip(heads).zip(members) {
            let (rows, left_out) = part(log, DialogKey { app, dialog: *dialog }, &owed[dialog], &head, &member, limits).await?;
            more |= left_out;
            if !rows.is_empty() {
                list.push((*dialog, rows));
            }
            // What is too old already is let go, so that many dialogs do not fill the memory.
            if length(&list) > limits.in_all.saturating_mul(2) {
                let (rows, left_out) = cut(list);
                more |= left_out;
                list = regroup(rows);
            }
        }
    }
    let (rows, left_out) = cut(list);
    Ok((rows, more | left_out))
}

fn length(parts: &[Part]) -> usize {
    parts.iter().map(|(_, rows)| rows.len()).sum()
}

/// One dialog's rows, ascending, and whether some were left out.
async fn part(
    log: &dyn MessageLog,
    key: DialogKey,
    owed: &Owed,
    head: &Head,
    member: &Member,
    limits: Limits,
) -> Result<(Vec<Message>, bool), Error> {
    let rows_max = limits.per_dialog;
    let mut places = owed.places(head, member);
    if let Some(since) = owed.since.filter(|since| head.updated_at >= *since) {
        places.merge(&stored_since(log, key, since, head.visible(member), rows_max).await?);
    }
    let given = if limits.oldest { places.take_first(rows_max) } else { places.take_last(rows_max) };
    let mut rows = log.rows(key, &given).await?;
    rows.retain(|row| !row.removed);
    // What was taken is gone from the places.
    Ok((rows, !places.is_empty()))
}

/// Places of the newest rows that were made at `since` or later, of those visible.
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
