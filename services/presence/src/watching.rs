//! Users who come and go: each change in one step with the directory, then it is kept, and whoever watches the user is told by a
//! frame, on the way that all frames take.

use natter_bus::Payload;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Activity, Frame};
use natter_proto::subject::Subject;
use natter_proto::{AppId, UserId};

use crate::activity::{self, Arrival, Ended, Visible};
use crate::debts::Stored;
use crate::error::Error;
use crate::privacy::Passing;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

impl Shared {
    /// A session became available. To be called under the lock of the directory, as the next two.
    pub fn came(&self, user: UserKey, session: SessionKey, visible: Visible) -> (Arrival, Option<Stored>) {
        let mut activity = self.activity.lock();
        let arrival = activity.arrive(user, session, visible);
        if arrival != Arrival::First {
            return (arrival, None);
        }
        self.tell_watchers(user, 0, activity.watchers(user));
        (arrival, Some(self.seen.came(user, self.clock.now_ms())))
    }

    /// A session ended with a goodbye, or is not available any more.
    pub fn left(&self, user: UserKey, session: &SessionKey) -> Option<(Ended, Option<Stored>)> {
        let mut activity = self.activity.lock();
        let ended = activity.leave(self.clock.now_ms(), user, session)?;
        let stored = self.ended(&activity, &ended);
        Some((ended, stored))
    }

    /// A session died: nobody is told before its grace is over.
    pub fn died(&self, user: UserKey, session: SessionKey) {
        self.activity.lock().vanish(self.clock.now_ms(), user, session);
    }

    /// Sessions that died long enough ago are not there any more.
    pub fn expire_activity(&self) -> Vec<(Ended, Option<Stored>)> {
        let mut activity = self.activity.lock();
        let ended = activity.expire(self.clock.now_ms() - self.options.grace_ms());
        let stored: Vec<Option<Stored>> = ended.iter().map(|ended| self.ended(&activity, ended)).collect();
        ended.into_iter().zip(stored).collect()
    }

    /// When a user who is not there was, unix milliseconds; nothing if he is there. `asker`: who must be let through to him.
    pub async fn last_activity(&self, user: UserKey, asker: Option<UserKey>) -> Result<Option<i64>, Error> {
        if let Some(asker) = asker {
            self.check_passes(asker, user, Passing::Iq).await?;
        }
        if self.activity.lock().is_there(user) {
            return Ok(None);
        }
        self.seen.last(user).await?.ok_or(Error::NeverSeen).map(Some)
    }

    /// A session is told of a user from now on, or no more.
    pub async fn watch(&self, watcher: UserKey, session: SessionKey, user: UserKey, enable: bool) -> Result<(), Error> {
        if enable {
            self.check_passes(watcher, user, Passing::Iq).await?;
        }
        let directory = self.directory.lock();
        if !directory.has(watcher, &session) {
            return Err(Error::NotAnnounced);
        }
        let max = self.options.watched_per_session_max;
        self.activity.lock().watch(watcher, session, user, enable).map_err(|_| Error::TooManyWatched { max })
    }

    // Under the lock of the activity: what is told of a user is told in the order it happened.
    fn ended(&self, activity: &activity::Activity, ended: &Ended) -> Option<Stored> {
        let (user, seen_at) = (ended.user, ended.seen_at?);
        self.tell_watchers(user, seen_at, activity.watchers(user));
        Some(self.seen.left(user, seen_at))
    }

    fn tell_watchers(&self, user: UserKey, seen_at: i64, mut to: Vec<u64>) {
        to.retain(|watcher| self.may_watch(UserId(*watcher), user));
        if to.is_empty() {
            return;
        }
        self.publish(user.app, to, Told::Activity(Activity { user: user.user.0, seen_at }));
    }

    /// Tells something that is about no dialog.
    pub fn publish(&self, app: AppId, to: Vec<u64>, told: Told) {
        let traceparent = natter_telemetry::traceparent();
        let frame = Frame { app: app.0, to, traceparent, told: Some(told), ..Frame::default() };
        self.bus.publish(&Subject::Told.to_string(), Payload::of(frame));
    }
}
