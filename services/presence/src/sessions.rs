//! Sessions as edges announce them: directory, activity, rooms and debts change in one step, and what is kept of it is waited
//! for.

use std::sync::Arc;

use natter_proto::presence::v1::{Attending, SessionRecord};
use natter_telemetry::Offence;
use tokio::join;

use crate::activity::Visible;
use crate::blocks::Turn;
use crate::contacts::Greeting;
use crate::debts::{Debts, Stored};
use crate::directory::{Attention, Directory, TooManySessions};
use crate::error::Error;
use crate::privacy::List;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

impl Shared {
    /// A session that frames reach from now on.
    /// `of_app`: most sessions of this app, if not those of all.
    pub async fn bind(
        &self,
        user: UserKey,
        session: SessionKey,
        record: Option<SessionRecord>,
        of_app: Option<usize>,
    ) -> Result<usize, Error> {
        let (debts, list) = join!(self.debts_if_ready(user), self.default_list_for(user));
        let (_turn, list) = list?;
        let (sessions, stored) = {
            let mut directory = self.directory.lock();
            let sessions = self.add(&mut directory, user, &session, (list, of_app))?;
            (sessions, record.zip(debts).map(|(record, debts)| debts.keep(user, session, record)))
        };
        done([stored]).await;
        Ok(sessions)
    }

    /// A session that is available: new, bound before, or announced again.
    pub async fn arrive(
        &self,
        user: UserKey,
        session: SessionKey,
        visible: Visible,
        record: Option<SessionRecord>,
        of_app: Option<usize>,
    ) -> Result<(usize, Greeting), Error> {
        let (debts, list) = join!(self.debts_if_ready(user), self.default_list_for(user));
        let (turn, list) = list?;
        let (sessions, arrival, stored) = {
            let mut directory = self.directory.lock();
            let sessions = self.add(&mut directory, user, &session, (list, of_app))?;
            let (arrival, came) = self.came(user, session.clone(), visible.clone());
            self.withhold(user.app, |withheld| withheld.came(user));
            let kept = record.zip(debts).map(|(record, debts)| debts.keep(user, session.clone(), record));
            (sessions, arrival, [came, kept])
        };
        drop(turn);
        done(stored).await;
        let greeting = self.greet(user, &session, visible, arrival).await;
        Ok((sessions, greeting))
    }

    /// The user's default privacy list, which does not change before the turn is given up: what is told to his sessions is
    /// judged by it.
    pub async fn default_list_for(&self, user: UserKey) -> Result<(Turn<'_>, Option<Arc<List>>), Error> {
        let turn = self.list_turn(user).await;
        let list = self.read_default_list(user).await?;
        Ok((turn, list))
    }

    /// `list`: of the user. It may have been forgotten while nobody of his was here.
    fn add(
        &self,
        directory: &mut Directory,
        user: UserKey,
        session: &SessionKey,
        (list, of_app): (Option<Arc<List>>, Option<usize>),
    ) -> Result<usize, Error> {
        self.check_here(user.app)?;
        self.check_edge(session)?;
        let sessions = directory.add(user, session.clone(), of_app).map_err(|over| {
            self.offenders.user(Offence::Quota, user.app.0, user.user.0, self.clock.now_ms());
            self.refusal(over, of_app)
        })?;
        self.defaults.lock().put(user, list);
        self.meters.sessions.set(directory.len() as i64);
        Ok(sessions)
    }

    fn refusal(&self, over: TooManySessions, of_app: Option<usize>) -> Error {
        match over {
            TooManySessions::OfUser => Error::TooManySessions { of: "user", max: self.options.sessions_per_user_max },
            TooManySessions::OfApp => {
                Error::TooManySessions { of: "app", max: of_app.unwrap_or(self.options.sessions_per_app_max) }
            }
        }
    }

    /// A session that ended with a goodbye.
    pub async fn close(&self, user: UserKey, session: SessionKey) -> usize {
        let debts = self.debts_if_ready(user).await;
        let (sessions, ended, stored) = {
            let mut directory = self.directory.lock();
            let sessions = directory.remove(user, &session);
            self.meters.sessions.set(directory.len() as i64);
            self.leave_rooms(user.user, &session);
            let (ended, left) = self.left(user, &session);
            (sessions, ended, [left, debts.map(|debts| debts.close(user, &session))])
        };
        self.departed.notify_waiters();
        done(stored).await;
        if let Some(ended) = ended {
            self.tell_ended(ended).await;
        }
        sessions
    }

    /// A session that died. What it had proved at last may come with it.
    pub async fn vanish(&self, user: UserKey, session: SessionKey, record: Option<SessionRecord>) -> usize {
        let debts = self.debts_if_ready(user).await;
        let (sessions, stored) = {
            let mut directory = self.directory.lock();
            let sessions = directory.remove(user, &session);
            self.meters.sessions.set(directory.len() as i64);
            self.leave_rooms_later(user, session.clone());
            self.died(user, session.clone());
            if let Some((record, debts)) = record.zip(debts) {
                // Enqueued before the debt, which replaces it.
                drop(debts.keep(user, session.clone(), record));
            }
            (sessions, [debts.map(|debts| debts.vanish(user, &session))])
        };
        self.departed.notify_waiters();
        done(stored).await;
        sessions
    }

    /// What a session has proved. Of a session that has ended it is too late, and nothing happens.
    pub async fn record(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Result<(), Error> {
        self.debts.ready(Some(user)).await?;
        let stored = {
            let directory = self.directory.lock();
            directory.has(user, &session).then(|| self.debts.keep(user, session, record))
        };
        match stored {
            Some(stored) => Ok(stored.await?),
            None => Ok(()),
        }
    }

    /// How far a user is from what a dialog tells; nothing if he has no session. A session of which nothing is kept counts as one
    /// that can prove and did not.
    pub fn attention(&self, user: UserKey, dialog: &[u8]) -> Option<Attending> {
        let directory = self.directory.lock();
        let mut attending = Attending { user: user.user.0, ..Attending::default() };
        for (session, attention) in directory.sessions(user)? {
            let standing = self.debts.standing(user, session, dialog);
            let is_active = attention == Attention::Active;
            attending.active |= is_active;
            attending.unproving |= is_active && standing.unproving;
            attending.proved = attending.proved.max(standing.proved);
        }
        Some(attending)
    }

    /// The debts, unless the store cannot be read: then sessions come and go without.
    pub async fn debts_if_ready(&self, user: UserKey) -> Option<&dyn Debts> {
        self.debts.ready(Some(user)).await.ok().map(|()| &*self.debts)
    }
}

/// Waits for the store, and does not mind its failure: memory has the change, so it only matters if the
/// process dies as well. Then an older record stands for the session, and its client gets once more what it had, under
/// the same ids.
pub(crate) async fn done(stored: impl IntoIterator<Item = Option<Stored>>) {
    for stored in stored.into_iter().flatten() {
        let _ = stored.await;
    }
}
