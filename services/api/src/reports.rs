//! Reports of users and messages: the classes `UserReports` and `MessageReports` of the SDK's `data` (contract rest 8.2). A user
//! sees his own; operators see all of an app at the admin API.

mod listing;

use natter_proto::MessageId;
use natter_proto::account::v1::{
    AmendReportRequest, FileReportsRequest, ListOwnReportsRequest, Report, ReportKind, WithdrawReportsRequest,
};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::decode::Params;
use crate::dialogs::three_lists;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::{object, path};
use listing::Listing;

/// `POST /data/{class}`.
pub(crate) async fn file(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let filed = file_all(door, caller, kind, vec![text_of(&asked.params)]).await?;
    let report = filed.first().ok_or_else(Refusal::internal)?;
    Ok(Answer::created(record(report)))
}

/// `POST /data/{class}/multi`: `record`, a list or an object with numeric keys from 0 or 1.
pub(crate) async fn file_many(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let fields: Vec<String> = asked.params.objects("record").iter().map(text_of).collect();
    if fields.is_empty() {
        return Err(Refusal::field("record", "is required"));
    }
    let filed = file_all(door, caller, kind, fields).await?;
    Ok(Answer::created(json!({"class_name": class(kind), "items": filed.iter().map(record).collect::<Vec<_>>()})))
}

/// `GET /data/{class}`: the caller's own, filtered, sorted and cut.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let listing = Listing::read(&asked.params)?;
    let records = own(door, caller, kind).await?.iter().map(record).collect();
    let (total, items) = listing.page(records);
    if listing.count_only {
        return Ok(Answer::json(json!({"items": {"count": total}})));
    }
    Ok(Answer::json(json!({"class_name": class(kind), "skip": listing.skip, "limit": listing.limit, "items": items})))
}

/// `GET /data/{class}/{ids}`: those of them that are the caller's; with `permissions=1` who may do what with the one.
pub(crate) async fn get(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let own = own(door, caller, kind).await?;
    let found: Vec<&Report> = path::ids(&asked.ids)
        .into_iter()
        .filter_map(|id| {
            let id: MessageId = id.parse().ok()?;
            own.iter().find(|report| report.id == id.0)
        })
        .collect();
    match found.first() {
        Some(one) if asked.params.flag("permissions") => {
            Ok(Answer::json(json!({"permissions": permissions(), "record_id": object::hex(&one.id)})))
        }
        None => Err(Refusal::not_found()),
        Some(_) => {
            let items: Vec<Value> = found.into_iter().map(record).collect();
            Ok(Answer::json(json!({"class_name": class(kind), "items": items})))
        }
    }
}

/// `PUT /data/{class}/{id}`: sets fields of one of the caller's own.
pub(crate) async fn amend(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let request = AmendReportRequest {
        app: caller.0.app,
        user: caller.0.user,
        kind: kind as i32,
        id: asked.ids.parse::<MessageId>().map_err(|_| Refusal::not_found())?.to_vec(),
        fields: text_of(&asked.params),
    };
    Ok(Answer::json(record(&door.reports().amend(request).await?.into_inner())))
}

/// `DELETE /data/{class}/{ids}`. One is answered JSON too: 2.x wants it, and the others take it (contract rest 8.2).
pub(crate) async fn withdraw(door: &Door, asked: &Asked, caller: &Caller, kind: ReportKind) -> Result<Answer, Refusal> {
    let ids = path::ids(&asked.ids);
    let known: Vec<Vec<u8>> = ids.iter().filter_map(|id| Some(id.parse::<MessageId>().ok()?.to_vec())).collect();
    let request = WithdrawReportsRequest { app: caller.0.app, user: caller.0.user, kind: kind as i32, ids: known };
    let withdrawn = door.reports().withdraw(request).await?.into_inner().withdrawn;
    let withdrawn: Vec<String> = withdrawn.iter().map(|id| object::hex(id)).collect();
    let missing: Vec<&str> = ids.into_iter().filter(|id| !withdrawn.contains(&id.to_ascii_lowercase())).collect();
    if withdrawn.is_empty() {
        return Err(Refusal::not_found());
    }
    Ok(Answer::json(three_lists(&withdrawn, &missing, &[] as &[&str])))
}

async fn file_all(door: &Door, caller: &Caller, kind: ReportKind, fields: Vec<String>) -> Result<Vec<Report>, Refusal> {
    let request = FileReportsRequest { app: caller.0.app, user: caller.0.user, kind: kind as i32, fields };
    Ok(door.reports().file(request).await?.into_inner().reports)
}

async fn own(door: &Door, caller: &Caller, kind: ReportKind) -> Result<Vec<Report>, Refusal> {
    let request = ListOwnReportsRequest { app: caller.0.app, user: caller.0.user, kind: kind as i32 };
    Ok(door.reports().list_own(request).await?.into_inner().reports)
}

/// What the client said, as a JSON object. The token may stand among the parameters.
fn text_of(params: &Params) -> String {
    let fields: Map<String, Value> =
        params.iter().filter(|(name, _)| *name != "token").map(|(name, value)| (name.to_owned(), value.clone())).collect();
    Value::Object(fields).to_string()
}

fn record(report: &Report) -> Value {
    let mut shown = serde_json::from_str(&report.fields).unwrap_or_default();
    if let Value::Object(fields) = &mut shown {
        fields.insert("_id".into(), object::hex(&report.id).into());
        fields.insert("_parent_id".into(), "".into());
        fields.insert("user_id".into(), report.reporter.into());
        fields.insert("created_at".into(), report.created_at.div_euclid(1_000).into());
        fields.insert("updated_at".into(), report.updated_at.div_euclid(1_000).into());
        fields.insert("permissions".into(), permissions());
    }
    shown
}

fn permissions() -> Value {
    let owner = json!({"access": "owner"});
    json!({"read": owner, "update": owner, "delete": owner})
}

fn class(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Message => "MessageReports",
        ReportKind::User | ReportKind::Unspecified => "UserReports",
    }
}
