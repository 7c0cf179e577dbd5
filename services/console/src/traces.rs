//! Routes about the ways of messages.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::push::v1::{JournalRequest, Note};
use natter_proto::trace::v1::{Hop, Kind, OfRequest, SwitchRequest, SwitchedRequest};
use natter_proto::{Code, DialogId, Failure, MessageId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::alerts::noted;
use crate::apps;
use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::service::{Door, iso, iso_ms};

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Hours for which an app is switched on where nobody says so, and at most.
pub const HOURS: u64 = 24;
const HOURS_MAX: u64 = 7 * 24;
/// Notes of a page of the journal, and pages that are looked at: as many notes as hops are shown.
const NOTES: u32 = 500;
const PAGES: usize = 4;

/// A message by its place instead of its id. `seq` 0: only its dialog is known, or it has no number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    dialog: Option<String>,
    seq: Option<u64>,
}

/// What is known of a message on its way.
pub struct Way {
    pub message: MessageId,
    /// None where only the message was named, and nothing is known of it.
    pub dialog: Option<DialogId>,
    pub seq: u64,
    /// Oldest first.
    pub hops: Vec<Hop>,
    /// What was decided about its alerts, and what providers said; oldest first.
    pub pushes: Vec<Note>,
    /// There are more of these than are read.
    pub is_cut: bool,
}

/// `GET /admin/v1/apps/{app}/messages/{message}/trace[?dialog=ID&seq=N]`: the oldest hop first, and what was decided and tried
/// about its alerts. 404 where nothing is known: one message of `trace.one_in` leaves a trace, and it is kept for a day.
pub async fn of(door: web::Data<Door>, path: web::Path<(String, String)>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let (app, message) = path.into_inner();
    let place = web::Query::<Place>::from_query(request.query_string());
    let place = place.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (message, place) = (parse(&message)?, place.read()?);
    let app = apps::find(&door, &app).await?.id;
    let way = find(&door, app, message, place).await?;
    let pushes = way.pushes.iter().map(|note| {
        let mut shown = noted(note);
        shown["at"] = json!(iso_ms(note.at));
        shown
    });
    Ok(HttpResponse::Ok().json(json!({ "trace": {
        "message": way.message.to_string(),
        "dialog": way.dialog.map(|dialog| dialog.to_string()),
        "seq": way.seq,
        "hops": way.hops.iter().map(shown).collect::<Vec<_>>(),
        "pushes": pushes.collect::<Vec<_>>(),
        "pushes_cut": way.is_cut,
    } })))
}

/// The id of a message.
pub fn parse(message: &str) -> Result<MessageId, Refusal> {
    message.parse().map_err(|_| Refusal::malformed("message", "is not the id of a message"))
}

impl Place {
    /// What a query says of it.
    pub fn read(self) -> Result<Option<(DialogId, u64)>, Refusal> {
        match self {
            Place { dialog: None, seq: None } => Ok(None),
            Place { dialog: Some(dialog), seq: Some(seq) } => {
                let dialog = dialog.parse().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?;
                Ok(Some((dialog, seq)))
            }
            _ => Err(Refusal::malformed("query", "a place is a dialog and a seq, or neither")),
        }
    }
}

/// The way of a message. Not found: neither hops nor alerts are known of it.
pub async fn find(door: &Door, app: u64, message: MessageId, place: Option<(DialogId, u64)>) -> Result<Way, Refusal> {
    let (hops, unknown) = match hops_of(door, app, message, place).await {
        Ok(hops) => (hops, None),
        Err(failure) if failure.code == Code::NotFound => (Vec::new(), Some(failure)),
        Err(failure) => return Err(failure.into()),
    };
    let first = hops.first();
    let dialog = first.and_then(|hop| DialogId::try_from(hop.dialog.as_slice()).ok()).or(place.map(|(dialog, _)| dialog));
    let seq = first.map_or(place.map_or(0, |(_, seq)| seq), |hop| hop.seq);
    // Who comes by a place may not know the id.
    let message = id_in(&hops).unwrap_or(message);
    let (pushes, is_cut) = match dialog {
        Some(dialog) => pushes_of(door, app, dialog, message).await?,
        None => (Vec::new(), false),
    };
    match unknown {
        Some(failure) if pushes.is_empty() => Err(failure.into()),
        _ => Ok(Way { message, dialog, seq, hops, pushes, is_cut }),
    }
}

