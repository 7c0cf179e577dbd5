//! How users and sessions are named inside presence. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::SessionRef;
use natter_proto::{AppId, UserId};

/// A user of an app.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct UserKey {
    pub app: AppId,
    pub user: UserId,
}

/// A session, without its resource: that may be given to the next session. Ordered by edge first, so that the sessions of a
/// user on one edge stand together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SessionKey {
    pub edge: String,
    /// Of the edge's process.
    pub boot: u64,
    /// Ordinal within the boot.
    pub session: u64,
}

/// What an erasure is about: a user, or all of an app.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scope {
    pub app: AppId,
    pub user: Option<UserId>,
}

impl Scope {
    pub fn of(app: u64, user: u64) -> Scope {
        Scope { app: AppId(app), user: (user > 0).then_some(UserId(user)) }
    }

    pub fn holds(self, user: UserKey) -> bool {
        self.app == user.app && self.user.is_none_or(|only| only == user.user)
    }

    /// How the keys of all its rows begin.
    pub fn prefix(self) -> Vec<u8> {
        let user = self.user.map_or_else(Vec::new, |user| user.0.to_be_bytes().to_vec());
        [self.app.0.to_be_bytes().to_vec(), user].concat()
    }
}

impl UserKey {
    pub fn new(app: u64, user: u64) -> UserKey {
        UserKey { app: AppId(app), user: UserId(user) }
    }
}

impl SessionKey {
    pub fn of(session: &SessionRef) -> SessionKey {
        SessionKey { edge: session.edge.clone(), boot: session.boot, session: session.session }
    }
}
