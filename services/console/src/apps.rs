//! Routes about apps.

use actix_web::{HttpResponse, web};
use natter_proto::AppId;
use natter_proto::account::v1::{
    App, AppState, ApplyAppReply, ApplyAppRequest, CreateAppRequest, Erasure, GetAppRequest, Groups, ListAppsRequest, Origins,
    Quotas, RotateKeysRequest, SuspendAppRequest,
};
use serde_json::{Value, json};

use crate::audit::Made;
use crate::body::{Fields, Raw};
use crate::caller::{Caller, Role};
use crate::erasures;
use crate::error::Refusal;
use crate::service::{Door, iso};

/// `POST /admin/v1/apps`: what the body leaves open is chosen.
pub async fn create(door: web::Data<Door>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let request = CreateAppRequest {
        id: fields.number("id")?.unwrap_or_default(),
        title: fields.text("title")?.unwrap_or_default(),
        auth_key: fields.text("auth_key")?.unwrap_or_default(),
        auth_secret: fields.text("auth_secret")?.unwrap_or_default(),
    };
    fields.end()?;
    let app = make(&door, request).await?;
    let mut answer = HttpResponse::Created().json(json!({ "app": with_secret(&app) }));
    answer.extensions_mut().insert(Made { app: app.id, target: String::new() });
    Ok(answer)
}

/// Makes an app. What is 0 or empty is chosen.
pub async fn make(door: &Door, request: CreateAppRequest) -> Result<App, Refusal> {
    Ok(door.accounts().create_app(request).await?.into_inner())
}

/// `GET /admin/v1/apps`: those that the caller sees; secrets are left out.
pub async fn list(door: web::Data<Door>, caller: Caller) -> Result<HttpResponse, Refusal> {
    let apps: Vec<_> = all(&door, &caller).await?.iter().map(without_secret).collect();
    Ok(HttpResponse::Ok().json(json!({ "apps": apps })))
}

/// Every app that the caller sees, by id.
pub async fn all(door: &Door, caller: &Caller) -> Result<Vec<App>, Refusal> {
    let mut apps = door.accounts().list_apps(ListAppsRequest::default()).await?.into_inner().apps;
    apps.retain(|app| caller.sees(AppId(app.id)));
    Ok(apps)
}

/// `GET /admin/v1/apps/{app}`: with its secret for who may change it.
pub async fn get(door: web::Data<Door>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = find(&door, &path).await?;
    let shown = if caller.role >= Role::Operator { with_secret(&app) } else { without_secret(&app) };
    Ok(HttpResponse::Ok().json(json!({ "app": shown })))
}

/// `PUT /admin/v1/apps/{app}`: what the body leaves open stays as it is, or is chosen for an app that is made. The same again changes
/// nothing. Secrets are left out of the answer. What an app costs and by which names it is reached, who is limited to apps may not say.
pub async fn apply(door: web::Data<Door>, caller: Caller, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let id = parse(&path)?;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    if fields.number("id")?.is_some_and(|given| given != id.0) {
        return Err(Refusal::malformed("id", "is not that of the path"));
    }
    let quotas = match fields.object("quotas")? {
        None => None,
        Some(mut quotas) => {
            let mut quota = |field: &str| quotas.number(field).map(Option::unwrap_or_default);
            let read = Quotas {
                sessions: quota("sessions")?,
                messages_per_second: quota("messages_per_second")?,
                storage_bytes: quota("storage_bytes")?,
                requests_per_second: quota("requests_per_second")?,
            };
            quotas.end()?;
            Some(read)
        }
    };
    let groups = match fields.object("groups")? {
        None => None,
        Some(mut groups) => {
            let mut says = |field: &str| groups.truth(field).map(Option::unwrap_or_default);
            let read = Groups { admins_remove: says("admins_remove")?, history_from_joining: says("history_from_joining")? };
            groups.end()?;
            Some(read)
        }
    };
    let request = ApplyAppRequest {
        id: id.0,
        title: fields.text("title")?,
        auth_key: fields.text("auth_key")?,
        auth_secret: fields.text("auth_secret")?,
        signed_only: fields.truth("signed_only")?,
        quotas,
        chat_host: fields.text("chat_host")?,
        api_host: fields.text("api_host")?,
        origins: fields.texts("origins")?.map(|origins| Origins { origins }),
        groups,
    };
    fields.end()?;
    let ApplyAppReply { app, created, changed } = change(&door, &caller, request).await?;
    let body = json!({ "app": without_secret(&app.unwrap_or_default()), "created": created, "changed": changed });
    Ok(if created { HttpResponse::Created() } else { HttpResponse::Ok() }.json(body))
}

/// Makes or changes an app: what is none stays, or is chosen.
pub async fn change(door: &Door, caller: &Caller, request: ApplyAppRequest) -> Result<ApplyAppReply, Refusal> {
    let of_house = [
        ("quotas", request.quotas.is_some()),
        ("chat_host", request.chat_host.is_some()),
        ("api_host", request.api_host.is_some()),
    ];
    if let Some((field, _)) = of_house.iter().find(|(_, given)| *given && caller.is_limited()) {
        return Err(Refusal::forbidden_field(field));
    }
    Ok(door.administration().apply_app(request).await?.into_inner())
}

