//! The page of the audit log: who changed what, newest first.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::{AuditEntry, ListAuditReply};

use super::frame::Frame;
use super::{show, when};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::hex;
use crate::log::{self, Page};
use crate::service::Door;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    entries: Vec<Shown>,
    operator: String,
    app: String,
    /// The place where older ones go on; empty: there are none.
    next: String,
    is_first: bool,
}

struct Shown {
    at: String,
    operator: String,
    role: String,
    address: String,
    action: String,
    /// Of which app; empty: of the installation.
    app: String,
    target: String,
    /// Why; empty: nobody asked.
    note: String,
    /// A word, and how it is shown.
    outcome: (String, &'static str),
}

impl Shown {
    fn of(entry: &AuditEntry, caller: &Caller) -> Shown {
        let shown = log::shown(entry, caller);
        let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
        let outcome = match entry.status {
            0 => ("not known".to_owned(), "warn"),
            200..400 => ("done".to_owned(), "ok"),
            status => (format!("refused, {status}"), ""),
        };
        Shown {
            at: when(entry.at),
            operator: text("operator"),
            role: text("role"),
            address: text("address"),
            action: text("action"),
            app: shown["app"].as_u64().map(|app| app.to_string()).unwrap_or_default(),
            target: text("target"),
            note: text("note"),
            outcome,
        }
    }
}

/// What the page is asked for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    operator: String,
    app: String,
    before: String,
}

/// `GET /console/audit?operator=NAME&app=ID&before=NEXT`.
pub async fn list(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let Query { operator, app, before } = query.into_inner();
    let (operator, app) = (operator.trim().to_owned(), app.trim().to_owned());
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let id = given(&app).map(|id| crate::apps::parse(&id)).transpose()?;
    let page = Page { operator: given(&operator), app: id.map(|id| id.0), before: given(&before), limit: None };
    let ListAuditReply { entries, next } = log::read(&door, &caller, page).await?;
    let entries = entries.iter().map(|entry| Shown::of(entry, &caller)).collect();
    let next = if next.is_empty() { String::new() } else { hex::shown(&next) };
    show(&AuditPage { frame: frame.titled("Audit log"), entries, operator, app, next, is_first: before.is_empty() })
}
