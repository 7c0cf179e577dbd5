//! Sessions as operators see and end them. Edges end them; here it is said, and waited for.

use std::pin::pin;
use std::time::Duration;

use natter_bus::Payload;
use natter_proto::event::v1::{Expelled, SessionRef};
use natter_proto::presence::v1::ChatSession;
use natter_proto::subject::Subject;
use tokio::time::timeout;

use crate::directory::{Attention, Facts};
use crate::error::Error;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

/// How long an edge may take to end a session. It is a matter of turns.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    /// The sessions of a user that frames reach, in the order they came.
    pub async fn list_sessions(&self, user: UserKey) -> Result<Vec<ChatSession>, Error> {
        self.debts.ready(Some(user)).await?;
        let directory = self.directory.lock();
        let mut sessions: Vec<ChatSession> = directory
            .sessions(user)
            .into_iter()
            .flatten()
            .map(|(key, attention)| {
                let Facts { resource, entrance } =
                    directory.facts(user, key).cloned().unwrap_or(Facts { resource: String::new(), entrance: None });
                let SessionKey { edge, boot, session } = key.clone();
                ChatSession {
                    session: Some(SessionRef { edge, boot, session, resource }),
                    entrance,
                    inactive: attention == Attention::Inactive,
                    unproving: self.debts.is_unproving(user, key),
                }
            })
            .collect();
        sessions.sort_by_key(|session| session.entrance.as_ref().map(|entrance| entrance.bound_at));
        Ok(sessions)
    }

    /// Tells the edges to end a session of a user, or all, and waits until they are gone. How many were there.
    ///
    /// # Errors
    /// `NoSession`, `SessionsLeft`: some edge has not ended one in time. It may be asked again.
    pub async fn end_sessions(&self, user: UserKey, only: Option<SessionRef>) -> Result<usize, Error> {
        let is_meant = |key: &SessionKey| only.as_ref().is_none_or(|only| names(only, key));
        let there: Vec<SessionKey> = {
            let directory = self.directory.lock();
            directory.sessions(user).into_iter().flatten().map(|(key, _)| key.clone()).filter(is_meant).collect()
        };
        if only.is_some() && there.is_empty() {
            return Err(Error::NoSession);
        }
        let expelled = Expelled { app: user.app.0, user: user.user.0, session: only.clone(), token: Vec::new() };
        self.bus.publish(&Subject::Expelled.to_string(), Payload::of(expelled));
        match timeout(PATIENCE, self.gone(user, &there)).await {
            Ok(()) => Ok(there.len()),
            Err(_) => Err(Error::SessionsLeft),
        }
    }

    async fn gone(&self, user: UserKey, sessions: &[SessionKey]) {
        loop {
            // Listens before it looks, so that no end falls between the two.
            let mut departed = pin!(self.departed.notified());
            departed.as_mut().enable();
            if !self.has_any(user, sessions) {
                return;
            }
            departed.await;
        }
    }

    fn has_any(&self, user: UserKey, sessions: &[SessionKey]) -> bool {
        let directory = self.directory.lock();
        sessions.iter().any(|session| directory.has(user, session))
    }
}

/// Whether a session is meant: an edge that is not named is any.
fn names(only: &SessionRef, key: &SessionKey) -> bool {
    (only.edge.is_empty() || only.edge == key.edge) && (only.boot, only.session) == (key.boot, key.session)
}
