//! Why a user's badge is what it is: what he has not read, dialog by dialog and message by message. No text of a message is shown.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::DialogId;
use natter_proto::dialog::v1::{DialogKind, Entry, ListRequest, UnreadCountsRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, MembersRequest, PageRequest, Range};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::devices::parse;
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};

pub const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    dialog: Option<String>,
    skip: Option<u32>,
    limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/users/{user}/unread?skip=N&limit=N`: his dialogs, newest first, with how many messages of each he has
/// not read; with `dialog=ID` those messages, newest first.
pub async fn get(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (app, user) = path.into_inner();
    let (app, user) = (apps::find(&door, &app).await?.id, parse(&user)?.0);
    let (skip, limit) = (page.skip.unwrap_or_default(), page.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX));
    let answer = match page.dialog {
        None => by_dialog(&door, (app, user), skip, limit).await?,
        Some(dialog) => {
            let dialog = dialog.parse().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?;
            of_dialog(&door, (app, user), dialog, (skip, limit)).await?
        }
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// A page of the dialogs of a user, and how many messages of each he has not read.
pub async fn by_dialog(door: &Door, (app, user): (u64, u64), skip: u32, limit: u32) -> Result<Value, Refusal> {
    let counts = UnreadCountsRequest { app, user, dialogs: Vec::new() };
    let unread = door.dialogs().unread(counts).await?.into_inner().total;
    let (skip_wide, limit_wide) = (skip.into(), limit.into());
    let request = ListRequest { app, user, with_hidden: true, brief: false, skip: skip_wide, limit: limit_wide };
    let reply = door.dialogs().list(request).await?.into_inner();
    let dialogs: Vec<Value> = reply.entries.iter().filter_map(dialog_shown).collect();
    let upto = u64::from(skip) + reply.entries.len() as u64;
    let next = (upto < reply.total && !reply.entries.is_empty()).then_some(upto);
    Ok(json!({ "unread": unread, "dialogs": dialogs, "next": next }))
}

fn dialog_shown(entry: &Entry) -> Option<Value> {
    let (dialog, state) = (entry.dialog.as_ref()?, entry.state.as_ref()?);
    let (kind, is_public) = match dialog.kind() {
        DialogKind::Unspecified => return None,
        DialogKind::Private => ("private", false),
        DialogKind::Group => ("group", false),
        DialogKind::Public | DialogKind::Broadcast => ("public", true),
    };
    Some(json!({
        "id": hex::shown(&dialog.id),
        "type": kind,
        "name": dialog.name,
        // Nobody keeps book of who has read what in public (contract rest 4.2).
        "counts": !is_public,
        "unread": state.unread,
        "newest": state.head.as_ref().map_or(0, |head| head.seq),
        "read_upto": state.member.as_ref().map_or(0, |member| member.base),
    }))
}

/// A page of the messages of a dialog, and those of them that a user has not read.
pub async fn of_dialog(
    door: &Door,
    (app, user): (u64, u64),
    dialog: DialogId,
    (skip, limit): (u32, u32),
) -> Result<Value, Refusal> {
    let within = Some(Range { from: 1, upto: u64::MAX });
    let request = MembersRequest { app, dialog: dialog.to_vec(), users: vec![user], within };
    let members = door.history().members(request).await?.into_inner().members;
    let state = members.into_iter().next().unwrap_or_default();
    let request =
        PageRequest { app, dialog: dialog.to_vec(), reader: user, descending: true, skip, limit, ..PageRequest::default() };
    let reply = door.history().page(request).await?.into_inner();
    let messages: Vec<Value> = reply.rows.iter().filter(|row| is_unread(&state, row)).map(message_shown).collect();
    let is_last = reply.rows.last().is_none_or(|last| last.seq <= state.base);
    let is_cut = reply.more || reply.rows.len() == limit as usize;
    let next = (is_cut && !is_last).then(|| u64::from(skip) + reply.rows.len() as u64);
    Ok(json!({ "read_upto": state.base, "messages": messages, "next": next }))
}

/// As history derives it: above what he has read, and not settled.
pub fn is_unread(state: &MemberState, row: &Message) -> bool {
    let is_settled = state.settled.iter().any(|range| (range.from..=range.upto).contains(&row.seq));
    row.seq > state.base && !is_settled && !row.removed
}

fn message_shown(row: &Message) -> Value {
    json!({ "id": hex::shown(&row.id), "seq": row.seq, "sender": row.sender, "created_at": iso(row.created_at) })
}