/// The id of the message at a place, if it left a trace.
pub async fn at(door: &Door, app: u64, place: (DialogId, u64)) -> Result<Option<MessageId>, Refusal> {
    match hops_of(door, app, MessageId([0; 12]), Some(place)).await {
        Ok(hops) => Ok(id_in(&hops)),
        Err(failure) if failure.code == Code::NotFound => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

async fn hops_of(door: &Door, app: u64, message: MessageId, place: Option<(DialogId, u64)>) -> Result<Vec<Hop>, Failure> {
    let request = OfRequest { app, message: message.to_vec(), ..OfRequest::default() };
    let request = match place {
        Some((dialog, seq)) if seq > 0 => OfRequest { dialog: dialog.to_vec(), seq, ..request },
        _ => request,
    };
    Ok(door.traces().of(request).await?.into_inner().hops)
}

fn id_in(hops: &[Hop]) -> Option<MessageId> {
    hops.iter().find_map(|hop| MessageId::try_from(hop.message.as_slice()).ok())
}

// Oldest first, and whether there are more.
async fn pushes_of(door: &Door, app: u64, dialog: DialogId, message: MessageId) -> Result<(Vec<Note>, bool), Refusal> {
    let (mut notes, mut before) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        let (dialog, message) = (dialog.to_vec(), message.to_vec());
        let request = JournalRequest { app, user: 0, dialog, message, limit: NOTES, before };
        let reply = door.push().journal(request).await?.into_inner();
        notes.extend(reply.notes);
        before = reply.next;
        if before.is_empty() {
            break;
        }
    }
    notes.reverse();
    Ok((notes, !before.is_empty()))
}

/// `GET /admin/v1/apps/{app}/trace`.
pub async fn switched(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    Ok(answer(switched_until(&door, app).await?))
}

/// Until when every message of an app leaves a trace, unix milliseconds; 0: not every one does.
pub async fn switched_until(door: &Door, app: u64) -> Result<i64, Refusal> {
    Ok(door.traces().switched(SwitchedRequest { app }).await?.into_inner().until)
}

/// `PUT /admin/v1/apps/{app}/trace` `{hours?}`: from now on every message of the app leaves a trace, for so long.
pub async fn switch(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let hours = fields.number("hours")?.unwrap_or(HOURS);
    fields.end()?;
    let app = apps::find(&door, &path).await?.id;
    Ok(answer(switch_for(&door, app, hours).await?))
}

/// `DELETE /admin/v1/apps/{app}/trace`: from now on as many as of any app do.
pub async fn switch_off(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    Ok(answer(switch_for(&door, app, 0).await?))
}

/// Every message of an app leaves a trace for so many hours; 0: as many as of any app do. Until when.
pub async fn switch_for(door: &Door, app: u64, hours: u64) -> Result<i64, Refusal> {
    if hours > HOURS_MAX {
        return Err(Refusal::malformed("hours", format!("at most {HOURS_MAX}")));
    }
    let until = if hours > 0 { door.clock.now_ms() + hours as i64 * HOUR_MS } else { 0 };
    Ok(door.traces().switch(SwitchRequest { app, until }).await?.into_inner().until)
}

fn answer(until: i64) -> HttpResponse {
    let until = (until > 0).then(|| iso(until));
    HttpResponse::Ok().json(json!({ "trace": { "every_message": until.is_some(), "until": until } }))
}

fn shown(hop: &Hop) -> Value {
    let some = |number: u64| (number > 0).then_some(number);
    json!({
        "at": iso_ms(hop.at),
        "what": word(hop.kind()),
        "node": hop.node,
        "user": some(hop.user),
        "resource": (!hop.resource.is_empty()).then_some(&hop.resource),
        "users": some(hop.count),
    })
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Unspecified => "unknown",
        Kind::Received => "received",
        Kind::Ordered => "ordered",
        Kind::Stored => "stored",
        Kind::Told => "told",
        Kind::Acked => "acked",
        Kind::Written => "written",
        Kind::Proved => "proved",
        Kind::Delivered => "delivered",
        Kind::Read => "read",
    }
}
