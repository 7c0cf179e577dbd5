//! Pages about apps: all of them, making one, one of them, and its end.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::{App, AppState, CreateAppRequest, Quotas};

use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::apps::{all, end, end_previous_keys, find, make, parse, rotate_keys, set_suspended};
use crate::audit::Made;
use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::Door;

/// Most apps on one page.
const SHOWN_MAX: usize = 200;

/// An app as pages show it.
pub struct Shown {
    pub id: u64,
    /// Its title, or `App 7`.
    pub name: String,
    pub is_suspended: bool,
    pub created_at: String,
    pub app: App,
}

impl Shown {
    pub fn of(app: App) -> Shown {
        let name = if app.title.is_empty() { format!("App {}", app.id) } else { app.title.clone() };
        Shown { id: app.id, name, is_suspended: app.state() == AppState::Suspended, created_at: when(app.created_at), app }
    }

    /// Until when the keys before these hold too.
    pub fn previous_until(&self) -> Option<String> {
        self.app.previous.as_ref().map(|keys| when(keys.until))
    }

    /// Bounds of its own, in words.
    pub fn quotas(&self) -> Vec<String> {
        let Quotas { sessions, messages_per_second, storage_bytes, requests_per_second } = self.app.quotas.unwrap_or_default();
        let bounds = [
            (sessions, "sessions"),
            (messages_per_second, "messages a second"),
            (requests_per_second, "requests a second"),
            (storage_bytes, "bytes of files"),
        ];
        bounds.iter().filter(|(bound, _)| *bound > 0).map(|(bound, what)| format!("{bound} {what}")).collect()
    }
}

/// The app that a path names, for a page about it.
pub async fn shown(door: &Door, id: &str) -> Result<Shown, Refusal> {
    Ok(Shown::of(find(door, id).await?))
}

#[derive(Template)]
#[template(path = "apps.html")]
struct AppsPage {
    frame: Frame,
    apps: Vec<Shown>,
    count: usize,
    /// How many more there are.
    left_out: usize,
    search: String,
}

/// `GET /console/apps?q=`: those whose title or id has it.
pub async fn list(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    query: web::Query<Search>,
) -> Result<HttpResponse, Refusal> {
    let search = query.into_inner().q.trim().to_owned();
    let lower = search.to_lowercase();
    let is_found = |app: &App| app.title.to_lowercase().contains(&lower) || app.id.to_string() == lower;
    let mut apps: Vec<App> = all(&door, &caller).await?.into_iter().filter(|app| lower.is_empty() || is_found(app)).collect();
    let count = apps.len();
    apps.truncate(SHOWN_MAX);
    let left_out = count - apps.len();
    let apps = apps.into_iter().map(Shown::of).collect();
    show(&AppsPage { frame: frame.titled("Apps"), apps, count, left_out, search })
}

/// What is searched for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Search {
    pub q: String,
}

#[derive(Template)]
#[template(path = "app_new.html")]
struct NewPage {
    frame: Frame,
    form: Form,
}

fn blank_form() -> Form {
    Form::of(vec![Field::text("title", "Title", "").hint("What people call the app. It can be changed.")]).with(
        "Moving an app here",
        "Leave these empty for a new app: they are chosen. An app that its clients know already keeps its own.",
        vec![
            Field::number("id", "App id", 0),
            Field::text("auth_key", "Auth key", ""),
            Field::secret("auth_secret", "Auth secret"),
        ],
    )
}

/// `GET /console/apps/new`.
pub async fn blank(frame: Frame) -> Result<HttpResponse, Refusal> {
    show(&NewPage { frame: frame.titled("New app"), form: blank_form() })
}

/// `POST /console/apps`.
pub async fn create(door: web::Data<Door>, frame: Frame, entered: Entered) -> Result<HttpResponse, Refusal> {
    let made = async {
        let text = |field| entered.text(field).to_owned();
        let request = CreateAppRequest {
            id: entered.number("id")?,
            title: text("title"),
            auth_key: text("auth_key"),
            auth_secret: text("auth_secret"),
        };
        make(&door, request).await
    };
    match made.await {
        Ok(app) => {
            let mut answer = see(&format!("/console/apps/{}?done=made", app.id));
            answer.extensions_mut().insert(Made { app: app.id, target: String::new() });
            Ok(answer)
        }
        Err(refusal) => {
            let form = blank_form().filled(&entered).refused(&refusal);
            show_as(refusal.status_code(), &NewPage { frame: frame.again("New app"), form })
        }
    }
}

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
}

/// `GET /console/apps/{app}`.
pub async fn one(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    show(&AppPage { frame: frame.titled(&shown.name), tab: "overview", shown })
}

/// `POST /console/apps/{app}/suspend`.
pub async fn suspend(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = set_suspended(&door, parse(&path)?, true).await?;
    Ok(see(&format!("/console/apps/{}?done=suspended", app.id)))
}

/// `POST /console/apps/{app}/resume`.
pub async fn resume(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = set_suspended(&door, parse(&path)?, false).await?;
    Ok(see(&format!("/console/apps/{}?done=resumed", app.id)))
}

/// `POST /console/apps/{app}/keys`: other keys.
pub async fn rotate(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = rotate_keys(&door, parse(&path)?, 0).await?;
    Ok(see(&format!("/console/apps/{}?done=rotated", app.id)))
}

/// `POST /console/apps/{app}/keys/end-previous`: those before open nothing any more.
pub async fn end_previous(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = end_previous_keys(&door, parse(&path)?).await?;
    Ok(see(&format!("/console/apps/{}?done=keys-ended", app.id)))
}

#[derive(Template)]
#[template(path = "app_delete.html")]
struct DeletePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    form: Form,
}

fn doubt_form() -> Form {
    Form::of(vec![Field::text("name", "Name of the app", "").hint("Type it as it stands in the heading.").required()])
}

/// `GET /console/apps/{app}/delete`: asks for the app's name.
pub async fn doubt(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let title = format!("Delete {}", shown.name);
    show(&DeletePage { frame: frame.titled(title), tab: "overview", shown, form: doubt_form() })
}

/// `POST /console/apps/{app}/delete`.
pub async fn delete(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let ended = match entered.text("name") == shown.name.trim() {
        true => end(&door, parse(&path)?).await.map(drop),
        false => Err(Refusal::malformed("name", "is not the name of this app")),
    };
    match ended {
        Ok(()) => Ok(see(&format!("/console/apps/{}/erasure", shown.id))),
        Err(refusal) => {
            let form = doubt_form().filled(&entered).refused(&refusal);
            let frame = frame.again(format!("Delete {}", shown.name));
            show_as(refusal.status_code(), &DeletePage { frame, tab: "overview", shown, form })
        }
    }
}
