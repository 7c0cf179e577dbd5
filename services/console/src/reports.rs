//! Routes about what users of an app report.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::MessageId;
use natter_proto::account::v1::{ListReportsRequest, Report, ReportKind, ReportState, ReportVerdict};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};

const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

/// Which reports are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    kind: Option<String>,
    state: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/reports?kind=users|messages&state=open|closed&after=ID&limit=N`: oldest first.
pub async fn list(door: web::Data<Door>, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let app = apps::find(&door, &path).await?;
    let kind = match page.kind.as_deref() {
        None => ReportKind::Unspecified,
        Some("users") => ReportKind::User,
        Some("messages") => ReportKind::Message,
        Some(_) => return Err(Refusal::malformed("kind", "is \"users\" or \"messages\"")),
    };
    let state = match page.state.as_deref() {
        None => ReportState::Unspecified,
        Some("open") => ReportState::Open,
        Some("closed") => ReportState::Closed,
        Some(_) => return Err(Refusal::malformed("state", "is \"open\" or \"closed\"")),
    };
    let after = match &page.after {
        None => Vec::new(),
        Some(id) => id.parse::<MessageId>().map_err(|_| Refusal::malformed("after", "is not the id of a report"))?.to_vec(),
    };
    let limit = page.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let request = ListReportsRequest { app: app.id, kind: kind as i32, after, limit, state: state.into() };
    let reports = door.reports().list(request).await?.into_inner().reports;
    Ok(HttpResponse::Ok().json(json!({ "reports": reports.iter().map(shown).collect::<Vec<_>>() })))
}

pub fn shown(report: &Report) -> Value {
    let fields: Value = serde_json::from_str(&report.fields).unwrap_or_default();
    json!({
        "id": hex::shown(&report.id),
        "kind": if report.kind() == ReportKind::Message { "message" } else { "user" },
        "reporter": report.reporter,
        "created_at": iso(report.created_at),
        "updated_at": iso(report.updated_at),
        "fields": fields,
        "closed": verdict_name(report.verdict()).map(|verdict| {
            json!({ "verdict": verdict, "by": report.closed_by, "at": iso(report.closed_at) })
        }),
    })
}

/// What came of a report, in a word; none: it is open.
pub fn verdict_name(verdict: ReportVerdict) -> Option<&'static str> {
    match verdict {
        ReportVerdict::Unspecified => None,
        ReportVerdict::Dismissed => Some("dismissed"),
        ReportVerdict::Removed => Some("removed"),
        ReportVerdict::Banned => Some("banned"),
    }
}
