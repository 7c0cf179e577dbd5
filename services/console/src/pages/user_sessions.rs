//! Pages about the sessions of a user, and their ends.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::UserToken;
use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::ChatSession;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::users::name_of;
use super::{see, show, when};
use crate::error::Refusal;
use crate::service::Door;
use crate::user_sessions::{Living, Name, Page, finish, finish_all, living, noted, of_path};
use crate::users;

#[derive(Template)]
#[template(path = "user_sessions.html")]
struct SessionsPage {
    frame: Frame,
    tab: &'static str,
    user_tab: &'static str,
    shown: Shown,
    id: u64,
    chat: Vec<Chat>,
    rest: Vec<Rest>,
    /// A page behind the first: only REST sessions are on it.
    is_further: bool,
    next: String,
}

struct Chat {
    name: String,
    begun_at: String,
    transport: &'static str,
    address: String,
    agent: String,
    resource: String,
    is_active: bool,
    proof: &'static str,
}

struct Rest {
    name: String,
    begun_at: String,
    used_at: String,
    expires_at: String,
}

impl Chat {
    fn of(session: &ChatSession) -> Chat {
        let entrance = session.entrance.clone().unwrap_or_default();
        let SessionRef { resource, .. } = session.session.clone().unwrap_or_default();
        Chat {
            name: Name::of_chat(session).to_string(),
            begun_at: if entrance.bound_at > 0 { when(entrance.bound_at) } else { String::new() },
            transport: match entrance.door.as_str() {
                "wss" => "WebSocket over TLS",
                "ws" => "WebSocket, plain",
                "tls" => "TCP over TLS",
                "starttls" => "TCP, STARTTLS",
                "tcp" => "TCP, plain",
                _ => "",
            },
            address: entrance.address,
            agent: entrance.agent,
            resource,
            is_active: !session.inactive,
            proof: match session.unproving {
                None => "not asked yet",
                Some(true) => "cannot prove",
                Some(false) => "proves",
            },
        }
    }
}

impl Rest {
    fn of(token: &UserToken) -> Rest {
        Rest {
            name: Name::of_rest(token).to_string(),
            begun_at: when(token.created_at),
            used_at: if token.used_at > 0 { when(token.used_at) } else { String::new() },
            expires_at: when(token.expires_at),
        }
    }
}

/// `GET /console/apps/{app}/users/{user}/sessions[?after=NEXT]`.
pub async fn list(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    let after = Some(query.into_inner().after).filter(|after| !after.is_empty());
    let (is_further, name) = (after.is_some(), name_of(&users::find(&door, app, user).await?));
    let Living { chat, rest, next } = living(&door, app, user, Page { after }).await?;
    let (chat, rest) = (chat.iter().map(Chat::of).collect(), rest.iter().map(Rest::of).collect());
    let (shown, frame) = (shown(&door, &path.0).await?, frame.titled(format!("Sessions of {name}")));
    show(&SessionsPage { frame, tab: "users", user_tab: "sessions", shown, id: user.0, chat, rest, is_further, next })
}

/// Which page is shown.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    after: String,
}

#[derive(Template)]
#[template(path = "user_session_end.html")]
struct EndPage {
    frame: Frame,
    tab: &'static str,
    user_tab: &'static str,
    shown: Shown,
    id: u64,
    /// Which is ended; empty: all are.
    name: String,
    /// It is one of the REST door.
    is_rest: bool,
}

/// `GET /console/apps/{app}/users/{user}/sessions/{session}/end`: asks.
pub async fn doubt(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, user, name) = path.into_inner();
    let name: Name = name.parse()?;
    ask(&door, frame, (app, user), Some(name)).await
}

/// `GET /console/apps/{app}/users/{user}/sessions/end`: asks.
pub async fn doubt_all(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    ask(&door, frame, path.into_inner(), None).await
}

async fn ask(door: &Door, frame: Frame, path: (String, String), name: Option<Name>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(door, &path).await?;
    let who = name_of(&users::find(door, app, user).await?);
    let title = if name.is_some() { format!("End a session of {who}") } else { format!("End all sessions of {who}") };
    let is_rest = matches!(name, Some(Name::Rest(_)));
    let name = name.map(|name| name.to_string()).unwrap_or_default();
    let (shown, frame) = (shown(door, &path.0).await?, frame.titled(title));
    show(&EndPage { frame, tab: "users", user_tab: "sessions", shown, id: user.0, name, is_rest })
}

/// `POST /console/apps/{app}/users/{user}/sessions/{session}/end`.
pub async fn end(door: web::Data<Door>, path: web::Path<(String, String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user, name) = path.into_inner();
    let (app, user) = of_path(&door, &(app, user)).await?;
    let name: Name = name.parse()?;
    finish(&door, app, user, name).await?;
    Ok(noted(see(&format!("/console/apps/{app}/users/{user}/sessions?done=session-ended")), user, Some(name)))
}

/// `POST /console/apps/{app}/users/{user}/sessions/end`.
pub async fn end_all(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    finish_all(&door, app, user).await?;
    Ok(noted(see(&format!("/console/apps/{app}/users/{user}/sessions?done=sessions-ended")), user, None))
}
