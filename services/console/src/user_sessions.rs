//! Routes about the sessions of a user: those of the chat door, that edges hold, and those of the REST door, that are tokens. No token
//! is shown; a session goes by an id that opens nothing.

use std::fmt;
use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::AppId;
use natter_proto::UserId;
use natter_proto::account::v1::{EndTokensRequest, ListTokensRequest, UserToken};
use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::{ChatSession, EndSessionsRequest, ListSessionsRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Made;
use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::{apps, hex, users};

/// REST sessions of a page.
const LIMIT: u32 = 100;

/// By what a session is ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// Of an edge's run, and the ordinal in it.
    Chat {
        boot: u64,
        session: u64,
    },
    Rest([u8; 16]),
}

/// The sessions of a user that live.
#[derive(Default)]
pub struct Living {
    /// In the order they came.
    pub chat: Vec<ChatSession>,
    /// Of a page, the latest first.
    pub rest: Vec<UserToken>,
    /// Where further ones of the REST door are; empty: nowhere.
    pub next: String,
}

/// How many were ended.
pub struct Ended {
    pub chat: u32,
    pub rest: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// `next` of the page before.
    pub after: Option<String>,
}

/// `GET /admin/v1/apps/{app}/users/{user}/sessions?after=NEXT`: those of the chat door on the first page.
pub async fn list(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (app, user) = of_path(&door, &path).await?;
    let Living { chat, rest, next } = living(&door, app, user, page).await?;
    let sessions: Vec<Value> = chat.iter().map(chat_shown).chain(rest.iter().map(rest_shown)).collect();
    Ok(HttpResponse::Ok().json(json!({ "sessions": sessions, "next": Some(next).filter(|next| !next.is_empty()) })))
}

/// A page of the sessions of a user.
pub async fn living(door: &Door, app: AppId, user: UserId, page: Page) -> Result<Living, Refusal> {
    let wrong = || Refusal::malformed("after", "is not the place of a session");
    let after = page.after.as_deref().map_or(Some(Vec::new()), hex::bytes).ok_or_else(wrong)?;
    let is_first = after.is_empty();
    let request = ListTokensRequest { app: app.0, user: user.0, after, limit: LIMIT };
    let reply = door.tokens().list(request).await?.into_inner();
    let mut rest = reply.tokens;
    rest.sort_by_key(|token| std::cmp::Reverse(token.used_at.max(token.created_at)));
    let mut chat = Vec::new();
    if is_first {
        chat = door.chat_sessions().list(ListSessionsRequest { app: app.0, user: user.0 }).await?.into_inner().sessions;
    }
    Ok(Living { chat, rest, next: hex::shown(&reply.next) })
}

/// `DELETE /admin/v1/apps/{app}/users/{user}/sessions/{session}`.
pub async fn end(door: web::Data<Door>, path: web::Path<(String, String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user, name) = path.into_inner();
    let (app, user) = of_path(&door, &(app, user)).await?;
    let name: Name = name.parse()?;
    finish(&door, app, user, name).await?;
    Ok(noted(HttpResponse::Ok().json(json!({ "ended": name.to_string() })), user, Some(name)))
}

/// `DELETE /admin/v1/apps/{app}/users/{user}/sessions`: ends all. He may sign in again.
pub async fn end_all(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    let Ended { chat, rest } = finish_all(&door, app, user).await?;
    Ok(noted(HttpResponse::Ok().json(json!({ "ended": { "chat": chat, "rest": rest } })), user, None))
}

/// Ends one session of a user, and with one of the REST door the chat sessions that came by its token.
pub async fn finish(door: &Door, app: AppId, user: UserId, name: Name) -> Result<(), Refusal> {
    match name {
        Name::Rest(id) => {
            door.tokens().end(EndTokensRequest { app: app.0, user: user.0, id: id.to_vec() }).await?;
        }
        Name::Chat { boot, session } => {
            let session = Some(SessionRef { boot, session, ..SessionRef::default() });
            door.chat_sessions().end(EndSessionsRequest { app: app.0, user: user.0, session }).await?;
        }
    }
    Ok(())
}

