//! Routes about what servers of an app are told. A secret is shown once, when it is made.
//!
//! | route | what |
//! |---|---|
//! | `GET /admin/v1/apps/{app}/webhooks` | each as it stands: how it goes, what waits, what was parked |
//! | `POST /admin/v1/apps/{app}/webhooks` `{url, events?, name?}` | another one, and its secret |
//! | `GET`, `PUT .../webhooks/{webhook}` `{url?, events?, name?}` | one; where it is, and of what it is told |
//! | `DELETE .../webhooks/{webhook}` | forgets it, and all that waits for it |
//! | `POST .../webhooks/{webhook}/secret` `{overlap_hours?}` | another secret; the one before signs as well for so long, at first a day |
//! | `POST .../webhooks/{webhook}/pause`, `/resume` | what happens waits; or goes on at once, whatever failed before |
//! | `POST .../webhooks/{webhook}/ping` | sends a test, beside what waits |
//! | `GET .../webhooks/{webhook}/deliveries[?parked=true&above=N&limit=N]` | what waits, or was parked, the oldest first |
//! | `POST .../webhooks/{webhook}/parked/resend`, `/drop` `{numbers}` | lets parked ones wait again, or forgets them: a list of numbers, or `"all"` |

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::push::v1::{
    ChangeWebhookRequest, CreateWebhookRequest, DeliveriesReply, DeliveriesRequest, ListWebhooksRequest, NewWebhookSecret,
    ParkedRequest, PingWebhookReply, RotateWebhookRequest, WantedEvents, Webhook, WebhookDelivery, WebhookEvent, WebhookRequest,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::audit::Made;
use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};

/// What can be asked for, as operators name it.
pub const EVENTS: [(WebhookEvent, &str); 10] = [
    (WebhookEvent::MessageCreated, "message.created"),
    (WebhookEvent::MessageEdited, "message.edited"),
    (WebhookEvent::MessageDeleted, "message.deleted"),
    (WebhookEvent::DialogCreated, "dialog.created"),
    (WebhookEvent::DialogUpdated, "dialog.updated"),
    (WebhookEvent::DialogDeleted, "dialog.deleted"),
    (WebhookEvent::UserOnline, "user.online"),
    (WebhookEvent::UserOffline, "user.offline"),
    (WebhookEvent::PushFailed, "push.failed"),
    (WebhookEvent::ReportFiled, "report.filed"),
];

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// For how long the secret before signs, if nobody says it.
const OVERLAP_HOURS: u64 = 24;

/// Which deliveries are asked for.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Page {
    parked: bool,
    above: u64,
    limit: Option<u32>,
}

/// See the table above.
pub async fn list(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let webhooks = all(&door, apps::find(&door, &path).await?.id).await?;
    Ok(HttpResponse::Ok().json(json!({ "webhooks": webhooks.iter().map(shown).collect::<Vec<_>>() })))
}

/// Those of an app, the oldest first.
pub async fn all(door: &Door, app: u64) -> Result<Vec<Webhook>, Refusal> {
    Ok(door.webhooks().list(ListWebhooksRequest { app }).await?.into_inner().webhooks)
}

/// See the table above.
pub async fn create(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let url = fields.text("url")?.unwrap_or_default();
    let (events, name) = (fields.texts("events")?.unwrap_or_default(), fields.text("name")?.unwrap_or_default());
    fields.end()?;
    let made = make(&door, CreateWebhookRequest { app, url, events: events_of(&events)?, name }).await?;
    let target = made.webhook.as_ref().map_or_else(String::new, |hook| hook.id.to_string());
    let mut answer = HttpResponse::Created().json(with_secret(&made));
    answer.extensions_mut().insert(Made { app, target });
    Ok(answer)
}

/// Another one, and its secret.
pub async fn make(door: &Door, request: CreateWebhookRequest) -> Result<NewWebhookSecret, Refusal> {
    Ok(door.webhooks().create(request).await?.into_inner())
}

/// See the table above.
pub async fn get(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    Ok(HttpResponse::Ok().json(json!({ "webhook": shown(&one(&door, app, id).await?) })))
}

/// One of an app.
pub async fn one(door: &Door, app: u64, id: u64) -> Result<Webhook, Refusal> {
    let hook = all(door, app).await?.into_iter().find(|hook| hook.id == id);
    hook.ok_or_else(|| Refusal::not_found("webhook"))
}

