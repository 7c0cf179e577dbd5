//! Pages about what servers of an app are told: how each webhook goes, what waits for it, and what was parked. A secret is shown once,
//! on the page that follows its making.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::push::v1::{ChangeWebhookRequest, CreateWebhookRequest, ParkedRequest, WantedEvents, Webhook, WebhookDelivery};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::audit::Made;
use crate::error::Refusal;
use crate::service::Door;
use crate::webhooks::{
    EVENTS, all, change, events_of, forget, found, give_up, make, one, page_of, rotate, send_again, standing, try_one, wake,
    word_of,
};

/// Deliveries that a page shows.
const SHOWN: u32 = 50;

/// A webhook as pages show it.
struct Card {
    id: u64,
    name: String,
    url: String,
    events: String,
    /// In one word, and how that is shown.
    state: &'static str,
    shown_as: &'static str,
    rests: bool,
    waiting: u64,
    parked: u64,
    dropped: u64,
    failures: u32,
    failing_since: String,
    next_try_at: String,
    last_failure: String,
    delivered_at: String,
    secrets: u32,
    problem: String,
}

/// What waits, or was parked.
struct Line {
    event: &'static str,
    at: String,
    id: String,
    last_failure: String,
}

impl Card {
    fn of(hook: &Webhook) -> Card {
        let (state, goes) = (standing(hook), hook.state.clone().unwrap_or_default());
        let at = |ms: i64| if ms > 0 { when(ms) } else { String::new() };
        let events: Vec<&str> = hook.events().map(word_of).collect();
        Card {
            id: hook.id,
            name: if hook.name.is_empty() { format!("Webhook {}", hook.id) } else { hook.name.clone() },
            url: hook.url.clone(),
            events: if events.is_empty() { "everything".to_owned() } else { events.join(", ") },
            state,
            shown_as: match state {
                "well" => "ok",
                "retrying" | "paused" => "warn",
                _ => "fail",
            },
            rests: hook.rests,
            waiting: hook.waiting,
            parked: hook.parked,
            dropped: goes.dropped,
            failures: goes.failures,
            failing_since: at(goes.failing_since),
            next_try_at: at(goes.next_at),
            last_failure: goes.answer,
            delivered_at: at(goes.delivered_at),
            secrets: hook.secrets,
            problem: hook.problem.clone(),
        }
    }
}

impl Line {
    fn of(delivery: &WebhookDelivery) -> Line {
        let (event, at) = (word_of(delivery.event()), when(delivery.at));
        Line { event, at, id: delivery.id.clone(), last_failure: delivery.answer.clone() }
    }
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct ListPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    cards: Vec<Card>,
}

/// `GET /console/apps/{app}/webhooks`.
pub async fn list(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let cards = all(&door, shown.id).await?.iter().map(Card::of).collect();
    show(&ListPage { frame: frame.titled(format!("Webhooks of {}", shown.name)), tab: "webhooks", shown, cards })
}

#[derive(Template)]
#[template(path = "webhook_new.html")]
struct NewPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    form: Form,
}

// Fields are called as the route calls them, so that its refusals find them.
fn form_of(hook: &Webhook) -> Form {
    let events = EVENTS.iter().map(|(event, word)| Field::check(word, word, hook.events.contains(&(*event).into()))).collect();
    Form::of(vec![
        Field::text("url", "Address", hook.url.clone()).hint("https, of a server of the app’s maker.").required(),
        Field::text("name", "Name", hook.name.clone()).hint("For people. It may be empty."),
    ])
    .with("What it is told", "Nothing ticked: everything, also what later releases tell.", events)
}

fn ticked(entered: &Entered) -> Result<Vec<i32>, Refusal> {
    let words: Vec<String> = EVENTS.iter().filter(|(_, word)| entered.is_on(word)).map(|(_, word)| (*word).to_owned()).collect();
    events_of(&words)
}

/// `GET /console/apps/{app}/webhooks/new`.
pub async fn blank(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let (shown, form) = (shown(&door, &path).await?, form_of(&Webhook::default()));
    show(&NewPage { frame: frame.titled("New webhook"), tab: "webhooks", shown, form })
}

#[derive(Template)]
#[template(path = "webhook_secret.html")]
struct SecretPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: u64,
    secret: String,
}

