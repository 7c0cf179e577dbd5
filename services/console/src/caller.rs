//! Who asks: the name, what the role allows, and whose apps are seen. Made by the guard, taken by the routes. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use natter_proto::AppId;
use natter_proto::account::v1::{Operator, OperatorRole};

use crate::error::Refusal;
use crate::hex;

/// The name of whoever holds the token. No operator is called so.
pub const TOKEN_NAME: &str = "token";

/// What somebody may do. Each may what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Sees, without secrets.
    Viewer,
    /// Also deals with users and what they report.
    Moderator,
    /// Also changes apps and users, and sees secrets.
    Operator,
    /// Also ends apps, makes operators and reads the audit log.
    Owner,
}

/// Where somebody may do it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Apps {
    /// The whole installation.
    All,
    /// In these apps. Others are not there for him.
    Some(BTreeSet<AppId>),
}

/// Names a sign-in; opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionId(pub [u8; 16]);

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub name: String,
    pub role: Role,
    pub apps: Apps,
    /// The sign-in that the cookie stands for; none with a token or a password.
    pub session: Option<SessionId>,
    /// What a page of this sign-in sends along with a change.
    pub csrf: Option<String>,
}

impl Caller {
    /// Whoever holds the token: an owner of everything.
    pub fn token() -> Caller {
        Caller { name: TOKEN_NAME.to_owned(), role: Role::Owner, apps: Apps::All, session: None, csrf: None }
    }

    /// An operator.
    pub fn operator(operator: Operator) -> Caller {
        let role = Role::of(operator.role());
        let apps = match operator.limited {
            true => Apps::Some(operator.apps.into_iter().map(AppId).collect()),
            false => Apps::All,
        };
        Caller { name: operator.name, role, apps, session: None, csrf: None }
    }

    /// Whether something may be done to an app, or without one to the whole installation. An app that is not seen is refused as
    /// one that is not there.
    pub fn may(&self, need: Role, app: Option<AppId>) -> Result<(), Refusal> {
        match app {
            Some(app) if !self.sees(app) => Err(Refusal::not_found("app")),
            None if self.is_limited() => Err(Refusal::forbidden()),
            _ => self.is_at_least(need),
        }
    }

    /// Whether the role suffices, wherever it holds.
    pub fn is_at_least(&self, need: Role) -> Result<(), Refusal> {
        if self.role < need { Err(Refusal::forbidden()) } else { Ok(()) }
    }

    /// Whether an app is there for this caller.
    pub fn sees(&self, app: AppId) -> bool {
        match &self.apps {
            Apps::All => true,
            Apps::Some(apps) => apps.contains(&app),
        }
    }

    /// Whether only some apps are there for this caller.
    pub fn is_limited(&self) -> bool {
        self.apps != Apps::All
    }
}

impl FromRequest for Caller {
    type Error = Refusal;
    type Future = Ready<Result<Caller, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // A route that anybody may ask for has no caller.
        ready(request.extensions().get::<Caller>().cloned().ok_or_else(Refusal::unauthorized))
    }
}

impl Role {
    /// By its name in the API.
    pub fn named(name: &str) -> Option<Role> {
        [Role::Viewer, Role::Moderator, Role::Operator, Role::Owner].into_iter().find(|role| role.name() == name)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Moderator => "moderator",
            Role::Operator => "operator",
            Role::Owner => "owner",
        }
    }

    /// As the account service knows it. What is not known there may least.
    pub fn of(role: OperatorRole) -> Role {
        match role {
            OperatorRole::Viewer | OperatorRole::Unspecified => Role::Viewer,
            OperatorRole::Moderator => Role::Moderator,
            OperatorRole::Operator => Role::Operator,
            OperatorRole::Owner => Role::Owner,
        }
    }

    /// For the account service.
    pub fn to_proto(self) -> OperatorRole {
        match self {
            Role::Viewer => OperatorRole::Viewer,
            Role::Moderator => OperatorRole::Moderator,
            Role::Operator => OperatorRole::Operator,
            Role::Owner => OperatorRole::Owner,
        }
    }
}

impl SessionId {
    /// Of the bytes that the account service names it by.
    pub fn of(bytes: &[u8]) -> Option<SessionId> {
        bytes.try_into().ok().map(SessionId)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::shown(&self.0))
    }
}

impl FromStr for SessionId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<SessionId, Refusal> {
        hex::read(text).map(SessionId).ok_or_else(|| Refusal::not_found("session"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_role_may_in_its_apps_and_in_the_installation() {
        let all = |role| Caller { role, ..Caller::token() };
        let some = |role| Caller { apps: Apps::Some([AppId(7)].into()), ..all(role) };
        let (fine, forbidden, absent) = (Ok(()), Err(Refusal::forbidden()), Err(Refusal::not_found("app")));
        for (caller, need, app, expected) in [
            (all(Role::Owner), Role::Owner, None, &fine),
            (all(Role::Owner), Role::Owner, Some(7), &fine),
            (all(Role::Operator), Role::Owner, Some(7), &forbidden),
            (all(Role::Viewer), Role::Viewer, None, &fine),
            (all(Role::Viewer), Role::Moderator, None, &forbidden),
            (some(Role::Owner), Role::Viewer, None, &forbidden),
            (some(Role::Owner), Role::Owner, Some(7), &fine),
            (some(Role::Owner), Role::Viewer, Some(8), &absent),
            (some(Role::Viewer), Role::Owner, Some(8), &absent),
            (some(Role::Viewer), Role::Moderator, Some(7), &forbidden),
        ] {
            assert_eq!(&caller.may(need, app.map(AppId)), expected, "{caller:?} {need:?} {app:?}");
        }
    }

    #[test]
    fn an_operator_of_no_app_sees_none() {
        let caller = Caller::operator(Operator { name: "ann".into(), limited: true, ..Operator::default() });
        assert_eq!((caller.role, caller.sees(AppId(1)), caller.is_limited()), (Role::Viewer, false, true));
        assert!(Caller::operator(Operator::default()).sees(AppId(1)));
    }

    #[test]
    fn names_are_read_as_they_are_shown() {
        assert_eq!(SessionId([0x0a; 16]).to_string().parse(), Ok(SessionId([0x0a; 16])));
        assert_eq!("x".parse::<SessionId>(), Err(Refusal::not_found("session")));
        assert_eq!(SessionId::of(&[1; 15]), None);
        assert_eq!(Role::named("owner"), Some(Role::Owner));
        assert_eq!(Role::named("Owner"), None);
    }
}
