//! Routes about apps.

use actix_web::{HttpResponse, web};
use natter_proto::AppId;
use natter_proto::account::v1::{App, CreateAppRequest, GetAppRequest, ListAppsRequest};
use serde_json::{Value, json};

use crate::body::{Fields, Raw};
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
    let app = door.accounts().create_app(request).await?.into_inner();
    Ok(HttpResponse::Created().json(json!({ "app": with_secret(&app) })))
}

/// `GET /admin/v1/apps`: secrets are left out.
pub async fn list(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let apps = door.accounts().list_apps(ListAppsRequest {}).await?.into_inner().apps;
    let apps: Vec<_> = apps.iter().map(without_secret).collect();
    Ok(HttpResponse::Ok().json(json!({ "apps": apps })))
}

/// `GET /admin/v1/apps/{app}`.
pub async fn get(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = find(&door, &path).await?;
    Ok(HttpResponse::Ok().json(json!({ "app": with_secret(&app) })))
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
        "created_at": iso(app.created_at),
        "signed_only": app.signed_only,
    })
}

fn with_secret(app: &App) -> Value {
    let mut shown = without_secret(app);
    shown["auth_secret"] = json!(app.auth_secret);
    shown
}