/// `POST /admin/v1/apps/{app}/suspend`.
pub async fn suspend(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = set_suspended(&door, parse(&path)?, true).await?;
    Ok(HttpResponse::Ok().json(json!({ "app": without_secret(&app) })))
}

/// `POST /admin/v1/apps/{app}/resume`.
pub async fn resume(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = set_suspended(&door, parse(&path)?, false).await?;
    Ok(HttpResponse::Ok().json(json!({ "app": without_secret(&app) })))
}

/// Closes an app, or opens it again. What is kept stays.
pub async fn set_suspended(door: &Door, id: AppId, suspended: bool) -> Result<App, Refusal> {
    Ok(door.administration().suspend_app(SuspendAppRequest { id: id.0, suspended }).await?.into_inner())
}

/// `POST /admin/v1/apps/{app}/keys`: other keys, beside which those it had hold for a while.
pub async fn rotate(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let overlap_s = fields.number("overlap_s")?.unwrap_or_default();
    fields.end()?;
    let app = rotate_keys(&door, parse(&path)?, overlap_s).await?;
    Ok(HttpResponse::Ok().json(json!({ "app": with_secret(&app) })))
}

/// Gives an app other keys. Those it had hold for so many seconds more; 0: as the settings say.
pub async fn rotate_keys(door: &Door, id: AppId, overlap_s: u64) -> Result<App, Refusal> {
    Ok(door.administration().rotate_keys(RotateKeysRequest { id: id.0, overlap_s }).await?.into_inner())
}

/// `DELETE /admin/v1/apps/{app}/keys/previous`: those that were rotated open nothing from the answer on.
pub async fn end_previous(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = end_previous_keys(&door, parse(&path)?).await?;
    Ok(HttpResponse::Ok().json(json!({ "app": without_secret(&app) })))
}

/// Ends the keys that were rotated now.
pub async fn end_previous_keys(door: &Door, id: AppId) -> Result<App, Refusal> {
    Ok(door.administration().end_previous_keys(GetAppRequest { id: id.0 }).await?.into_inner())
}

/// `DELETE /admin/v1/apps/{app}`: answered when it has ended; the erasure goes on.
pub async fn delete(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let erasure = end(&door, parse(&path)?).await?;
    Ok(HttpResponse::Accepted().json(json!({ "erasure": erasures::shown(&erasure) })))
}

/// Ends a suspended app for good. The erasure goes on after the answer.
pub async fn end(door: &Door, id: AppId) -> Result<Erasure, Refusal> {
    Ok(door.administration().delete_app(GetAppRequest { id: id.0 }).await?.into_inner())
}

/// The app that a path names.
pub async fn find(door: &Door, id: &str) -> Result<App, Refusal> {
    let id = parse(id)?;
    Ok(door.accounts().get_app(GetAppRequest { id: id.0 }).await?.into_inner())
}

/// The id that a path names. What cannot be an id is no app.
pub fn parse(id: &str) -> Result<AppId, Refusal> {
    id.parse().map_err(|_| Refusal::not_found("app"))
}

// The pair key stays inside: whoever has it can name every private dialog.
fn without_secret(app: &App) -> Value {
    json!({
        "id": app.id,
        "title": app.title,
        "auth_key": app.auth_key,
        // Rotated; after that instant it opens nothing.
        "previous_keys": app.previous.as_ref().map(|keys| json!({ "auth_key": keys.auth_key, "until": iso(keys.until) })),
        "created_at": iso(app.created_at),
        "signed_only": app.signed_only,
        "state": if app.state() == AppState::Suspended { "suspended" } else { "open" },
        "quotas": app.quotas.as_ref().map(quotas),
        "chat_host": name(&app.chat_host),
        "api_host": name(&app.api_host),
        // Of pages that may use it; none: of any.
        "origins": app.origins,
        "groups": groups(&app.groups.unwrap_or_default()),
    })
}

// None: it is reached by the installation's only.
fn name(host: &str) -> Option<&str> {
    Some(host).filter(|host| !host.is_empty())
}

// 0: that of the installation.
fn quotas(quotas: &Quotas) -> Value {
    let Quotas { sessions, messages_per_second, storage_bytes, requests_per_second } = *quotas;
    json!({
        "sessions": sessions,
        "messages_per_second": messages_per_second,
        "storage_bytes": storage_bytes,
        "requests_per_second": requests_per_second,
    })
}

fn groups(groups: &Groups) -> Value {
    let Groups { admins_remove, history_from_joining } = *groups;
    json!({ "admins_remove": admins_remove, "history_from_joining": history_from_joining })
}

fn with_secret(app: &App) -> Value {
    let mut shown = without_secret(app);
    shown["auth_secret"] = json!(app.auth_secret);
    shown
}