/// See the table above.
pub async fn put(door: web::Data<Door>, path: web::Path<(String, String)>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let (url, name) = (fields.text("url")?, fields.text("name")?);
    let events = fields.texts("events")?.map(|words| events_of(&words)).transpose()?.map(|events| WantedEvents { events });
    fields.end()?;
    changed(&door, ChangeWebhookRequest { app, id, url, events, rests: None, name }).await
}

async fn changed(door: &Door, request: ChangeWebhookRequest) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(json!({ "webhook": shown(&change(door, request).await?) })))
}

/// What is absent stays as it is.
pub async fn change(door: &Door, request: ChangeWebhookRequest) -> Result<Webhook, Refusal> {
    Ok(door.webhooks().change(request).await?.into_inner())
}

/// See the table above.
pub async fn delete(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    forget(&door, app, id).await?;
    Ok(HttpResponse::Ok().json(json!({})))
}

/// Forgets one, and all that waits for it.
pub async fn forget(door: &Door, app: u64, id: u64) -> Result<(), Refusal> {
    door.webhooks().delete(WebhookRequest { app, id }).await?;
    Ok(())
}

/// See the table above.
pub async fn secret(door: web::Data<Door>, path: web::Path<(String, String)>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let hours = fields.whole("overlap_hours")?.unwrap_or(OVERLAP_HOURS);
    fields.end()?;
    Ok(HttpResponse::Ok().json(with_secret(&rotate(&door, app, id, hours).await?)))
}

/// Another secret.
pub async fn rotate(door: &Door, app: u64, id: u64, hours: u64) -> Result<NewWebhookSecret, Refusal> {
    let overlap_ms = i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
    Ok(door.webhooks().rotate(RotateWebhookRequest { app, id, overlap_ms }).await?.into_inner())
}

/// See the table above.
pub async fn pause(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    changed(&door, ChangeWebhookRequest { app, id, rests: Some(true), ..Default::default() }).await
}

/// See the table above.
pub async fn resume(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    Ok(HttpResponse::Ok().json(json!({ "webhook": shown(&wake(&door, app, id).await?) })))
}

/// What failed is forgotten, and what waits is sent at once.
pub async fn wake(door: &Door, app: u64, id: u64) -> Result<Webhook, Refusal> {
    Ok(door.webhooks().resume(WebhookRequest { app, id }).await?.into_inner())
}

/// See the table above.
pub async fn ping(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let PingWebhookReply { delivered, answer, took_ms } = try_one(&door, app, id).await?;
    Ok(HttpResponse::Ok().json(json!({ "delivered": delivered, "answer": text(&answer), "took_ms": took_ms })))
}

/// Sends a test, and what was answered.
pub async fn try_one(door: &Door, app: u64, id: u64) -> Result<PingWebhookReply, Refusal> {
    Ok(door.webhooks().ping(WebhookRequest { app, id }).await?.into_inner())
}

/// See the table above.
pub async fn deliveries(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let page = web::Query::<Page>::from_query(request.query_string());
    let Page { parked, above, limit } = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let DeliveriesReply { deliveries, next } = page_of(&door, app, id, parked, above, limit.unwrap_or(100)).await?;
    let deliveries: Vec<Value> = deliveries.iter().map(shown_delivery).collect();
    Ok(HttpResponse::Ok().json(json!({ "deliveries": deliveries, "next": Some(next).filter(|next| *next > 0) })))
}

/// What waits, or was parked.
pub async fn page_of(door: &Door, app: u64, id: u64, parked: bool, above: u64, limit: u32) -> Result<DeliveriesReply, Refusal> {
    Ok(door.webhooks().deliveries(DeliveriesRequest { app, id, parked, above, limit }).await?.into_inner())
}

/// See the table above.
pub async fn resend(door: web::Data<Door>, path: web::Path<(String, String)>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let request = parked(&door, &path, raw).await?;
    Ok(HttpResponse::Ok().json(json!({ "resent": send_again(&door, request).await? })))
}

/// Lets parked ones wait again. How many.
pub async fn send_again(door: &Door, request: ParkedRequest) -> Result<u64, Refusal> {
    Ok(door.webhooks().resend(request).await?.into_inner().count)
}

/// See the table above.
pub async fn drop_parked(door: web::Data<Door>, path: web::Path<(String, String)>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let request = parked(&door, &path, raw).await?;
    Ok(HttpResponse::Ok().json(json!({ "dropped": give_up(&door, request).await? })))
}

/// Forgets parked ones. How many.
pub async fn give_up(door: &Door, request: ParkedRequest) -> Result<u64, Refusal> {
    Ok(door.webhooks().drop(request).await?.into_inner().count)
}

