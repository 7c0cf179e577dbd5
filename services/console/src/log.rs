//! The route that reads the audit log. Entries are made by the guard.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::AppId;
use natter_proto::account::v1::{AuditEntry, ListAuditReply, ListAuditRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::{Apps, Caller};
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};

const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// Which entries are asked for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    pub operator: Option<String>,
    pub app: Option<u64>,
    pub before: Option<String>,
    pub limit: Option<u32>,
}

/// `GET /admin/v1/audit?operator=NAME&app=ID&before=NEXT&limit=N`: newest first.
pub async fn list(door: web::Data<Door>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let ListAuditReply { entries, next } = read(&door, &caller, page).await?;
    let entries: Vec<_> = entries.iter().map(|entry| shown(entry, &caller)).collect();
    let next = (!next.is_empty()).then(|| hex::shown(&next));
    Ok(HttpResponse::Ok().json(json!({ "entries": entries, "next": next })))
}

/// A page of the entries that a caller sees: who is limited to apps sees those about them.
pub async fn read(door: &Door, caller: &Caller, page: Page) -> Result<ListAuditReply, Refusal> {
    let Page { operator, app, before, limit } = page;
    let apps: Option<Vec<u64>> = match (app, &caller.apps) {
        (Some(app), _) if !caller.sees(AppId(app)) => return Err(Refusal::not_found("app")),
        (Some(app), _) => Some(vec![app]),
        (None, Apps::All) => None,
        (None, Apps::Some(apps)) => Some(apps.iter().map(|app| app.0).collect()),
    };
    let place = |text: String| hex::read(&text).ok_or_else(|| Refusal::malformed("before", "is not the place of an entry"));
    let request = ListAuditRequest {
        before: before.map(place).transpose()?.map(Vec::from).unwrap_or_default(),
        limit: limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
        operator: operator.unwrap_or_default(),
        limited: apps.is_some(),
        apps: apps.unwrap_or_default(),
    };
    Ok(door.audit().list(request).await?.into_inner())
}

/// An entry as a caller sees it: from where the house's operators come, who is limited to apps does not learn.
pub fn shown(entry: &AuditEntry, caller: &Caller) -> Value {
    let is_open = !caller.is_limited() || caller.name == entry.operator;
    json!({
        "id": hex::shown(&entry.id),
        "at": iso(entry.at),
        "operator": entry.operator,
        "role": entry.role,
        "address": is_open.then_some(&entry.address),
        "action": entry.action,
        "route": entry.route,
        "app": (entry.app != 0).then_some(entry.app),
        "target": entry.target,
        // None: the process ended before it was known.
        "status": (entry.status != 0).then_some(entry.status),
        // Why, as the operator said it where he was asked.
        "note": Some(&entry.note).filter(|note| !note.is_empty()),
    })
}
