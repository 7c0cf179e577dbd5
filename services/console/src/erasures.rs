//! Routes about what goes with a user or an app.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::{Erasure, UserRequest};
use natter_proto::{AppId, UserId};
use serde_json::{Map, Value, json};

use crate::apps;
use crate::error::Refusal;
use crate::service::{Door, iso};

/// `GET /admin/v1/apps/{app}/erasure`.
pub async fn of_app(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let erasure = find(&door, apps::parse(&path)?, 0).await?;
    Ok(HttpResponse::Ok().json(json!({ "erasure": shown(&erasure) })))
}

/// `GET /admin/v1/apps/{app}/erasures/{user}`.
pub async fn of_user(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let id: UserId = id.parse().map_err(|_| Refusal::not_found("user"))?;
    let erasure = find(&door, apps::parse(&app)?, id.0).await?;
    Ok(HttpResponse::Ok().json(json!({ "erasure": shown(&erasure) })))
}

/// The report about a user, or with user 0 about an app.
pub async fn find(door: &Door, app: AppId, user: u64) -> Result<Erasure, Refusal> {
    let request = UserRequest { app: app.0, id: user };
    Ok(door.administration().get_erasure(request).await?.into_inner())
}

/// An erasure as the operator sees it.
pub fn shown(erasure: &Erasure) -> Value {
    let erased: Map<String, Value> = erasure.erased.iter().map(|one| (one.kind.clone(), json!(one.count))).collect();
    json!({
        "app": erasure.app,
        "user": (erasure.user != 0).then_some(erasure.user),
        "state": if erasure.ended_at == 0 { "running" } else { "done" },
        "begun_at": iso(erasure.begun_at),
        "ended_at": (erasure.ended_at != 0).then(|| iso(erasure.ended_at)),
        "erased": erased,
    })
}
