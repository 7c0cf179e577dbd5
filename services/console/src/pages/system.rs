//! The page about the process: how it is, what to do, which settings are in force; and about what runs beside it (`running.rs`).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use serde::Deserialize;

use super::form::Form;
use super::frame::Frame;
use super::running::Running;
use super::{show_as, when};
use crate::error::Refusal;
use crate::service::Door;
use crate::system::{Check, Examined, Setting, examine};

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage<'a> {
    frame: Frame,
    version: &'a str,
    at: String,
    checks: Vec<Check>,
    /// Those that are well, may not be for long, and are not.
    counts: [usize; 3],
    running: Running,
    settings: Vec<&'a Setting>,
    settings_count: usize,
    /// Defaults are shown too.
    is_all: bool,
}

/// Which settings are shown.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Query {
    settings: String,
}

/// `GET /console/system[?settings=all]`.
pub async fn show_system(door: web::Data<Door>, frame: Frame, query: web::Query<Query>) -> Result<HttpResponse, Refusal> {
    page(&door, frame.titled("System"), query.settings == "all", [None, None], StatusCode::OK).await
}

/// The page with a form that was refused.
pub async fn again(door: &Door, frame: Frame, forms: [Option<Form>; 2], refusal: &Refusal) -> Result<HttpResponse, Refusal> {
    page(door, frame.again("System"), false, forms, refusal.status_code()).await
}

async fn page(
    door: &Door,
    frame: Frame,
    is_all: bool,
    forms: [Option<Form>; 2],
    status: StatusCode,
) -> Result<HttpResponse, Refusal> {
    let Examined { at, checks } = examine(door).await;
    let running = Running::of(door, &frame, forms).await?;
    let all = &door.system.settings;
    let counts = ["ok", "warn", "fail"].map(|verdict| checks.iter().filter(|check| check.verdict == verdict).count());
    let page = SystemPage {
        frame,
        version: &door.system.version,
        at: when(at * 1_000),
        checks,
        counts,
        running,
        settings: all.iter().filter(|setting| is_all || !setting.is_default).collect(),
        settings_count: all.len(),
        is_all,
    };
    show_as(status, &page)
}
