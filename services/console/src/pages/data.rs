//! The page of what is kept of a user: to take it out, or to end it.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::show;
use super::users::name_of;
use crate::error::Refusal;
use crate::service::Door;
use crate::user_sessions::of_path;
use crate::users;

#[derive(Template)]
#[template(path = "user_data.html")]
struct DataPage {
    frame: Frame,
    tab: &'static str,
    user_tab: &'static str,
    shown: Shown,
    id: u64,
}

/// `GET /console/apps/{app}/users/{user}/data`.
pub async fn one(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    let name = name_of(&users::find(&door, app, user).await?);
    let (shown, frame) = (shown(&door, &path.0).await?, frame.titled(format!("Data of {name}")));
    show(&DataPage { frame, tab: "users", user_tab: "data", shown, id: user.0 })
}
