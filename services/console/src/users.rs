//! Routes about the users of an app.

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::account::v1::{
    BanUserRequest, Erasure, GetUsersRequest, ListUsersReply, ListUsersRequest, SignUpRequest, User, UserFilter, UserOp,
    UserRequest,
};
use natter_proto::{AppId, Code, Failure, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Made;
use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::{apps, erasures};

/// Users of a page, if the request says nothing, and at most.
pub const PER_PAGE: u32 = 50;
const PER_PAGE_MAX: u32 = 200;
const SEARCH_BYTES_MAX: usize = 256;

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

/// Which users are asked for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// An id, an id elsewhere, or a part of a login, an e-mail address, a phone number or a full name. Empty: all.
    #[serde(default)]
    pub search: String,
    /// From 1 on.
    pub page: Option<u32>,
    pub per_page: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/users?search=TEXT&page=N&per_page=N`: by id.
pub async fn list(door: web::Data<Door>, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let asked = web::Query::<Page>::from_query(request.query_string());
    let asked = asked.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let app = apps::find(&door, &path).await?;
    let ListUsersReply { users, total } = search(&door, AppId(app.id), &asked).await?;
    let users: Vec<_> = users.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "users": users, "total": total })))
}

/// A page of the users who are meant.
pub async fn search(door: &Door, app: AppId, asked: &Page) -> Result<ListUsersReply, Refusal> {
    let text = asked.search.trim();
    if text.len() > SEARCH_BYTES_MAX {
        return Err(Refusal::malformed("search", "is too long"));
    }
    let limit = asked.per_page.unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX);
    let page = asked.page.unwrap_or(1);
    if page == 0 {
        return Err(Refusal::malformed("page", "is counted from 1 on"));
    }
    let part = |field: &str| UserFilter {
        field: field.to_owned(),
        op: UserOp::Contain.into(),
        texts: vec![text.to_owned()],
        numbers: Vec::new(),
    };
    let mut any = Vec::new();
    if !text.is_empty() {
        any.extend(["login", "email", "phone", "full_name"].map(part));
        if let Ok(number) = text.parse() {
            let is = |field: &str| UserFilter {
                field: field.to_owned(),
                op: UserOp::Eq.into(),
                texts: Vec::new(),
                numbers: vec![number],
            };
            any.extend(["id", "external_user_id"].map(is));
        }
    }
    let skip = u64::from(page - 1) * u64::from(limit);
    let request = ListUsersRequest { app: app.0, any, skip, limit, ..ListUsersRequest::default() };
    Ok(door.accounts().list_users(request).await?.into_inner())
}

/// `POST /admin/v1/apps/{app}/users/{user}/ban`: his sessions and tokens end, and he does not get in.
pub async fn ban(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    banned(&door, path.into_inner(), true).await
}

/// `POST /admin/v1/apps/{app}/users/{user}/unban`.
pub async fn unban(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    banned(&door, path.into_inner(), false).await
}

async fn banned(door: &Door, (app, id): (String, String), banned: bool) -> Result<HttpResponse, Refusal> {
    let user = set_banned(door, apps::parse(&app)?, parse(&id)?, banned).await?;
    Ok(HttpResponse::Ok().json(json!({ "user": shown(&user) })))
}

/// Keeps a user out, or lets him in again.
pub async fn set_banned(door: &Door, app: AppId, id: UserId, banned: bool) -> Result<User, Refusal> {
    Ok(door.administration().ban_user(BanUserRequest { app: app.0, id: id.0, banned }).await?.into_inner())
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

/// A user as the API shows him.
pub fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "login": user.login,
        "email": user.email,
        "full_name": user.full_name,
        "phone": user.phone,
        "is_guest": user.guest,
        "is_banned": user.banned,
        "created_at": iso(user.created_at),
        "updated_at": iso(user.updated_at),
        "last_request_at": (user.last_request_at != 0).then(|| iso(user.last_request_at)),
    })
}
