//! Routes about the caller himself, and about sign-ins.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::{EndSignInsRequest, ListSignInsRequest, OperatorSignIn};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::{Fields, Raw};
use crate::caller::{Apps, Caller, Role, SessionId};
use crate::error::Refusal;
use crate::hex;
use crate::service::{Door, iso};
use crate::session;
use crate::visit::Visit;

/// Whose sign-ins are meant; without a name the caller's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    pub operator: Option<String>,
    pub all: Option<bool>,
}

/// Whose sign-ins end; without a name the caller's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    operator: Option<String>,
}

/// `POST /admin/v1/sessions`: signs in. The cookie of the answer stands for the caller from now on.
pub async fn begin(door: web::Data<Door>, visit: Visit, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let mut text = |field: &str| fields.text(field).map(Option::unwrap_or_default);
    let (name, password) = (text("name")?, text("password")?);
    fields.end()?;
    let begun = session::sign_in(&door, name, password, &visit).await?;
    Ok(HttpResponse::Created().cookie(begun.cookie).json(json!({ "me": shown_caller(&begun.caller) })))
}

/// `GET /admin/v1/me`: who asks, and what his pages send along with a change.
pub async fn me(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "me": shown_caller(&caller) }))
}

/// `GET /admin/v1/sessions[?operator=NAME|all=true]`: those that live, the one used last first.
pub async fn list(door: web::Data<Door>, caller: Caller, whose: web::Query<Whose>) -> Result<HttpResponse, Refusal> {
    let sign_ins = living(&door, &caller, &whose).await?;
    let sign_ins: Vec<_> = sign_ins.iter().map(|sign_in| shown(sign_in, &caller)).collect();
    Ok(HttpResponse::Ok().json(json!({ "sessions": sign_ins })))
}

/// The sign-ins that a caller may see.
pub async fn living(door: &Door, caller: &Caller, whose: &Whose) -> Result<Vec<OperatorSignIn>, Refusal> {
    let operator = match (whose.all.unwrap_or_default(), &whose.operator) {
        (false, None) => caller.name.clone(),
        (false, Some(name)) if *name == caller.name => caller.name.clone(),
        (all, name) => {
            caller.may(Role::Owner, None)?;
            name.clone().filter(|_| !all).unwrap_or_default()
        }
    };
    Ok(door.operators().list_sign_ins(ListSignInsRequest { operator }).await?.into_inner().sign_ins)
}

/// `DELETE /admin/v1/sessions[?operator=NAME]`: ends all of the caller, or of another.
pub async fn end_all(
    door: web::Data<Door>,
    caller: Caller,
    visit: Visit,
    whom: web::Query<Whom>,
) -> Result<HttpResponse, Refusal> {
    let operator = whom.operator.clone().unwrap_or_else(|| caller.name.clone());
    let is_own = operator == caller.name;
    let ended = finish_all(&door, &caller, operator).await?;
    Ok(answer(ended, is_own && caller.session.is_some(), &visit))
}

/// Ends all sign-ins of an operator: the caller's own, or for an owner anybody's. How many there were.
pub async fn finish_all(door: &Door, caller: &Caller, operator: String) -> Result<u32, Refusal> {
    if operator != caller.name {
        caller.may(Role::Owner, None)?;
    }
    // Without a name it would be everybody's.
    if operator.is_empty() {
        return Err(Refusal::malformed("operator", "can't be blank"));
    }
    let request = EndSignInsRequest { operator, id: Vec::new() };
    Ok(door.operators().end_sign_ins(request).await?.into_inner().ended)
}

/// `DELETE /admin/v1/sessions/{session}`: ends one of the caller; an owner of the whole installation ends anybody's.
pub async fn end(door: web::Data<Door>, caller: Caller, visit: Visit, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let session: SessionId = path.parse()?;
    finish(&door, &caller, session).await?;
    Ok(answer(1, caller.session == Some(session), &visit))
}

/// Ends one sign-in that a caller may end. Of others' he does not learn.
pub async fn finish(door: &Door, caller: &Caller, session: SessionId) -> Result<(), Refusal> {
    let operator = if caller.may(Role::Owner, None).is_ok() { String::new() } else { caller.name.clone() };
    door.operators().end_sign_ins(EndSignInsRequest { operator, id: session.0.to_vec() }).await?;
    Ok(())
}

fn answer(ended: u32, is_own: bool, visit: &Visit) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    if is_own {
        answer.cookie(session::no_cookie(visit));
    }
    answer.json(json!({ "ended": ended }))
}

fn shown_caller(caller: &Caller) -> Value {
    let apps = match &caller.apps {
        Apps::All => json!("all"),
        Apps::Some(apps) => apps.iter().map(|app| json!(app.0)).collect(),
    };
    json!({
        "name": caller.name,
        "role": caller.role.name(),
        "apps": apps,
        "session": caller.session.map(|session| session.to_string()),
        "csrf": caller.csrf,
    })
}

fn shown(sign_in: &OperatorSignIn, caller: &Caller) -> Value {
    json!({
        "id": hex::shown(&sign_in.id),
        "operator": sign_in.operator,
        "begun_at": iso(sign_in.begun_at),
        "used_at": iso(sign_in.used_at),
        "ends_at": iso(sign_in.ends_at),
        "address": sign_in.address,
        "agent": sign_in.agent,
        "is_this": caller.session.is_some_and(|session| session.0 == sign_in.id[..]),
    })
}
