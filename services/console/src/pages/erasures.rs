//! Pages about what goes with a user or an app that has ended: how far the walk is, and what went.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::Erasure;

use super::frame::Frame;
use super::{show, when};
use crate::apps::parse;
use crate::erasures::find;
use crate::error::Refusal;
use crate::service::Door;
use crate::users;

#[derive(Template)]
#[template(path = "erasure.html")]
struct ErasurePage {
    frame: Frame,
    /// Where one goes from here: address and words.
    back: (String, &'static str),
    begun_at: String,
    /// None: it goes on.
    ended_at: Option<String>,
    /// Kind and count.
    erased: Vec<(String, u64)>,
}

/// `GET /console/apps/{app}/erasure`.
pub async fn of_app(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let erasure = find(&door, parse(&path)?, 0).await?;
    let title = format!("Erasure of app {}", erasure.app);
    page(frame.titled(title), ("/console/apps".to_owned(), "All apps"), erasure)
}

/// `GET /console/apps/{app}/erasures/{user}`.
pub async fn of_user(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = path.into_inner();
    let erasure = find(&door, parse(&app)?, users::parse(&user)?.0).await?;
    let title = format!("Erasure of user {}", erasure.user);
    let back = format!("/console/apps/{}/users", erasure.app);
    page(frame.titled(title), (back, "Users of the app"), erasure)
}

fn page(frame: Frame, back: (String, &'static str), erasure: Erasure) -> Result<HttpResponse, Refusal> {
    let ended_at = (erasure.ended_at != 0).then(|| when(erasure.ended_at));
    let erased = erasure.erased.into_iter().map(|one| (one.kind.replace('_', " "), one.count)).collect();
    show(&ErasurePage { frame, back, begun_at: when(erasure.begun_at), ended_at, erased })
}
