//! `GET /chat/Message` (contract rest 5.2).

use natter_proto::dialog::v1::{Dialog, GetRequest, MarkRequest};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::{Filter, Op as LogOp, PageRequest};
use serde::Serialize;
use serde_json::json;

use super::{dialog_of, rows, shown};
use crate::answer::Answer;
use crate::decode::{self, Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::filter::{Condition, Kind, Op, conditions};
use crate::object::{Shown, is_public, is_reserved};
use crate::readers::ranges;

const CONTROLS: [&str; 9] =
    ["chat_dialog_id", "limit", "skip", "sort_asc", "sort_desc", "mark_as_read", "count", "preview", "token"];
const LIMIT_DEFAULT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;
/// Messages of a preview.
const PREVIEW_ROWS: u32 = 20;

#[derive(Serialize)]
struct Page<'a> {
    skip: u64,
    limit: u64,
    items: Vec<Shown<'a>>,
}

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
        ..PageRequest::default()
    };
    let preview = params.flag("preview");
    let known = door.dialogs().get(GetRequest { app, dialog: dialog.to_vec(), user, preview }).await?.into_inner();
    let request = PageRequest { from_joining: known.from_joining, ..request };
    let is_guest = !is_public(&known) && !known.members.contains(&user);
    if preview && is_guest {
        return previewed(door, caller, &known).await;
    }
    if request.count_only {
        let count = door.history().page(request).await?.into_inner().count;
        return Ok(Answer::json(json!({"items": {"count": count}})));
    }
    let rows = rows(door, request).await?;
    if !asked.head && params.get("mark_as_read").and_then(decode::flag).unwrap_or(true) {
        mark_read(door, caller, &known, &rows).await?;
    }
    let items = shown(door, caller, &known, &rows).await?;
    Answer::written(&Page { skip, limit, items })
}

// What one who is no member may see where a preview is allowed: the newest messages, ascending, whatever page was asked for.
// He has no part in the dialog, so nothing is hidden from him, and he reads nothing.
async fn previewed(door: &Door, caller: &Caller, dialog: &Dialog) -> Result<Answer, Refusal> {
    let (app, limit) = (caller.0.app, PREVIEW_ROWS);
    let request = PageRequest { app, dialog: dialog.id.clone(), descending: true, limit, ..PageRequest::default() };
    let mut rows = rows(door, request).await?;
    rows.reverse();
    let items = shown(door, caller, dialog, &rows).await?;
    Answer::written(&Page { skip: 0, limit: limit.into(), items })
}

// By place, not by id: the rows were just read from their places.
async fn mark_read(door: &Door, caller: &Caller, dialog: &Dialog, rows: &[Message]) -> Result<(), Refusal> {
    let (app, user) = (caller.0.app, caller.0.user);
    let others = rows.iter().filter(|row| row.sender != user).map(|row| row.seq);
    let ranges = ranges(others.collect());
    // Nobody keeps book of who has read what in public.
    if ranges.is_empty() || is_public(dialog) {
        return Ok(());
    }
    let kind = MarkKind::Read.into();
    // Nobody is told: contract rest 13, question 4.
    let request = MarkRequest { app, dialog: dialog.id.clone(), user, kind, ranges, relay: false, ..MarkRequest::default() };
    door.dialogs().mark(request).await?;
    Ok(())
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
