//! Rows of the log as message objects: who has read and received them, and what was reacted (contract rest 5.1).

use std::collections::BTreeMap;

use natter_proto::dialog::v1::Dialog;
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, MembersRequest, PageRequest, Range, Reaction, ReactionsRequest};

use crate::door::{Caller, Door};
use crate::error::Refusal;
use crate::object::{Shown, is_public};
use crate::readers::Readers;

/// Message objects of rows of one dialog, in the order given. In public dialogs nobody keeps book of who has read what: there
/// the readers of a message are its sender, and its views are not counted.
pub(crate) async fn shown<'a>(
    door: &Door,
    caller: &Caller,
    dialog: &'a Dialog,
    rows: &'a [Message],
) -> Result<Vec<Shown<'a>>, Refusal> {
    let states = states(door, dialog, rows).await?;
    let mut reactions = reactions(door, dialog, rows).await?;
    let object = |row: &'a Message| {
        let (readers, reactions) = (Readers::of(row, &states), reactions.remove(&row.seq).unwrap_or_default());
        Shown { row, dialog: &dialog.id, readers, reactions, viewer: caller.0.user }
    };
    Ok(rows.iter().map(object).collect())
}

async fn states(door: &Door, dialog: &Dialog, rows: &[Message]) -> Result<Vec<MemberState>, Refusal> {
    let seqs = || rows.iter().map(|row| row.seq);
    let (Some(from), Some(upto)) = (seqs().min(), seqs().max()) else { return Ok(Vec::new()) };
    // No users would mean everybody.
    if is_public(dialog) || dialog.members.is_empty() {
        return Ok(Vec::new());
    }
    let within = Some(Range { from, upto });
    let request = MembersRequest { app: dialog.app, dialog: dialog.id.clone(), users: dialog.members.clone(), within };
    Ok(door.history().members(request).await?.into_inner().members)
}

// Large answers come in parts.
async fn reactions(door: &Door, dialog: &Dialog, rows: &[Message]) -> Result<BTreeMap<u64, Vec<Reaction>>, Refusal> {
    let mut seqs: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    let mut reactions = BTreeMap::new();
    while !seqs.is_empty() {
        let request = ReactionsRequest { app: dialog.app, dialog: dialog.id.clone(), seqs: seqs.clone() };
        let part = door.history().reactions(request).await?.into_inner();
        let last = part.reactions.last().map_or(0, |row| row.seq);
        seqs.retain(|seq| part.more && last > 0 && *seq > last);
        reactions.extend(part.reactions.into_iter().map(|row| (row.seq, row.all)));
    }
    Ok(reactions)
}

/// A page of rows. One of large messages comes in parts; rows that come a second time, because new ones pushed them down
/// meanwhile, are dropped by their place.
pub(crate) async fn rows(door: &Door, whole: PageRequest) -> Result<Vec<Message>, Refusal> {
    let (mut rows, mut taken) = (Vec::<Message>::new(), 0);
    while taken < whole.limit {
        let request = PageRequest { skip: whole.skip.saturating_add(taken), limit: whole.limit - taken, ..whole.clone() };
        let part = door.history().page(request).await?.into_inner();
        let count = part.rows.len() as u32;
        for row in part.rows {
            let is_next = |last: &Message| if whole.descending { row.seq < last.seq } else { row.seq > last.seq };
            if rows.last().is_none_or(is_next) {
                rows.push(row);
            }
        }
        taken += count;
        if !part.more || count == 0 {
            break;
        }
    }
    Ok(rows)
}
