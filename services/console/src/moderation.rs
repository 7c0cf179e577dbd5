//! What an operator does about a report: its message is removed for all, its user is banned, or it is dismissed. Each closes it; what was
//! done comes first, and whoever repeats it finds it done.
//!
//! What a report is about is shown without a word of it: those stand in the report if its app put them there, and else behind the glass
//! of the dialog (`glass.rs`).

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::account::v1::{
    AuditEntry, CloseReportRequest, FindReportRequest, ListAuditReply, ListAuditRequest, Report, ReportKind, ReportVerdict,
};
use natter_proto::dialog::v1::{ListRequest, RemoveMessagesRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::FindRequest;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::error::Refusal;
use crate::reports;
use crate::service::{Door, iso};
use crate::{apps, hex, users};

/// Dialogs in which a message is looked for at once.
const DIALOGS: usize = 1_000;
/// Entries of the log that a page of it looks at.
const LOOKED: u32 = 200;
/// As apps name what they report.
const USER: [&str; 2] = ["reportedUserId", "reported_user_id"];
const MESSAGE: [&str; 4] = ["reportedMessageId", "reported_message_id", "messageId", "message_id"];
const DIALOG: [&str; 5] = ["reportedDialogId", "dialogId", "dialog_id", "chatDialogId", "chat_dialog_id"];

/// What a report is about, as far as it is there.
#[derive(Default)]
pub struct About {
    /// Who is reported, or wrote what is.
    pub user: Option<UserId>,
    /// Nobody: he is no more.
    pub is_there: bool,
    pub is_banned: bool,
    pub message: Option<Place>,
}

/// A message that is reported, without its words.
pub struct Place {
    pub id: MessageId,
    pub dialog: DialogId,
    pub seq: u64,
    pub sender: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    pub is_removed: bool,
}

/// `GET /admin/v1/apps/{app}/reports/{report}`: one report, and what it is about.
pub async fn get(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let report = find(&door, &path).await?;
    let about = about(&door, &report).await?;
    Ok(HttpResponse::Ok().json(json!({ "report": reports::shown(&report), "about": shown(&about) })))
}

/// `POST /admin/v1/apps/{app}/reports/{report}/remove-message`.
pub async fn remove(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    done(act(&door, &caller, &path, ReportVerdict::Removed).await?)
}

/// `POST /admin/v1/apps/{app}/reports/{report}/ban`.
pub async fn ban(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    done(act(&door, &caller, &path, ReportVerdict::Banned).await?)
}

/// `POST /admin/v1/apps/{app}/reports/{report}/dismiss`.
pub async fn dismiss(door: web::Data<Door>, caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    done(act(&door, &caller, &path, ReportVerdict::Dismissed).await?)
}

fn done(report: Report) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(json!({ "report": reports::shown(&report) })))
}

/// Does what a verdict says and closes the report with it. What is done already is done.
pub async fn act(door: &Door, caller: &Caller, path: &(String, String), verdict: ReportVerdict) -> Result<Report, Refusal> {
    let report = find(door, path).await?;
    match report.verdict() {
        ReportVerdict::Unspecified => {}
        before if before == verdict => return Ok(report),
        _ => return Err(Refusal::conflict("this report was closed with another verdict")),
    }
    match verdict {
        ReportVerdict::Removed => remove_message(door, &report).await?,
        ReportVerdict::Banned => ban_user(door, &report).await?,
        ReportVerdict::Dismissed | ReportVerdict::Unspecified => {}
    }
    let (app, id, operator) = (report.app, report.id, caller.name.clone());
    let request = CloseReportRequest { app, id, verdict: verdict.into(), operator };
    Ok(door.reports().close(request).await?.into_inner())
}

async fn remove_message(door: &Door, report: &Report) -> Result<(), Refusal> {
    let gone = || Refusal::gone("the message is not there any more: the report can be dismissed");
    let place = message(door, report).await?.ok_or_else(gone)?;
    let request = RemoveMessagesRequest {
        app: report.app,
        dialog: place.dialog.to_vec(),
        ids: vec![place.id.to_vec()],
        by_operator: true,
        ..RemoveMessagesRequest::default()
    };
    let removed = door.dialogs().remove(request).await?.into_inner().removed;
    if removed.is_empty() { Err(gone()) } else { Ok(()) }
}

async fn ban_user(door: &Door, report: &Report) -> Result<(), Refusal> {
    let gone = || Refusal::gone("the user is not there any more: the report can be dismissed");
    let user = about(door, report).await?.user.ok_or_else(gone)?;
    match users::set_banned(door, AppId(report.app), user, true).await {
        Err(refusal) if refusal.is_not_found() => Err(gone()),
        outcome => outcome.map(drop),
    }
}

/// The report that a path names.
pub async fn find(door: &Door, (app, id): &(String, String)) -> Result<Report, Refusal> {
    let app = apps::find(door, app).await?.id;
    let id = id.parse::<MessageId>().map_err(|_| Refusal::not_found("report"))?.to_vec();
    match door.reports().find(FindReportRequest { app, id }).await.map_err(Failure::from) {
        Err(failure) if failure.code == Code::NotFound => Err(Refusal::not_found("report")),
        outcome => Ok(outcome?.into_inner()),
    }
}

