//! Pages about what users of an app reported: the open ones, one of them with what it is about and what can be done, and what was done.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::{AuditEntry, ListReportsRequest, Report, ReportKind, ReportState, ReportVerdict};
use serde_json::Value;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::{see, show, when};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::moderation::{self, Place};
use crate::reports::verdict_name;
use crate::service::Door;
use crate::{apps, hex};

/// Reports of a page.
const LIMIT: u32 = 50;
/// What stands around a reported message is read from so many places behind it.
const AROUND: u64 = 10;

#[derive(Template)]
#[template(path = "moderation.html")]
struct ReportsPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    is_closed: bool,
    reports: Vec<Row>,
    is_first: bool,
    /// Where the next page begins; empty: there is none.
    next: String,
}

struct Row {
    id: String,
    kind: &'static str,
    reporter: u64,
    filed_at: String,
    reason: String,
    /// Word, who, when.
    closed: Option<(&'static str, String, String)>,
}

impl Row {
    fn of(report: &Report) -> Row {
        let fields: Value = serde_json::from_str(&report.fields).unwrap_or_default();
        let closed = verdict_name(report.verdict());
        Row {
            id: hex::shown(&report.id),
            kind: if report.kind() == ReportKind::Message { "message" } else { "user" },
            reporter: report.reporter,
            filed_at: when(report.created_at),
            reason: fields["reason"].as_str().unwrap_or_default().to_owned(),
            closed: closed.map(|word| (word, report.closed_by.clone(), when(report.closed_at))),
        }
    }
}

/// Which reports are asked for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    state: String,
    after: String,
    before: String,
}

/// `GET /console/apps/{app}/moderation[?state=closed][&after=ID]`: those that are open, oldest first.
pub async fn list(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let is_closed = query.state == "closed";
    let state = if is_closed { ReportState::Closed } else { ReportState::Open };
    let after = hex::bytes(&query.after).filter(|id| id.len() == 12).unwrap_or_default();
    let is_first = after.is_empty();
    let request = ListReportsRequest { app: shown.id, kind: 0, after, limit: LIMIT, state: state.into() };
    let reports = door.reports().list(request).await?.into_inner().reports;
    let next = reports.last().filter(|_| reports.len() == LIMIT as usize).map(|last| hex::shown(&last.id)).unwrap_or_default();
    let (reports, frame) = (reports.iter().map(Row::of).collect(), frame.titled(format!("Reports of {}", shown.name)));
    show(&ReportsPage { frame, tab: "moderation", shown, is_closed, reports, is_first, next })
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    report: Row,
    /// As the app wrote them.
    fields: Vec<(String, String)>,
    user: Option<Whom>,
    message: Option<Where>,
    is_about_message: bool,
}

struct Whom {
    id: u64,
    is_there: bool,
    is_banned: bool,
}

struct Where {
    id: String,
    dialog: String,
    seq: u64,
    sent_at: String,
    is_removed: bool,
    /// Up to which place somebody reads who reads what stands around it.
    upto: u64,
}

impl Where {
    fn of(place: &Place) -> Where {
        Where {
            id: place.id.to_string(),
            dialog: place.dialog.to_string(),
            seq: place.seq,
            sent_at: when(place.created_at),
            is_removed: place.is_removed,
            upto: place.seq + AROUND,
        }
    }
}

/// `GET /console/apps/{app}/moderation/{report}`.
pub async fn one(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let report = moderation::find(&door, &path).await?;
    let about = moderation::about(&door, &report).await?;
    let user = about.user.map(|user| Whom { id: user.0, is_there: about.is_there, is_banned: about.is_banned });
    let message = about.message.as_ref().map(Where::of);
    let is_about_message = report.kind() == ReportKind::Message;
    let written: Value = serde_json::from_str(&report.fields).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = written.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
    let (shown, report) = (shown(&door, &path.0).await?, Row::of(&report));
    let frame = frame.titled(format!("Report of a {}", report.kind));
    show(&ReportPage { frame, tab: "moderation", shown, report, fields, user, message, is_about_message })
}

/// `POST /console/apps/{app}/moderation/{report}/remove-message`.
pub async fn remove(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    close(&door, &caller, &path, ReportVerdict::Removed).await
}

/// `POST /console/apps/{app}/moderation/{report}/ban`.
pub async fn ban(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    close(&door, &caller, &path, ReportVerdict::Banned).await
}

/// `POST /console/apps/{app}/moderation/{report}/dismiss`.
pub async fn dismiss(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    close(&door, &caller, &path, ReportVerdict::Dismissed).await
}

async fn close(door: &Door, caller: &Caller, path: &(String, String), verdict: ReportVerdict) -> Result<HttpResponse, Refusal> {
    let report = moderation::act(door, caller, path, verdict).await?;
    let done = verdict_name(report.verdict()).unwrap_or_default();
    Ok(see(&format!("/console/apps/{}/moderation?done=report-{done}", report.app)))
}

#[derive(Template)]
#[template(path = "moderation_log.html")]
struct LogPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    entries: Vec<Done>,
    is_first: bool,
    next: Option<String>,
}

struct Done {
    at: String,
    operator: String,
    what: &'static str,
    report: String,
    /// A word, and how it is shown.
    outcome: (String, &'static str),
}

impl Done {
    fn of(entry: &AuditEntry) -> Done {
        let what = match entry.action.as_str() {
            "report.remove" => "removed the message",
            "report.ban" => "banned the user",
            "report.dismiss" => "dismissed",
            _ => "",
        };
        let outcome = match entry.status {
            0 => ("not known".to_owned(), "warn"),
            200..400 => ("done".to_owned(), "ok"),
            status => (format!("refused, {status}"), ""),
        };
        Done { at: when(entry.at), operator: entry.operator.clone(), what, report: entry.target.clone(), outcome }
    }
}

/// `GET /console/apps/{app}/moderation-log[?before=NEXT]`: what was done, newest first.
pub async fn show_log(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let app = apps::parse(&path)?.0;
    let shown = shown(&door, &path).await?;
    let (entries, next) = moderation::log_page(&door, app, &query.before).await?;
    let entries = entries.iter().map(Done::of).collect();
    let frame = frame.titled(format!("What was done about reports of {}", shown.name));
    show(&LogPage { frame, tab: "moderation", shown, entries, is_first: query.before.is_empty(), next })
}
