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
        self.news.say(user, true, self.clock.now_ms());
        (arrival, Some(self.seen.came(user, self.clock.now_ms())))
    }

    /// A session is available, as it was before: told to nobody but those who began to watch meanwhile.
    pub fn came_again(&self, user: UserKey, session: SessionKey, visible: Visible) -> (Arrival, Option<Stored>) {
        let mut activity = self.activity.lock();
        let arrival = activity.arrive(user, session, visible);
        if arrival != Arrival::First {
            return (arrival, None);
        }
        self.tell_watchers(user, 0, self.unaware(user.app, activity.watchers(user)));
        (arrival, Some(self.seen.came(user, self.clock.now_ms())))
    }

    /// A session ended with a goodbye, or is not available any more. What contacts are to be told of it, if it can be told.
    pub fn left(&self, user: UserKey, session: &SessionKey) -> (Option<Ended>, Option<Stored>) {
        let mut activity = self.activity.lock();
        match activity.leave(self.clock.now_ms(), user, session) {
            Some(ended) => self.ended(&activity, ended),
            None => (None, None),
        }
    }

    /// A session died: nobody is told before its grace is over.
    pub fn died(&self, user: UserKey, session: SessionKey) {
        self.activity.lock().vanish(self.clock.now_ms(), user, session);
    }

    /// Sessions that died long enough ago are not there any more.
    pub fn expire_activity(&self) -> Vec<(Option<Ended>, Option<Stored>)> {
        let mut activity = self.activity.lock();
        let ended = activity.expire(self.clock.now_ms() - self.options.grace_ms());
        ended.into_iter().map(|ended| self.ended(&activity, ended)).collect()
    }

    /// Tells of an end that was withheld, if the user is not there.
    pub fn tell_watchers_late(&self, ended: &Ended) {
        let activity = self.activity.lock();
        if let Some(seen_at) = ended.seen_at.filter(|_| !activity.is_there(ended.user)) {
            self.tell_watchers(ended.user, seen_at, activity.watchers(ended.user));
            self.news.say(ended.user, false, seen_at);
        }
    }

    /// When a user who is not there was, unix milliseconds; nothing if he is there. `asker`: who must be let through to him.
    pub async fn last_activity(&self, user: UserKey, asker: Option<UserKey>) -> Result<Option<i64>, Error> {
        if let Some(asker) = asker {
            self.check_passes(asker, user, Passing::Iq).await?;
        }
        if self.activity.lock().is_there(user) {
            return Ok(None);
        }
        if self.is_learning(user.app) {
            return Err(Error::Learning);
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
            return Err(self.not_announced(watcher.app));
        }
        let max = self.options.watched_per_session_max;
        self.activity.lock().watch(watcher, session, user, enable).map_err(|_| Error::TooManyWatched { max })
    }

    // Under the lock of the activity: what is told of a user is told in the order it happened.
    fn ended(&self, activity: &activity::Activity, ended: Ended) -> (Option<Ended>, Option<Stored>) {
        let user = ended.user;
        let stored = ended.seen_at.map(|seen_at| self.seen.left(user, seen_at));
        // With another session he may be there.
        if self.withhold(user.app, |withheld| withheld.ended(ended.clone())) {
            return (None, stored);
        }
        if let Some(seen_at) = ended.seen_at {
            self.tell_watchers(user, seen_at, activity.watchers(user));
            self.news.say(user, false, seen_at);
        }
        (Some(ended), stored)
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
