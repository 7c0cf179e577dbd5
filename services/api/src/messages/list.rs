//! `GET /chat/Message` (contract rest 5.2).

use natter_proto::DialogId;
use natter_proto::dialog::v1::{GetRequest, MarkRequest};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::{Filter, MemberState, MembersRequest, Op as LogOp, PageRequest, Range};
use serde_json::{Value, json};

use super::dialog_of;
use crate::answer::Answer;
use crate::decode::{self, Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::filter::{Condition, Kind, Op, conditions};
use crate::object::{self, is_reserved};
use crate::readers::{Readers, ranges};

const CONTROLS: [&str; 9] =
    ["chat_dialog_id", "limit", "skip", "sort_asc", "sort_desc", "mark_as_read", "count", "preview", "token"];
const LIMIT_DEFAULT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;

/// A page of a dialog's messages, ascending unless asked otherwise. Unless `mark_as_read=0`, those returned are read, durably,
/// before they are returned: a client that shows them after a crash of ours must not find them unread. A `HEAD` returns none
/// and marks none.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = &asked.params;
    let dialog = dialog_of(params)?.ok_or_else(|| Wrong::new("chat_dialog_id", "is required"))?;
    let (app, user) = (caller.0.app, caller.0.user);
    let (skip, limit) =
        (params.number("skip")?.unwrap_or_default(), params.number("limit")?.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX));
    let request = PageRequest {
        app,
        dialog: dialog.to_vec(),
        reader: user,
        descending: descending(params)?,
        skip: skip.try_into().unwrap_or(u32::MAX),
        limit: limit as u32,
        filters: conditions(params, &CONTROLS, kind)?.into_iter().map(filter).collect(),
        count_only: params.flag("count"),
    };
    let members = door.dialogs().get(GetRequest { app, dialog: dialog.to_vec(), user }).await?.into_inner().members;
    if request.count_only {
        let count = door.history().page(request).await?.into_inner().count;
        return Ok(Answer::json(json!({"items": {"count": count}})));
    }
    let rows = rows(door, request).await?;
    if !asked.head && params.get("mark_as_read").and_then(decode::flag).unwrap_or(true) {
        mark_read(door, caller, dialog, &rows).await?;
    }
    let states = states(door, app, dialog, members, &rows).await?;
    let items: Vec<Value> = rows.iter().map(|row| object::message(row, &dialog.0, &Readers::of(row, &states))).collect();
    Ok(Answer::json(json!({"skip": skip, "limit": limit, "items": items})))
}

// A page of large messages comes in parts. Rows that come a second time, because new ones pushed them down meanwhile, are
// dropped by their place.
async fn rows(door: &Door, whole: PageRequest) -> Result<Vec<Message>, Refusal> {
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

// By place, not by id: the rows were just read from their places.
async fn mark_read(door: &Door, caller: &Caller, dialog: DialogId, rows: &[Message]) -> Result<(), Refusal> {
    let (app, user) = (caller.0.app, caller.0.user);
    let others = rows.iter().filter(|row| row.sender != user).map(|row| row.seq);
    let ranges = ranges(others.collect());
    if ranges.is_empty() {
        return Ok(());
    }
    let kind = MarkKind::Read.into();
    // Nobody is told: contract rest 13, question 4.
    let request = MarkRequest { app, dialog: dialog.to_vec(), user, kind, ranges, relay: false, ..MarkRequest::default() };
    door.dialogs().mark(request).await?;
    Ok(())
}

async fn states(door: &Door, app: u64, dialog: DialogId, users: Vec<u64>, rows: &[Message]) -> Result<Vec<MemberState>, Refusal> {
    let seqs = || rows.iter().map(|row| row.seq);
    let (Some(from), Some(upto)) = (seqs().min(), seqs().max()) else { return Ok(Vec::new()) };
    let request = MembersRequest { app, dialog: dialog.to_vec(), users, within: Some(Range { from, upto }) };
    Ok(door.history().members(request).await?.into_inner().members)
}

// Rows are sorted by their place, along which `date_sent` and `created_at` grow as well.
fn descending(params: &Params) -> Result<bool, Wrong> {
    for (key, descending) in [("sort_desc", true), ("sort_asc", false)] {
        match params.word(key).as_deref() {
            None => {}
            Some("date_sent" | "created_at" | "_id") => return Ok(descending),
            Some(_) => return Err(Wrong::new(key, "is not a field to sort by")),
        }
    }
    Ok(false)
}

// Every key that is not a field of the object may be one of the app's own.
fn kind(field: &str) -> Option<Kind> {
    match field {
        "_id" => Some(Kind::Id),
        "sender_id" | "recipient_id" => Some(Kind::Number),
        "date_sent" | "created_at" | "updated_at" => Some(Kind::Date),
        "message" | "attachments.type" => Some(Kind::Text),
        own if is_reserved(own) || own.contains('.') => None,
        _ => Some(Kind::Text),
    }
}

fn filter(condition: Condition) -> Filter {
    let op = match condition.op {
        Op::Eq => LogOp::Eq,
        Op::Ne => LogOp::Ne,
        Op::Lt => LogOp::Lt,
        Op::Lte => LogOp::Lte,
        Op::Gt => LogOp::Gt,
        Op::Gte => LogOp::Gte,
        Op::In => LogOp::In,
        Op::Nin => LogOp::Nin,
        Op::All => LogOp::All,
        Op::Ctn => LogOp::Ctn,
        Op::Or => LogOp::Or,
    };
    Filter { field: condition.field, op: op.into(), values: condition.values, numbers: condition.numbers }
}
