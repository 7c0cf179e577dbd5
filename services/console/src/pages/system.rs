//! The page about the process: how it is, what to do, which settings are in force.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::frame::Frame;
use super::{show, when};
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
    let Examined { at, checks } = examine(&door).await;
    let is_all = query.settings == "all";
    let all = &door.system.settings;
    let counts = ["ok", "warn", "fail"].map(|verdict| checks.iter().filter(|check| check.verdict == verdict).count());
    show(&SystemPage {
        frame: frame.titled("System"),
        version: &door.system.version,
        at: when(at * 1_000),
        checks,
        counts,
        settings: all.iter().filter(|setting| is_all || !setting.is_default).collect(),
        settings_count: all.len(),
        is_all,
    })
}
