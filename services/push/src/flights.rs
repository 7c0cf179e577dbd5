//! What of the alerts that are due is under way: whose are being sent, and who is next. Every app has places of its own, and a
//! page of alerts is read only when the one before was started, so that a long queue is not read again for each alert.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::alerts::Due;

/// A user of an app.
pub type Busy = (u64, u64);

/// One user's alerts that were sent: how many.
pub type Landed = (Busy, usize);

/// What is under way.
///
/// Invariant: of a user one flight at a time, so that his alerts keep their order.
pub struct Flights<'a> {
    running: FuturesUnordered<BoxFuture<'a, Landed>>,
    busy: BTreeSet<Busy>,
    apps: BTreeMap<u64, OfApp>,
    limits: Limits,
}

/// Users whose alerts are sent at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub of_app: usize,
    pub in_all: usize,
}

#[derive(Default)]
struct OfApp {
    users: usize,
    /// Alerts that are being sent: they stand in the store yet.
    alerts: usize,
    /// Read and not started: by user, the oldest alert first.
    waiting: VecDeque<(u64, Vec<Due>)>,
}

impl<'a> Flights<'a> {
    pub fn new(limits: Limits) -> Flights<'a> {
        Flights { running: FuturesUnordered::new(), busy: BTreeSet::new(), apps: BTreeMap::new(), limits }
    }

    /// How many users' alerts are being sent.
    pub fn len(&self) -> usize {
        self.busy.len()
    }

    /// Apps of which alerts were read and not started.
    pub fn waiting(&self) -> Vec<u64> {
        self.apps.iter().filter(|(_, of_app)| !of_app.waiting.is_empty()).map(|(app, _)| *app).collect()
    }

    /// How many alerts of an app are being sent, if more of it should be read.
    pub fn wants(&self, app: u64) -> Option<usize> {
        let of_app = self.apps.get(&app);
        let has_waiting = of_app.is_some_and(|of_app| !of_app.waiting.is_empty());
        (!has_waiting && self.room(app) > 0).then(|| of_app.map_or(0, |of_app| of_app.alerts))
    }

    /// Without those of users whose alerts are being sent: they are read again when that is over.
    pub fn fresh(&self, dues: Vec<Due>) -> Vec<Due> {
        dues.into_iter().filter(|due| !self.busy.contains(&(due.app, due.user))).collect()
    }

    /// Lets alerts wait for a place, in their order.
    pub fn wait(&mut self, app: u64, dues: Vec<Due>) {
        let (mut order, mut by_user) = (Vec::new(), BTreeMap::<u64, Vec<Due>>::new());
        for due in dues {
            let of_user = by_user.entry(due.user).or_default();
            if of_user.is_empty() {
                order.push(due.user);
            }
            of_user.push(due);
        }
        if !order.is_empty() {
            let next = order.into_iter().filter_map(|user| Some((user, by_user.remove(&user)?)));
            self.apps.entry(app).or_default().waiting.extend(next);
        }
    }

    /// Starts those of an app for which there is a place.
    pub fn start(&mut self, app: u64, fly: impl Fn(Busy, Vec<Due>) -> BoxFuture<'a, Landed>) {
        let mut room = self.room(app);
        let Some(of_app) = self.apps.get_mut(&app) else { return };
        while room > 0
            && let Some((user, dues)) = of_app.waiting.pop_front()
        {
            (of_app.users, of_app.alerts, room) = (of_app.users + 1, of_app.alerts + dues.len(), room - 1);
            self.busy.insert((app, user));
            self.running.push(fly((app, user), dues));
        }
    }

    /// Waits until one lands; for ever if none is under way. Dropped while it waits, nothing is lost.
    pub async fn landed(&mut self) {
        let Some(((app, user), alerts)) = self.running.next().await else { return std::future::pending().await };
        self.busy.remove(&(app, user));
        if let Some(of_app) = self.apps.get_mut(&app) {
            (of_app.users, of_app.alerts) = (of_app.users - 1, of_app.alerts.saturating_sub(alerts));
            if of_app.users == 0 && of_app.waiting.is_empty() {
                self.apps.remove(&app);
            }
        }
    }

    fn room(&self, app: u64) -> usize {
        let users = self.apps.get(&app).map_or(0, |of_app| of_app.users);
        self.limits.of_app.saturating_sub(users).min(self.limits.in_all.saturating_sub(self.busy.len()))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use natter_proto::{DialogId, MessageId};

    use super::*;
    use crate::alerts::Source;

    #[tokio::test]
    async fn a_user_flies_once_at_a_time_and_an_app_so_often() {
        let mut flights = Flights::new(Limits { of_app: 2, in_all: 3 });
        assert_eq!(flights.wants(1), Some(0));
        flights.wait(1, vec![due(1, 5, 1), due(1, 6, 2), due(1, 5, 3), due(1, 7, 4)]);
        assert_eq!((flights.wants(1), flights.waiting()), (None, vec![1]), "what was read comes first");
        flights.start(1, hang);
        assert_eq!((flights.len(), flights.wants(1)), (2, None), "7 waits");
        assert_eq!(flights.fresh(vec![due(1, 5, 9), due(1, 8, 9), due(2, 5, 9)]), [due(1, 8, 9), due(2, 5, 9)]);
        flights.wait(2, vec![due(2, 5, 1), due(2, 6, 1)]);
        flights.start(2, hang);
        assert_eq!(flights.len(), 3, "there is a place for one in all");
        assert_eq!(flights.landed().now_or_never(), None);
    }

    #[tokio::test]
    async fn what_lands_makes_room_and_is_counted_no_more() {
        let mut flights = Flights::new(Limits { of_app: 1, in_all: 9 });
        flights.wait(1, vec![due(1, 5, 1), due(1, 5, 2), due(1, 6, 3)]);
        flights.start(1, land);
        assert_eq!(flights.len(), 1);
        flights.landed().await;
        assert_eq!((flights.len(), flights.waiting()), (0, vec![1]));
        flights.start(1, hang);
        assert_eq!((flights.waiting(), flights.wants(1)), (vec![], None));
        let mut other = Flights::new(Limits { of_app: 2, in_all: 9 });
        other.wait(1, vec![due(1, 5, 1), due(1, 5, 2)]);
        other.start(1, hang);
        assert_eq!(other.wants(1), Some(2), "two stand in the store yet");
    }

    fn hang(_: Busy, _: Vec<Due>) -> BoxFuture<'static, Landed> {
        std::future::pending().boxed()
    }

    fn land(busy: Busy, dues: Vec<Due>) -> BoxFuture<'static, Landed> {
        std::future::ready((busy, dues.len())).boxed()
    }

    fn due(app: u64, user: u64, at: i64) -> Due {
        let (dialog, message) = (DialogId([1; 12]), MessageId([1; 12]));
        let (place, source, sender, attempts) = (1, Source::Log, 1, 0);
        Due {
            app,
            at,
            user,
            dialog,
            place,
            source,
            message,
            sender,
            said_at: at,
            attempts,
            done: Vec::new(),
            traceparent: String::new(),
        }
    }
}
