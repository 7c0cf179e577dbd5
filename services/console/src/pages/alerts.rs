//! Pages about the alerts of an app: whether there are any and how they look with a preview that follows, a test on one device,
//! and what became of those that were due.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::push::v1::PreviewRequest;

use self::draft::Draft;
use self::preview::Preview;
use super::apps::{Shown, shown};
use super::form::Entered;
use super::frame::Frame;
use super::{see, show, show_as};
use crate::alerts::{built_in, keep, kept, look};
use crate::error::Refusal;
use crate::service::Door;

mod draft;
mod editor;
pub mod journal;
mod preview;
mod sample;
pub mod trial;
mod words;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    tab: &'static str,
    part: &'static str,
    shown: Shown,
    draft: Draft,
    /// Why there is none, where there is none.
    preview: Result<Preview, String>,
    /// The fields are a draft that is not kept.
    is_draft: bool,
}

/// `GET /console/apps/{app}/alerts`.
pub async fn form(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let draft = Draft::of(&kept(&door, shown.id).await?, &built_in(&door).await?);
    // What is kept is shown even if it says nothing today.
    let sample = draft.sample.sample().ok();
    let preview = look(&door, PreviewRequest { app: shown.id, settings: None, sample }).await;
    let preview = preview.map(Preview::of).map_err(|refusal| super::form::sentence(&refusal));
    let frame = frame.titled(title(&shown));
    show(&AlertsPage { frame, tab: "alerts", part: "look", shown, draft, preview, is_draft: false })
}

/// `POST /console/apps/{app}/alerts`.
pub async fn save(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let mut draft = Draft::entered(&entered);
    let saved = async {
        let wanted = draft.settings(&built_in(&door).await?)?;
        let was = kept(&door, shown.id).await?;
        Ok::<bool, Refusal>(keep(&door, shown.id, wanted).await? != was)
    };
    match saved.await {
        Ok(is_changed) => {
            let done = if is_changed { "alerts-saved" } else { "nothing" };
            Ok(see(&format!("/console/apps/{}/alerts?done={done}", shown.id)))
        }
        Err(refusal) => {
            draft.refuse(&refusal);
            let preview = Err(super::form::sentence(&refusal));
            let frame = frame.again(title(&shown));
            show_as(
                refusal.status_code(),
                &AlertsPage { frame, tab: "alerts", part: "look", shown, draft, preview, is_draft: true },
            )
        }
    }
}

/// `POST /console/apps/{app}/alerts/preview`: the form as it was sent, with what devices would be sent by it, and with one variant
/// more or fewer if that was asked for. Nothing is kept, so a draft that cannot be is no failure.
pub async fn preview(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let mut draft = Draft::entered(&entered);
    match entered.text("do").split_once(' ') {
        Some(("remove", prefix)) => draft.remove(prefix),
        Some(("add", _)) => draft.add(),
        _ => {}
    }
    let looked = async {
        let settings = Some(draft.settings(&built_in(&door).await?)?);
        let sample = Some(draft.sample.sample()?);
        look(&door, PreviewRequest { app: shown.id, settings, sample }).await
    };
    let preview = match looked.await {
        Ok(reply) => Ok(Preview::of(reply)),
        Err(refusal) if refusal.status_code().is_server_error() => return Err(refusal),
        Err(refusal) => {
            draft.refuse(&refusal);
            Err(super::form::sentence(&refusal))
        }
    };
    show(&AlertsPage { frame: frame.titled(title(&shown)), tab: "alerts", part: "look", shown, draft, preview, is_draft: true })
}

fn title(shown: &Shown) -> String {
    format!("Alerts of {}", shown.name)
}
