//! Routes about the alerts of an app: how they look, a preview, a test on one device, and what was decided and tried.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::push::v1::{
    self as proto, GetBuiltInRequest, GetSettingsRequest, JournalReply, JournalRequest, Note, Payload, PreviewReply,
    PreviewRequest, PutSettingsRequest, SendTestReply, SendTestRequest,
};
use natter_proto::{DialogId, MessageId};
use serde::Deserialize;
use serde_json::{Value, json};

use self::settings::{Sample, Settings};
use crate::apps;
use crate::body::Raw;
use crate::devices::channel_name;
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};

pub mod settings;

const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 500;

/// `GET /admin/v1/apps/{app}/alerts`.
pub async fn get(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let settings = kept(&door, apps::find(&door, &path).await?.id).await?;
    Ok(HttpResponse::Ok().json(json!({ "alerts": Settings::from(settings) })))
}

/// The settings of an app.
pub async fn kept(door: &Door, app: u64) -> Result<proto::Settings, Refusal> {
    Ok(door.alerting().get_settings(GetSettingsRequest { app }).await?.into_inner())
}

/// The template of an app that put none.
pub async fn built_in(door: &Door) -> Result<proto::Template, Refusal> {
    Ok(door.alerting().get_built_in(GetBuiltInRequest {}).await?.into_inner())
}

/// `PUT /admin/v1/apps/{app}/alerts`: these settings and no others.
pub async fn put(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let settings: Settings = read(&door, raw)?;
    let settings = keep(&door, app.id, settings.into()).await?;
    Ok(HttpResponse::Ok().json(json!({ "alerts": Settings::from(settings) })))
}

/// Keeps these settings of an app and no others.
pub async fn keep(door: &Door, app: u64, settings: proto::Settings) -> Result<proto::Settings, Refusal> {
    let request = PutSettingsRequest { app, settings: Some(settings) };
    Ok(door.alerting().put_settings(request).await?.into_inner())
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Draft {
    alerts: Option<Settings>,
    sample: Option<Sample>,
}

/// `POST /admin/v1/apps/{app}/alerts/preview` `{alerts?, sample?}`: what devices would be sent by a draft, or by what is in force.
pub async fn preview(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let Draft { alerts, sample } = read(&door, raw)?;
    let request = PreviewRequest { app: app.id, settings: alerts.map(Into::into), sample: sample.map(Into::into) };
    let reply = look(&door, request).await?;
    let payloads: Vec<Value> = reply.payloads.iter().map(previewed).collect();
    let remark = Some(reply.remark).filter(|remark| !remark.is_empty());
    let preview = json!({ "title": reply.title, "body": reply.body, "remark": remark, "payloads": payloads });
    Ok(HttpResponse::Ok().json(json!({ "preview": preview })))
}

/// What devices would be sent.
pub async fn look(door: &Door, request: PreviewRequest) -> Result<PreviewReply, Refusal> {
    Ok(door.alerting().preview(request).await?.into_inner())
}

fn previewed(payload: &Payload) -> Value {
    let channel = channel_name(payload.channel());
    if !payload.error.is_empty() {
        return json!({ "channel": channel, "error": payload.error });
    }
    json!({
        "channel": channel,
        "json": payload.json,
        "size": payload.size,
        "limit": payload.limit,
        "shortened": payload.shortened,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    user: u64,
    subscription: u64,
    sample: Option<Sample>,
}

/// `POST /admin/v1/apps/{app}/alerts/test` `{user, subscription, sample?}`: one alert for one device, on the way that all go.
/// Answered with what became of it so far.
pub async fn test(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let Test { user, subscription, sample } = read(&door, raw)?;
    let request = SendTestRequest { app: app.id, user, subscription, sample: sample.map(Into::into) };
    let reply = send(&door, request).await?;
    let notes: Vec<Value> = reply.notes.iter().map(noted).collect();
    let test = json!({ "dialog": hex::shown(&reply.dialog), "message": hex::shown(&reply.message), "notes": notes });
    Ok(HttpResponse::Accepted().json(json!({ "test": test })))
}

/// Queues a test, and waits a little for what becomes of it.
pub async fn send(door: &Door, request: SendTestRequest) -> Result<SendTestReply, Refusal> {
    Ok(door.alerting().send_test(request).await?.into_inner())
}

/// Of whom or what the journal is read: `user`, or `dialog` and `message`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    pub user: Option<u64>,
    pub dialog: Option<String>,
    pub message: Option<String>,
    /// Where an answer before said that it goes on.
    pub before: Option<String>,
    pub limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/alerts/journal?user=ID | dialog=ID&message=ID [&before=NEXT&limit=N]`: newest first.
pub async fn journal(door: web::Data<Door>, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let app = apps::find(&door, &path).await?;
    let reply = read_journal(&door, app.id, page).await?;
    let notes: Vec<Value> = reply.notes.iter().map(noted).collect();
    let next = Some(hex::shown(&reply.next)).filter(|next| !next.is_empty());
    Ok(HttpResponse::Ok().json(json!({ "notes": notes, "next": next })))
}

/// A page of the journal of an app, newest first.
pub async fn read_journal(door: &Door, app: u64, page: Page) -> Result<JournalReply, Refusal> {
    let (user, dialog, message) = match (page.user, &page.dialog, &page.message) {
        (Some(user), None, None) => (user, Vec::new(), Vec::new()),
        (None, Some(dialog), Some(message)) => {
            let dialog: DialogId = dialog.parse().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?;
            let message: MessageId = message.parse().map_err(|_| Refusal::malformed("message", "is not the id of a message"))?;
            (0, dialog.to_vec(), message.to_vec())
        }
        _ => return Err(Refusal::malformed("query", "give `user`, or `dialog` and `message`")),
    };
    let before = hex::bytes(page.before.as_deref().unwrap_or_default());
    let before = before.ok_or_else(|| Refusal::malformed("before", "is not the `next` of an answer"))?;
    let limit = page.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let request = JournalRequest { app, user, dialog, message, limit, before };
    Ok(door.push().journal(request).await?.into_inner())
}

/// A note as the operator sees it: a decision, or (with `subscription`) an attempt.
pub fn noted(note: &Note) -> Value {
    let given = |number: u64| (number > 0).then_some(number);
    let mut shown = json!({
        "at": iso(note.at),
        "dialog": hex::shown(&note.dialog),
        "message": hex::shown(&note.message),
        "sender": given(note.sender),
        "user": given(note.user),
        "reason": note.reason,
    });
    if note.user == 0 {
        shown["count"] = json!(note.count);
    }
    if note.subscription > 0 {
        shown["subscription"] = json!(note.subscription);
        shown["channel"] = json!(channel_name(note.channel()));
        shown["attempt"] = json!(note.attempt);
        shown["answer"] = json!(note.answer);
    }
    if !note.remark.is_empty() {
        shown["remark"] = json!(note.remark);
    }
    shown
}

fn read<T: serde::de::DeserializeOwned>(door: &Door, raw: Raw) -> Result<T, Refusal> {
    let bytes = raw.map_err(|_| Refusal::too_large(door.body_bytes_max))?;
    let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
    serde_json::from_slice(bytes).map_err(|error| Refusal::malformed("", error.to_string()))
}