/// `POST /console/apps/{app}/webhooks`.
pub async fn create(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let made = async {
        let (url, name) = (entered.text("url").to_owned(), entered.text("name").to_owned());
        make(&door, CreateWebhookRequest { app: shown.id, url, events: ticked(&entered)?, name }).await
    };
    match made.await {
        Ok(made) => {
            let (app, id, secret) = (shown.id, made.webhook.map_or(0, |hook| hook.id), made.secret);
            let frame = frame.titled("The webhook was made");
            let mut answer = show_as(StatusCode::CREATED, &SecretPage { frame, tab: "webhooks", shown, id, secret })?;
            answer.extensions_mut().insert(Made { app, target: id.to_string() });
            Ok(answer)
        }
        Err(refusal) => {
            let form = form_of(&Webhook::default()).filled(&entered).refused(&refusal);
            let frame = frame.again("New webhook");
            show_as(refusal.status_code(), &NewPage { frame, tab: "webhooks", shown, form })
        }
    }
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct OnePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    card: Card,
    form: Form,
    waiting: Vec<Line>,
    parked: Vec<Line>,
    /// What a test came to.
    tried: Option<(bool, String)>,
}

async fn page(door: &Door, frame: Frame, shown: Shown, id: u64, tried: Option<(bool, String)>) -> Result<OnePage, Refusal> {
    let hook = one(door, shown.id, id).await?;
    let waiting = page_of(door, shown.id, id, false, 0, SHOWN).await?.deliveries.iter().map(Line::of).collect();
    let parked = page_of(door, shown.id, id, true, 0, SHOWN).await?.deliveries.iter().map(Line::of).collect();
    let card = Card::of(&hook);
    let frame = frame.titled(format!("{} of {}", card.name, shown.name));
    Ok(OnePage { frame, tab: "webhooks", shown, card, form: form_of(&hook), waiting, parked, tried })
}

/// `GET /console/apps/{app}/webhooks/{webhook}`.
pub async fn show_one(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (_, id) = found(&door, &path).await?;
    let shown = shown(&door, &path.as_ref().0).await?;
    show(&page(&door, frame, shown, id, None).await?)
}

/// `POST /console/apps/{app}/webhooks/{webhook}`.
pub async fn save(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let saved = async {
        let events = Some(WantedEvents { events: ticked(&entered)? });
        let (url, name) = (Some(entered.text("url").to_owned()), Some(entered.text("name").to_owned()));
        change(&door, ChangeWebhookRequest { app, id, url, events, rests: None, name }).await
    };
    match saved.await {
        Ok(_) => Ok(done(app, id, "webhook-saved")),
        Err(refusal) => {
            let shown = shown(&door, &path.as_ref().0).await?;
            let page = page(&door, frame, shown, id, None).await?;
            let form = form_of(&Webhook::default()).filled(&entered).refused(&refusal);
            show_as(refusal.status_code(), &OnePage { form, ..page })
        }
    }
}

/// `POST .../secret`.
pub async fn renew(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let shown = shown(&door, &path.as_ref().0).await?;
    let made = rotate(&door, app, id, entered.number("overlap_hours")?).await?;
    let frame = frame.titled("The webhook has another secret");
    show(&SecretPage { frame, tab: "webhooks", shown, id, secret: made.secret })
}

/// `POST .../pause`.
pub async fn pause(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    change(&door, ChangeWebhookRequest { app, id, rests: Some(true), ..Default::default() }).await?;
    Ok(done(app, id, "webhook-paused"))
}

/// `POST .../resume`.
pub async fn resume(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    wake(&door, app, id).await?;
    Ok(done(app, id, "webhook-resumed"))
}

/// `POST .../ping`.
pub async fn ping(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let shown = shown(&door, &path.as_ref().0).await?;
    let reply = try_one(&door, app, id).await?;
    let said = if reply.delivered { format!("It was taken, after {} ms.", reply.took_ms) } else { reply.answer };
    show(&page(&door, frame, shown, id, Some((reply.delivered, said))).await?)
}

/// `POST .../resend`.
pub async fn resend(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    send_again(&door, ParkedRequest { app, id, all: true, numbers: Vec::new() }).await?;
    Ok(done(app, id, "webhook-resent"))
}

/// `POST .../drop`.
pub async fn drop_parked(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    give_up(&door, ParkedRequest { app, id, all: true, numbers: Vec::new() }).await?;
    Ok(done(app, id, "webhook-dropped"))
}

#[derive(Template)]
#[template(path = "webhook_delete.html")]
struct DeletePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    card: Card,
}

/// `GET .../delete`: asks whether it is to go.
pub async fn doubt(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    let (shown, card) = (shown(&door, &path.as_ref().0).await?, Card::of(&one(&door, app, id).await?));
    show(&DeletePage { frame: frame.titled(format!("Delete {}?", card.name)), tab: "webhooks", shown, card })
}

/// `POST .../delete`.
pub async fn delete(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = found(&door, &path).await?;
    forget(&door, app, id).await?;
    Ok(see(&format!("/console/apps/{app}/webhooks?done=webhook-deleted")))
}

fn done(app: u64, id: u64, word: &str) -> HttpResponse {
    see(&format!("/console/apps/{app}/webhooks/{id}?done={word}"))
}
