//! Apps that this process takes over and gives up: what it asks of the edges, sessions that they announce again, and what is told
//! when it is known who is there (decision 0033).

use natter_bus::Payload;
use natter_cluster::{SHARDS, Shard};
use natter_proto::cluster::v1::Learn;
use natter_proto::presence::v1::{Again, SessionRecord};
use natter_proto::subject::Subject;
use natter_proto::{AppId, DialogId, UserId};

use crate::activity::{Arrival, Visible};
use crate::error::Error;
use crate::ownership::Standing;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};
use crate::withheld::Withheld;

impl Shared {
    // === whose an app is ===

    pub fn standing(&self, app: AppId) -> Standing {
        self.ownership.lock().of(app)
    }

    pub fn is_learning(&self, app: AppId) -> bool {
        self.standing(app) == Standing::Learning
    }

    /// Refuses what is about an app of another process.
    pub fn check_here(&self, app: AppId) -> Result<(), Error> {
        if self.standing(app) == Standing::Elsewhere { Err(Error::Elsewhere) } else { Ok(()) }
    }

    /// Refuses to say who is not there before it is known.
    pub fn check_known(&self, app: AppId) -> Result<(), Error> {
        if self.is_learning(app) { Err(Error::Learning) } else { Ok(()) }
    }

    /// Why nothing is done for a session that is not there.
    pub fn not_announced(&self, app: AppId) -> Error {
        if self.is_learning(app) { Error::Learning } else { Error::NotAnnounced }
    }

    /// Takes over the apps that should be here, and forgets those that should not. Nobody is told of that: whoever has them learns it.
    pub fn believe(&self) {
        let here: Vec<bool> = (0..SHARDS).map(|shard| self.own.has(Shard(shard))).collect();
        // Under its lock, so that no session is put where its app was given up.
        let mut directory = self.directory.lock();
        let lost = self.ownership.lock().believe(self.clock.now_ms(), |shard| here[usize::from(shard.0)]);
        if lost.is_empty() {
            return;
        }
        tracing::info!(shards = lost.len(), "apps are given up to another process");
        let is_lost = |app: AppId| lost.binary_search(&Shard::of_app(app)).is_ok();
        directory.forget(is_lost);
        self.meters.sessions.set(directory.len() as i64);
        let mut rooms = self.rooms.lock();
        rooms.forget(is_lost);
        self.meters.rooms.set(rooms.len() as i64);
        drop(rooms);
        self.activity.lock().forget(is_lost);
        self.defaults.lock().forget(|user| !is_lost(user.app));
        drop(self.withheld.lock().take(is_lost));
        self.debts.forget(&is_lost);
        drop(directory);
        // Who waits for the end of a session waits for nothing.
        self.departed.notify_waiters();
    }

    /// Asks the edges for the sessions of apps that were taken over. An edge answers once, however often it is asked.
    pub fn ask_edges(&self) {
        let questions = self.ownership.lock().questions();
        for (number, shards) in questions {
            let shards = shards.into_iter().map(|shard| u32::from(shard.0)).collect();
            let learn = Learn { by: self.own.run(), number, shards };
            self.bus.publish(&Subject::Learn.to_string(), Payload::of(learn));
        }
    }

    /// Ends the learning of apps whose time is over, and tells what was withheld of them and is so.
    pub async fn settle_apps(&self) {
        let (ended, left) = {
            // Under its lock, so that nothing is withheld of what is known.
            let mut withheld = self.withheld.lock();
            let settled = self.ownership.lock().settle(self.clock.now_ms());
            if settled.is_empty() {
                return;
            }
            tracing::info!(shards = settled.len(), "apps that were taken over are known");
            withheld.take(|app| settled.binary_search(&Shard::of_app(app)).is_ok())
        };
        self.tell_withheld(left);
        for ended in ended {
            self.tell_watchers_late(&ended);
            self.tell_ended(ended).await;
        }
    }

    /// Withholds something of an app, if it is being learned. Whether it is.
    pub fn withhold(&self, app: AppId, withhold: impl FnOnce(&mut Withheld)) -> bool {
        let mut withheld = self.withheld.lock();
        let is_learning = self.is_learning(app);
        if is_learning {
            withhold(&mut withheld);
        }
        is_learning
    }

    // === sessions ===

    /// Those of these users who are to hear of what was so before: while an app is learned, who came meanwhile. Later, all: something else
    /// may have been told of it since.
    pub fn unaware(&self, app: AppId, users: Vec<u64>) -> Vec<u64> {
        if self.is_learning(app) { self.withheld.lock().newcomers(app, users) } else { users }
    }

    /// A session that was there before its app was taken over. `visible`: it is available. Gives how many its user has.
    pub async fn arrive_again(
        &self,
        user: UserKey,
        session: SessionKey,
        visible: Option<Visible>,
        record: Option<SessionRecord>,
        again: Again,
    ) -> Result<usize, Error> {
        // It would be known to one who may not have the app a moment later, and not to the one who asked.
        if !again.by.is_empty() && again.by != self.own.run() {
            return Err(Error::Elsewhere);
        }
        let dialogs: Vec<DialogId> = again.rooms.iter().filter_map(|dialog| DialogId::try_from(dialog.as_slice()).ok()).collect();
        let debts = self.debts_if_ready(user).await;
        let (turn, list) = self.default_list_for(user).await?;
        let (sessions, arrival, stored) = {
            let mut directory = self.directory.lock();
            self.check_here(user.app)?;
            self.check_edge(&session)?;
            self.ownership.lock().heard(self.clock.now_ms());
            let sessions = directory.put_back(user, session.clone());
            self.defaults.lock().put(user, list);
            self.meters.sessions.set(directory.len() as i64);
            directory.set_inactive(user, &session, again.inactive);
            let (arrival, came) = match visible.clone() {
                Some(visible) => self.came_again(user, session.clone(), visible),
                None => (Arrival::Again, None),
            };
            self.enter_again(&dialogs, user, &session);
            self.watch_again(user, &session, &again.watched);
            let kept = record.zip(debts).map(|(record, debts)| debts.revive(user, session, record));
            (sessions, arrival, [came, kept])
        };
        drop(turn);
        crate::sessions::done(stored).await;
        if let Some(visible) = visible.filter(|_| arrival != Arrival::Again) {
            self.greet_newcomers(user, visible).await;
        }
        Ok(sessions)
    }

    /// Whom a session watched. Over the bound the rest is left out.
    fn watch_again(&self, watcher: UserKey, session: &SessionKey, watched: &[u64]) {
        let mut activity = self.activity.lock();
        for user in watched {
            let user = UserKey { app: watcher.app, user: UserId(*user) };
            if activity.watch(watcher, session.clone(), user, true).is_err() {
                return;
            }
        }
    }
}
