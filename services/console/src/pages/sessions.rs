//! The page of the sign-ins that live, and their ends.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::OperatorSignIn;

use super::frame::Frame;
use super::sign_in::signed_out;
use super::{see, show, when};
use crate::caller::{Caller, SessionId};
use crate::error::Refusal;
use crate::hex;
use crate::service::Door;
use crate::sessions::{Whose, finish, finish_all, living};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    sessions: Vec<Shown>,
    /// Everybody's are shown.
    is_all: bool,
}

struct Shown {
    id: String,
    operator: String,
    begun_at: String,
    used_at: String,
    ends_at: String,
    address: String,
    agent: String,
    is_this: bool,
}

impl Shown {
    fn of(sign_in: OperatorSignIn, caller: &Caller) -> Shown {
        Shown {
            id: hex::shown(&sign_in.id),
            begun_at: when(sign_in.begun_at),
            used_at: when(sign_in.used_at),
            ends_at: when(sign_in.ends_at),
            is_this: caller.session.is_some_and(|session| session.0 == sign_in.id[..]),
            operator: sign_in.operator,
            address: sign_in.address,
            agent: sign_in.agent,
        }
    }
}

/// `GET /console/sessions[?all=true]`.
pub async fn list(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let is_all = query.all == "true";
    let whose = Whose { operator: None, all: is_all.then_some(true) };
    let sessions = living(&door, &caller, &whose).await?.into_iter().map(|sign_in| Shown::of(sign_in, &caller)).collect();
    show(&SessionsPage { frame: frame.titled("Sign-ins"), sessions, is_all })
}

/// Whose sign-ins are shown.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    all: String,
}

/// `POST /console/sessions/{session}/end`.
pub async fn end(door: web::Data<Door>, caller: Caller, visit: Visit, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let session: SessionId = path.parse()?;
    finish(&door, &caller, session).await?;
    if caller.session == Some(session) {
        return signed_out(&visit);
    }
    Ok(see("/console/sessions?done=ended"))
}

/// `POST /console/sessions/end`: all of the caller.
pub async fn end_all(door: web::Data<Door>, caller: Caller, visit: Visit) -> Result<HttpResponse, Refusal> {
    let operator = caller.name.clone();
    finish_all(&door, &caller, operator).await?;
    signed_out(&visit)
}

/// `POST /console/operators/{name}/sign-out`: all of an operator.
pub async fn end_of(
    door: web::Data<Door>,
    caller: Caller,
    visit: Visit,
    path: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let operator = path.into_inner();
    finish_all(&door, &caller, operator.clone()).await?;
    if operator == caller.name {
        return signed_out(&visit);
    }
    Ok(see(&format!("/console/operators/{operator}?done=ended")))
}
