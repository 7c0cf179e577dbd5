//! What was said in a dialog, behind a glass: whoever gives a reason breaks it, and reads for some minutes. The reason is in the audit
//! log before anything is shown, and so is each page.
//!
//! The entry of the log is what opens: its place names it, its operator may use it, its time ends it. So it holds at every process,
//! and nobody reads of whom the log does not say why.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::DialogId;
use natter_proto::account::v1::{AuditEntry, ListAuditRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::ArchiveRowsRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Entry;
use crate::body::{Fields, Raw};
use crate::caller::Caller;
use crate::dialogs;
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};
use crate::visit::Visit;

/// How long it is broken.
pub const OPEN_MS: i64 = 15 * 60 * 1_000;
/// As the log knows it.
const OPENED: &str = "dialog.opened";
/// Characters of a reason: as many as the log keeps.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=200;
/// Messages of a page, if the request says nothing, and at most.
pub const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// A glass that is broken: what names it, and until when, unix milliseconds.
pub struct Broken {
    pub glass: String,
    pub until: i64,
}

/// `POST /admin/v1/apps/{app}/dialogs/{dialog}/open` `{reason}`: the caller may read what was said there, for a quarter of an hour.
pub async fn open(
    door: web::Data<Door>,
    caller: Caller,
    visit: Visit,
    path: web::Path<(String, String)>,
    raw: Raw,
) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let reason = fields.text("reason")?.unwrap_or_default();
    fields.end()?;
    let (app, dialog) = dialogs::of_path(&door, &path).await?;
    let Broken { glass, until } = shatter(&door, &caller, &visit, (app, dialog), &reason).await?;
    Ok(HttpResponse::Created().json(json!({ "glass": glass, "until": iso(until) })))
}

/// Enters the reason. From then on the caller may read.
pub async fn shatter(
    door: &Door,
    caller: &Caller,
    visit: &Visit,
    (app, dialog): (u64, DialogId),
    reason: &str,
) -> Result<Broken, Refusal> {
    let reason = reason.trim();
    if !REASON_CHARS.contains(&reason.chars().count()) {
        return Err(Refusal::malformed("reason", "is needed, in 3 to 200 characters"));
    }
    // Of one that is not there nobody says that he read it.
    dialogs::find(door, app, dialog).await?;
    let entry = AuditEntry {
        operator: caller.name.clone(),
        role: caller.role.name().to_owned(),
        address: visit.address.clone(),
        action: OPENED.to_owned(),
        app,
        target: dialog.to_string(),
        note: reason.to_owned(),
        ..AuditEntry::default()
    };
    let entry = Entry::reasoned(door, entry).await?;
    let glass = hex::shown(entry.id());
    entry.settle(door, StatusCode::CREATED.as_u16(), None).await;
    check(door, caller, (app, dialog), &glass).await
}

/// Refuses unless this caller broke this glass, before this dialog, lately.
pub async fn check(door: &Door, caller: &Caller, (app, dialog): (u64, DialogId), glass: &str) -> Result<Broken, Refusal> {
    let id = hex::read(glass).ok_or_else(|| Refusal::malformed("glass", "is not what names an open glass"))?;
    let behind = u128::from_be_bytes(id).saturating_add(1).to_be_bytes();
    let request =
        ListAuditRequest { before: behind.to_vec(), limit: 1, operator: caller.name.clone(), limited: true, apps: vec![app] };
    let entries = door.audit().list(request).await?.into_inner().entries;
    let entry = entries.into_iter().find(|entry| entry.id == id).ok_or_else(Refusal::glass)?;
    let is_his = entry.operator == caller.name && entry.action == OPENED;
    let is_here = entry.app == app && entry.target == dialog.to_string();
    let until = entry.at + OPEN_MS;
    match is_his && is_here && door.clock.now_ms() < until {
        true => Ok(Broken { glass: glass.to_owned(), until }),
        false => Err(Refusal::glass()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    glass: Option<String>,
    upto: Option<u64>,
    limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/dialogs/{dialog}/messages?glass=GLASS&upto=SEQ&limit=N`: newest first.
pub async fn messages(
    door: web::Data<Door>,
    caller: Caller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let of = dialogs::of_path(&door, &path).await?;
    let Broken { until, .. } = check(&door, &caller, of, page.glass.as_deref().unwrap_or_default()).await?;
    let limit = page.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let (rows, next) = read(&door, of, page.upto, limit).await?;
    let messages: Vec<Value> = rows.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "messages": messages, "next": next, "until": iso(until) })))
}

/// Messages up to a place, or the newest, newest first; and the place where older ones go on. Whoever calls has checked the glass.
pub async fn read(
    door: &Door,
    (app, dialog): (u64, DialogId),
    upto: Option<u64>,
    limit: u32,
) -> Result<(Vec<Message>, Option<u64>), Refusal> {
    let (_, head) = dialogs::find(door, app, dialog).await?;
    let upto = upto.unwrap_or(head.seq).min(head.seq);
    let (mut rows, mut above) = (Vec::new(), upto.saturating_sub(limit.into()));
    let next = Some(above).filter(|above| *above > head.floor);
    // An answer may be cut because of its bytes.
    while above < upto {
        let wanted = u32::try_from(upto - above).unwrap_or(limit);
        let request = ArchiveRowsRequest { app, dialog: dialog.to_vec(), above, limit: wanted };
        let reply = door.archives.places().rows(request).await?.into_inner();
        let Some(last) = reply.rows.last().map(|row| row.seq).filter(|last| *last > above) else { break };
        above = last;
        rows.extend(reply.rows);
    }
    rows.retain(|row| row.seq <= upto);
    rows.reverse();
    Ok((rows, next))
}

fn shown(row: &Message) -> Value {
    json!({
        "id": hex::shown(&row.id),
        "seq": row.seq,
        "sender": row.sender,
        "created_at": iso(row.created_at),
        "edited": !row.removed && row.updated_at > row.created_at,
        "removed": row.removed,
        "body": row.body,
        "attachments": row.attachments.len(),
    })
}
