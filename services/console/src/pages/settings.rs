//! The page of an app's settings: two forms, each saved by itself, so that what is refused in one does not hold up the other.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::{App, ApplyAppRequest, Groups, Identity, Origins, Quotas};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::identity as providers;
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
    identity: Form,
}

impl SettingsPage {
    // As the app is.
    fn of(frame: Frame, shown: Shown, caller: &Caller) -> SettingsPage {
        let (form, identity) = (form_of(&shown.app, caller), providers::form_of(&identity_of(&shown.app)));
        SettingsPage { frame, tab: "settings", shown, form, identity }
    }
}

fn identity_of(app: &App) -> Identity {
    app.identity.clone().unwrap_or_default()
}

// What the house decides about an app is shown to whom it is asked.
fn form_of(app: &App, caller: &Caller) -> Form {
    let identity = identity_of(app);
    let (quotas, groups) = (app.quotas.unwrap_or_default(), app.groups.unwrap_or_default());
    let form = Form::of(vec![Field::text("title", "Title", &app.title)])
        .with(
            "Who gets in",
            "",
            vec![
                Field::check("signed_only", "Signed sessions only", app.signed_only)
                    .hint("Refuses sessions that are not signed with the auth secret. SDK 4.x to 6.x do not sign."),
                Field::check("guests", "Guests", identity.guests).hint("Users without a sign-up, for a day each."),
                Field::check("create_unknown", "Make unknown users", identity.create_unknown)
                    .hint("Whom the app's identity provider vouches for is made a user at the first login."),
                Field::text("origins", "Allowed origins", app.origins.join(" ")).hint(
                    "Web pages that may use this app: scheme, host and port of each, with spaces between them. Empty: any.",
                ),
            ],
        )
        .with(
            "Groups",
            "",
            vec![
                Field::check("admins_remove", "Admins remove members", groups.admins_remove)
                    .hint("Not the owner alone. Admins remove neither the owner nor each other."),
                Field::check("history_from_joining", "History from joining on", groups.history_from_joining)
                    .hint("Who is added to a group sees what is said from then on. Else members see all of it."),
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
    let title = title(&shown);
    show(&SettingsPage::of(frame.titled(title), shown, &caller))
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
        Ok(is_changed) => Ok(done(&shown, is_changed)),
        Err(refusal) => {
            let title = title(&shown);
            let page = SettingsPage::of(frame.again(title), shown, &caller);
            let form = form_of(&page.shown.app, &caller).filled(&entered).refused(&refusal);
            show_as(refusal.status_code(), &SettingsPage { form, ..page })
        }
    }
}

/// `POST /console/apps/{app}/identity`.
pub async fn change_identity(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let was = identity_of(&shown.app);
    let set = async {
        let wanted = providers::wanted(&was, &entered)?;
        identity::set(&door, natter_proto::AppId(shown.id), wanted).await
    };
    match set.await {
        Ok(app) => Ok(done(&shown, identity_of(&app) != was)),
        Err(refusal) => {
            let (title, form) = (title(&shown), providers::form_of(&was).filled(&entered).refused(&refusal));
            let page = SettingsPage::of(frame.again(title), shown, &caller);
            show_as(refusal.status_code(), &SettingsPage { identity: form, ..page })
        }
    }
}

fn done(shown: &Shown, is_changed: bool) -> HttpResponse {
    let done = if is_changed { "saved" } else { "nothing" };
    see(&format!("/console/apps/{}/settings?done={done}", shown.id))
}

fn title(shown: &Shown) -> String {
    format!("Settings of {}", shown.name)
}

// What stands in one line, apart.
pub fn listed(line: &str) -> Vec<String> {
    line.split(|sign: char| sign.is_whitespace() || sign == ',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
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
        groups: Some(Groups {
            admins_remove: entered.is_on("admins_remove"),
            history_from_joining: entered.is_on("history_from_joining"),
        }),
        ..ApplyAppRequest::default()
    };
    let reply = apps::change(door, caller, request).await?;
    let was = identity_of(app);
    let mut wanted = was.clone();
    (wanted.guests, wanted.create_unknown) = (entered.is_on("guests"), entered.is_on("create_unknown"));
    let is_same = wanted == was;
    if !is_same {
        identity::set(door, natter_proto::AppId(app.id), wanted).await?;
    }
    Ok(!is_same || !reply.changed.is_empty())
}