/// Ends all sessions of a user. The tokens first: who comes back by one at once is not let in.
pub async fn finish_all(door: &Door, app: AppId, user: UserId) -> Result<Ended, Refusal> {
    let rest = door.tokens().end(EndTokensRequest { app: app.0, user: user.0, id: Vec::new() }).await?.into_inner().ended;
    let request = EndSessionsRequest { app: app.0, user: user.0, session: None };
    let chat = door.chat_sessions().end(request).await?.into_inner().ended;
    Ok(Ended { chat, rest })
}

/// The same answer, from which the log learns whose session it was.
pub fn noted(mut answer: HttpResponse, user: UserId, name: Option<Name>) -> HttpResponse {
    let name = name.map_or("all".to_owned(), |name| name.to_string());
    answer.extensions_mut().insert(Made { app: 0, target: format!("{} {name}", user.0) });
    answer
}

/// The app, which is there, and the user that a path names.
pub async fn of_path(door: &Door, (app, user): &(String, String)) -> Result<(AppId, UserId), Refusal> {
    Ok((AppId(apps::find(door, app).await?.id), users::parse(user)?))
}

impl Name {
    /// Of a chat session.
    pub fn of_chat(session: &ChatSession) -> Name {
        let session = session.session.clone().unwrap_or_default();
        Name::Chat { boot: session.boot, session: session.session }
    }

    /// Of a REST session.
    pub fn of_rest(token: &UserToken) -> Name {
        Name::Rest(token.id.as_slice().try_into().unwrap_or_default())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Chat { boot, session } => write!(f, "chat-{boot:016x}{session:016x}"),
            Name::Rest(id) => write!(f, "rest-{}", hex::shown(id)),
        }
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Name, Refusal> {
        let name = text.split_once('-').and_then(|(kind, digits)| {
            let id = hex::read(digits)?;
            let (boot, session) = id.split_at(8);
            match kind {
                "chat" => Some(Name::Chat { boot: number(boot), session: number(session) }),
                "rest" => Some(Name::Rest(id)),
                _ => None,
            }
        });
        name.ok_or_else(|| Refusal::not_found("session"))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A chat session as the API shows it.
pub fn chat_shown(session: &ChatSession) -> Value {
    let entrance = session.entrance.clone().unwrap_or_default();
    let SessionRef { edge, resource, .. } = session.session.clone().unwrap_or_default();
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    json!({
        "id": Name::of_chat(session).to_string(),
        "kind": "chat",
        "resource": resource,
        "begun_at": (entrance.bound_at > 0).then(|| iso(entrance.bound_at)),
        "address": given(entrance.address),
        "transport": given(entrance.door),
        "agent": given(entrance.agent),
        "edge": edge,
        "is_active": !session.inactive,
        // Whether its client can prove what it received; not known before it asked for messages.
        "proves": session.unproving.map(|unproving| !unproving),
    })
}

/// A REST session as the API shows it.
pub fn rest_shown(token: &UserToken) -> Value {
    json!({
        "id": Name::of_rest(token).to_string(),
        "kind": "rest",
        "begun_at": iso(token.created_at),
        "signed_in_at": iso(token.signed_in_at),
        "used_at": (token.used_at > 0).then(|| iso(token.used_at)),
        "expires_at": iso(token.expires_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_it_is_shown() {
        for name in [Name::Chat { boot: u64::MAX - 1, session: 7 }, Name::Rest([0xa0; 16])] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(Name::Chat { boot: 1, session: 2 }.to_string(), "chat-00000000000000010000000000000002");
        for text in ["", "chat-", "rest-00", "edge-00000000000000010000000000000002", "00000000000000010000000000000002"] {
            assert_eq!(text.parse::<Name>(), Err(Refusal::not_found("session")), "{text}");
        }
    }
}