async fn parked(door: &Door, path: &(String, String), raw: Raw) -> Result<ParkedRequest, Refusal> {
    let (app, id) = found(door, path).await?;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let numbers = fields.apps("numbers")?;
    fields.end()?;
    let numbers = numbers.ok_or_else(|| Refusal::malformed("numbers", "is required: a list of them, or \"all\""))?;
    Ok(ParkedRequest { app, id, all: numbers.is_none(), numbers: numbers.unwrap_or_default() })
}

/// The app and the webhook that a path names. What cannot be an id is none.
pub async fn found(door: &Door, (app, id): &(String, String)) -> Result<(u64, u64), Refusal> {
    let app = apps::find(door, app).await?.id;
    Ok((app, id.parse().map_err(|_| Refusal::not_found("webhook"))?))
}

/// What is asked for by these words.
pub fn events_of(words: &[String]) -> Result<Vec<i32>, Refusal> {
    let event = |word: &String| {
        let known = EVENTS.iter().find(|(_, known)| known == word);
        known.map(|(event, _)| (*event).into()).ok_or_else(|| {
            let all: Vec<&str> = EVENTS.iter().map(|(_, word)| *word).collect();
            Refusal::malformed("events", format!("are some of {}", all.join(", ")))
        })
    };
    words.iter().map(event).collect()
}

/// How operators name it.
pub fn word_of(event: WebhookEvent) -> &'static str {
    EVENTS.iter().find(|(known, _)| *known == event).map_or("webhook.ping", |(_, word)| word)
}

/// In one word, how it goes.
pub fn standing(hook: &Webhook) -> &'static str {
    let state = hook.state.clone().unwrap_or_default();
    match (hook.rests, state.gone, state.paused, state.failures) {
        (true, ..) => "paused",
        (_, true, ..) => "gone",
        (_, _, true, _) => "failing",
        (_, _, _, 0) => "well",
        _ => "retrying",
    }
}

fn with_secret(made: &NewWebhookSecret) -> Value {
    json!({ "webhook": made.webhook.as_ref().map(shown), "secret": made.secret })
}

fn shown(hook: &Webhook) -> Value {
    let state = hook.state.clone().unwrap_or_default();
    let at = |ms: i64| (ms > 0).then(|| iso(ms));
    json!({
        "id": hook.id,
        "name": text(&hook.name),
        "url": hook.url,
        "events": hook.events().map(word_of).collect::<Vec<_>>(),
        "state": standing(hook),
        "waiting": hook.waiting,
        "parked": hook.parked,
        "dropped": state.dropped,
        "failures": state.failures,
        "failing_since": at(state.failing_since),
        "next_try_at": at(state.next_at),
        "last_failure": text(&state.answer),
        "delivered_at": at(state.delivered_at),
        "secrets": hook.secrets,
        "problem": text(&hook.problem),
        "created_at": iso(hook.created_at),
        "changed_at": iso(hook.changed_at),
    })
}

fn shown_delivery(delivery: &WebhookDelivery) -> Value {
    json!({
        "number": delivery.number,
        "id": delivery.id,
        "event": word_of(delivery.event()),
        "at": iso(delivery.at),
        "dialog_id": text(&hex::shown(&delivery.dialog)),
        "message_id": text(&hex::shown(&delivery.message)),
        "user_id": Some(delivery.user).filter(|user| *user > 0),
        "queued_at": iso(delivery.queued_at),
        "parked_at": (delivery.parked_at > 0).then(|| iso(delivery.parked_at)),
        "last_failure": text(&delivery.answer),
    })
}

fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::push::v1::WebhookState;

    use super::*;

    #[test]
    fn all_that_can_be_asked_for_has_a_word_and_nothing_else_has() {
        let all: Vec<i32> = (1..=10).collect();
        let words: Vec<String> = EVENTS.iter().map(|(_, word)| (*word).to_owned()).collect();
        assert_eq!(events_of(&words).unwrap(), all);
        let refused = events_of(&["message.read".to_owned()]).unwrap_err();
        assert_eq!(refused.field(), "events");
    }

    #[test]
    fn how_it_goes_is_one_word() {
        let hook = |rests, gone, paused, failures| Webhook {
            rests,
            state: Some(WebhookState { gone, paused, failures, ..WebhookState::default() }),
            ..Webhook::default()
        };
        for (hook, word) in [
            (hook(false, false, false, 0), "well"),
            (hook(false, false, false, 2), "retrying"),
            (hook(false, false, true, 5), "failing"),
            (hook(false, true, true, 1), "gone"),
            (hook(true, true, true, 9), "paused"),
        ] {
            assert_eq!(standing(&hook), word);
        }
    }
}