/// What a report is about.
pub async fn about(door: &Door, report: &Report) -> Result<About, Refusal> {
    let message = match report.kind() {
        ReportKind::Message => message(door, report).await?,
        ReportKind::User | ReportKind::Unspecified => None,
    };
    let named = number(report, &USER).map(UserId);
    let user = message.as_ref().map(|place| UserId(place.sender)).or(named);
    let Some(id) = user else { return Ok(About { message, ..About::default() }) };
    match users::find(door, AppId(report.app), id).await {
        Ok(found) => Ok(About { user, is_there: true, is_banned: found.banned, message }),
        Err(refusal) if refusal.is_not_found() => Ok(About { user, message, ..About::default() }),
        Err(refusal) => Err(refusal),
    }
}

/// Where the reported message stands: in the dialog that the report names, or in one of its reporter's.
async fn message(door: &Door, report: &Report) -> Result<Option<Place>, Refusal> {
    let fields = fields(report);
    let text = |names: &[&str]| names.iter().find_map(|name| fields[*name].as_str().map(str::to_owned));
    let Some(id) = text(&MESSAGE).and_then(|id| id.parse::<MessageId>().ok()) else { return Ok(None) };
    if let Some(dialog) = text(&DIALOG).and_then(|id| id.parse::<DialogId>().ok())
        && let Some(place) = look(door, report.app, id, vec![dialog.to_vec()]).await?
    {
        return Ok(Some(place));
    }
    let request = ListRequest { app: report.app, user: report.reporter, with_hidden: true, brief: true, skip: 0, limit: 0 };
    let entries = door.dialogs().list(request).await?.into_inner().entries;
    let dialogs: Vec<Vec<u8>> = entries.into_iter().filter_map(|entry| Some(entry.dialog?.id)).collect();
    for some in dialogs.chunks(DIALOGS) {
        if let Some(place) = look(door, report.app, id, some.to_vec()).await? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

async fn look(door: &Door, app: u64, id: MessageId, dialogs: Vec<Vec<u8>>) -> Result<Option<Place>, Refusal> {
    let request = FindRequest { app, ids: vec![id.to_vec()], dialogs, reader: 0, from_joining: false };
    let found = door.history().find(request).await?.into_inner().found;
    // The message that has the id before one whose client gave it.
    let found = found.into_iter().filter_map(|found| Some((found.dialog, found.row?)));
    let Some((dialog, row)) = found.min_by_key(|(_, row)| row.id != id.0) else { return Ok(None) };
    let dialog = DialogId::try_from(dialog.as_slice()).map_err(|_| Refusal::internal("history names no dialog"))?;
    let Message { seq, sender, created_at, removed, .. } = row;
    let own = MessageId::try_from(row.id.as_slice()).unwrap_or(id);
    Ok(Some(Place { id: own, dialog, seq, sender, created_at, is_removed: removed }))
}

fn fields(report: &Report) -> Value {
    serde_json::from_str(&report.fields).unwrap_or_default()
}

fn number(report: &Report, names: &[&str]) -> Option<u64> {
    let fields = fields(report);
    let read = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    names.iter().find_map(|name| read(&fields[*name])).filter(|id| *id > 0)
}

fn shown(about: &About) -> Value {
    let message = about.message.as_ref().map(|place| {
        json!({
            "id": place.id.to_string(),
            "dialog": place.dialog.to_string(),
            "seq": place.seq,
            "sender": place.sender,
            "created_at": iso(place.created_at),
            "removed": place.is_removed,
        })
    });
    let user = about.user.map(|user| json!({ "id": user.0, "exists": about.is_there, "is_banned": about.is_banned }));
    json!({ "user": user, "message": message })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogPage {
    before: Option<String>,
}

/// `GET /admin/v1/apps/{app}/moderation-log?before=NEXT`: what was done about reports, newest first.
pub async fn log(door: web::Data<Door>, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<LogPage>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let app = apps::find(&door, &path).await?.id;
    let (entries, next) = log_page(&door, app, page.before.as_deref().unwrap_or_default()).await?;
    let entries: Vec<Value> = entries.iter().map(entry_shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "entries": entries, "next": next })))
}

/// Entries of the audit log about reports of an app. A page may be short, or empty, and not the last.
pub async fn log_page(door: &Door, app: u64, before: &str) -> Result<(Vec<AuditEntry>, Option<String>), Refusal> {
    let before = match before {
        "" => Vec::new(),
        place => hex::read(place).ok_or_else(|| Refusal::malformed("before", "is not the place of an entry"))?.to_vec(),
    };
    let request = ListAuditRequest { before, limit: LOOKED, operator: String::new(), limited: true, apps: vec![app] };
    let ListAuditReply { mut entries, next } = door.audit().list(request).await?.into_inner();
    entries.retain(|entry| entry.action.starts_with("report."));
    Ok((entries, (!next.is_empty()).then(|| hex::shown(&next))))
}

// From where somebody came is the audit log's to show.
fn entry_shown(entry: &AuditEntry) -> Value {
    json!({
        "at": iso(entry.at),
        "operator": entry.operator,
        "action": entry.action,
        "report": entry.target,
        "status": (entry.status != 0).then_some(entry.status),
    })
}
