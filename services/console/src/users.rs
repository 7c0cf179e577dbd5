//! Routes about the users of an app.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::{Erasure, GetUsersRequest, SignUpRequest, User, UserRequest};
use natter_proto::{AppId, Code, Failure, UserId};
use serde_json::{Value, json};

use crate::audit::Made;
use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::{apps, erasures};

/// `POST /admin/v1/apps/{app}/users`: a user, with a chosen id if the body has one.
pub async fn create(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::parse(&path)?;
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let user = User {
        login: fields.text("login")?,
        email: fields.text("email")?,
        full_name: fields.text("full_name")?,
        ..User::default()
    };
    let request = SignUpRequest {
        app: app.0,
        user: Some(user),
        password: fields.text("password")?.unwrap_or_default(),
        id: fields.number("id")?.unwrap_or_default(),
        auth_key: String::new(),
    };
    fields.end()?;
    let user = make(&door, request).await?;
    let mut answer = HttpResponse::Created().json(json!({ "user": shown(&user) }));
    answer.extensions_mut().insert(Made { app: 0, target: user.id.to_string() });
    Ok(answer)
}

/// Makes a user.
pub async fn make(door: &Door, request: SignUpRequest) -> Result<User, Refusal> {
    Ok(door.accounts().sign_up(request).await?.into_inner())
}

/// `GET /admin/v1/apps/{app}/users/{user}`.
pub async fn get(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let user = find(&door, apps::parse(&app)?, parse(&id)?).await?;
    Ok(HttpResponse::Ok().json(json!({ "user": shown(&user) })))
}

/// A user by id.
pub async fn find(door: &Door, app: AppId, id: UserId) -> Result<User, Refusal> {
    let request = GetUsersRequest { app: app.0, ids: vec![id.0] };
    let users = door.accounts().get_users(request).await?.into_inner().users;
    users.into_iter().next().ok_or_else(|| Refusal::not_found("user"))
}

/// The id that a path names. What cannot be an id is no user.
pub fn parse(id: &str) -> Result<UserId, Refusal> {
    id.parse().map_err(|_| Refusal::not_found("user"))
}

/// `DELETE /admin/v1/apps/{app}/users/{user}`: answered when he has ended; the erasure goes on.
pub async fn delete(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let erasure = end(&door, apps::parse(&app)?, parse(&id)?).await?;
    Ok(HttpResponse::Accepted().json(json!({ "erasure": erasures::shown(&erasure) })))
}

/// Ends a user for good. The erasure goes on after the answer; asked again, how far it is.
pub async fn end(door: &Door, app: AppId, id: UserId) -> Result<Erasure, Refusal> {
    match door.accounts().delete_user(UserRequest { app: app.0, id: id.0 }).await.map_err(Failure::from) {
        // Asked again: the report, if he was ever there.
        Err(failure) if failure.code == Code::NotFound => {}
        outcome => drop(outcome?),
    }
    erasures::find(door, app, id.0).await.map_err(|_| Refusal::not_found("user"))
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "login": user.login,
        "email": user.email,
        "full_name": user.full_name,
        "phone": user.phone,
        "is_guest": user.guest,
        "created_at": iso(user.created_at),
        "updated_at": iso(user.updated_at),
        "last_request_at": (user.last_request_at != 0).then(|| iso(user.last_request_at)),
    })
}
