//! Routes about the ways of messages.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::trace::v1::{Hop, Kind, OfRequest, SwitchRequest, SwitchedRequest};
use natter_proto::{DialogId, MessageId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso, iso_ms};

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Hours for which an app is switched on where nobody says so, and at most.
const HOURS: u64 = 24;
const HOURS_MAX: u64 = 7 * 24;

/// A message by its place instead of its id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    dialog: Option<String>,
    seq: Option<u64>,
}

/// `GET /admin/v1/apps/{app}/messages/{message}/trace[?dialog=ID&seq=N]`: the oldest hop first. 404 where none is known: one
/// message of `trace.one_in` leaves a trace, and it is kept for a day.
pub async fn of(door: web::Data<Door>, path: web::Path<(String, String)>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let (app, message) = path.into_inner();
    let place = web::Query::<Place>::from_query(request.query_string());
    let place = place.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let message = message.parse::<MessageId>().map_err(|_| Refusal::malformed("message", "is not the id of a message"))?;
    let app = apps::find(&door, &app).await?.id;
    let request = match place {
        Place { dialog: None, seq: None } => OfRequest { app, message: message.to_vec(), ..OfRequest::default() },
        Place { dialog: Some(dialog), seq: Some(seq) } => {
            let dialog = dialog.parse::<DialogId>().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?;
            OfRequest { app, message: message.to_vec(), dialog: dialog.to_vec(), seq }
        }
        _ => return Err(Refusal::malformed("query", "a place is a dialog and a seq, or neither")),
    };
    let hops = door.traces().of(request).await?.into_inner().hops;
    let first = hops.first().cloned().unwrap_or_default();
    Ok(HttpResponse::Ok().json(json!({ "trace": {
        "message": message.to_string(),
        "dialog": hex::shown(&first.dialog),
        "seq": first.seq,
        "hops": hops.iter().map(shown).collect::<Vec<_>>(),
    } })))
}

/// `GET /admin/v1/apps/{app}/trace`.
pub async fn switched(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    let until = door.traces().switched(SwitchedRequest { app }).await?.into_inner().until;
    Ok(answer(until))
}

/// `PUT /admin/v1/apps/{app}/trace` `{hours?}`: from now on every message of the app leaves a trace, for so long.
pub async fn switch(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let hours = fields.number("hours")?.unwrap_or(HOURS);
    fields.end()?;
    if hours > HOURS_MAX {
        return Err(Refusal::malformed("hours", format!("at most {HOURS_MAX}")));
    }
    let app = apps::find(&door, &path).await?.id;
    let until = jiff::Timestamp::now().as_millisecond() + hours as i64 * HOUR_MS;
    Ok(answer(door.traces().switch(SwitchRequest { app, until }).await?.into_inner().until))
}

/// `DELETE /admin/v1/apps/{app}/trace`: from now on as many as of any app do.
pub async fn switch_off(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    Ok(answer(door.traces().switch(SwitchRequest { app, until: 0 }).await?.into_inner().until))
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
