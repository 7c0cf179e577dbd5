//! The page of an app's settings.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::{App, ApplyAppRequest, Origins, Quotas};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::Door;
use crate::{apps, identity};

#[derive(Template)]
#[template(path = "app_settings.html")]
struct SettingsPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    form: Form,
}

// What the house decides about an app is shown to whom it is asked.
fn form_of(app: &App, caller: &Caller) -> Form {
    let identity = app.identity.clone().unwrap_or_default();
    let quotas = app.quotas.unwrap_or_default();
    let form = Form::of(vec![Field::text("title", "Title", &app.title)]).with(
        "Who gets in",
        "",
        vec![
            Field::check("signed_only", "Signed sessions only", app.signed_only)
                .hint("Refuses sessions that are not signed with the auth secret. SDK 4.x to 6.x do not sign."),
            Field::check("guests", "Guests", identity.guests).hint("Users without a sign-up, for a day each."),
            Field::check("create_unknown", "Make unknown users", identity.create_unknown)
                .hint("Whom the app's identity provider vouches for is made a user at the first login."),
            Field::text("origins", "Allowed origins", app.origins.join(" "))
                .hint("Web pages that may use this app: scheme, host and port of each, with spaces between them. Empty: any."),
        ],
    );
    if caller.is_limited() {
        return form;
    }
    form.with(
        "Names of its own",
        "Host names by which clients reach this app and no other. They must lead here, and a certificate must carry them.",
        vec![
            Field::text("chat_host", "Chat", &app.chat_host).hint("As in chat.example.org."),
            Field::text("api_host", "REST", &app.api_host).hint("It may be the same name."),
        ],
    )
    .with(
        "Quotas",
        "An empty field means the bound of the installation.",
        vec![
            Field::number("sessions", "Chat sessions at once", quotas.sessions),
            Field::number("messages_per_second", "Messages a second", quotas.messages_per_second),
            Field::number("requests_per_second", "REST requests a second", quotas.requests_per_second),
            Field::number("storage_bytes", "Bytes of files", quotas.storage_bytes),
        ],
    )
}

/// `GET /console/apps/{app}/settings`.
pub async fn form(door: web::Data<Door>, caller: Caller, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let (title, form) = (title(&shown), form_of(&shown.app, &caller));
    show(&SettingsPage { frame: frame.titled(title), tab: "settings", shown, form })
}

/// `POST /console/apps/{app}/settings`.
pub async fn change(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    match apply(&door, &caller, &shown.app, &entered).await {
        Ok(is_changed) => {
            let done = if is_changed { "saved" } else { "nothing" };
            Ok(see(&format!("/console/apps/{}/settings?done={done}", shown.id)))
        }
        Err(refusal) => {
            let form = form_of(&shown.app, &caller).filled(&entered).refused(&refusal);
            show_as(refusal.status_code(), &SettingsPage { frame: frame.again(title(&shown)), tab: "settings", shown, form })
        }
    }
}

fn title(shown: &Shown) -> String {
    format!("Settings of {}", shown.name)
}

fn listed(origins: &str) -> Vec<String> {
    origins.split(|sign: char| sign.is_whitespace() || sign == ',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

// Whether it changed anything. Two calls: a refused first one changes nothing, and a refused second one can be sent again.
async fn apply(door: &Door, caller: &Caller, app: &App, entered: &Entered) -> Result<bool, Refusal> {
    let quotas = Quotas {
        sessions: entered.number("sessions")?,
        messages_per_second: entered.number("messages_per_second")?,
        requests_per_second: entered.number("requests_per_second")?,
        storage_bytes: entered.number("storage_bytes")?,
    };
    let of_house = !caller.is_limited();
    let text = |field, is_asked: bool| is_asked.then(|| entered.text(field).to_owned());
    let request = ApplyAppRequest {
        id: app.id,
        title: text("title", true),
        signed_only: Some(entered.is_on("signed_only")),
        quotas: of_house.then_some(quotas),
        chat_host: text("chat_host", of_house),
        api_host: text("api_host", of_house),
        origins: Some(Origins { origins: listed(entered.text("origins")) }),
        ..ApplyAppRequest::default()
    };
    let reply = apps::change(door, caller, request).await?;
    let was = app.identity.clone().unwrap_or_default();
    let mut wanted = was.clone();
    (wanted.guests, wanted.create_unknown) = (entered.is_on("guests"), entered.is_on("create_unknown"));
    let is_same = wanted == was;
    if !is_same {
        identity::set(door, natter_proto::AppId(app.id), wanted).await?;
    }
    Ok(!is_same || !reply.changed.is_empty())
}
