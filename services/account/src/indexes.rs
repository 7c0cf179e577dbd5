//! The indexes in memory, one per app: read from the rows when an app is first asked for a list, moved by each change, and
//! bounded in users and in apps.
//!
//! The lock of an index is held while a list is answered, at worst while each of its users is looked at: that is why the number
//! of users has a bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::index::{Index, Page, Progress, Query};
use crate::metrics::Metrics;
use crate::store::{UserRow, Users};

/// Rows of one read while an index is made.
const ROWS: usize = 1_000;

/// The indexes of the apps that were asked for lists.
pub struct Indexes {
    apps: Mutex<BTreeMap<u64, Arc<OfApp>>>,
    users_max: usize,
    apps_max: usize,
    /// Counts lists, to know which app was asked least recently.
    asked: AtomicU64,
    metrics: Metrics,
}

struct OfApp {
    state: Mutex<State>,
    /// One reads the rows while the others wait. Who gives up leaves what was read to the next.
    turn: Semaphore,
    asked: AtomicU64,
}

enum State {
    Open(Index),
    /// The app has more users than are indexed. Nothing is kept of them.
    Over,
}

/// What a list needs next.
enum Step {
    Done(Page),
    /// The rows above this id.
    Rows(u64),
    Refused,
}

impl Indexes {
    /// No index yet.
    pub fn new(users_max: usize, apps_max: usize, metrics: Metrics) -> Indexes {
        Indexes { apps: Mutex::default(), users_max, apps_max: apps_max.max(1), asked: AtomicU64::new(0), metrics }
    }

    /// Answers a list, after the rows were read if need be.
    pub async fn list(&self, app: u64, query: &Query, users: &dyn Users) -> Result<Page, Error> {
        let index = self.of_app(app);
        let mut turn = None;
        loop {
            let step = index.state.lock().step(query);
            match step {
                Step::Done(page) => return Ok(page),
                Step::Refused => {
                    self.metrics.lists_refused.inc();
                    return Err(Error::UsersTooMany(self.users_max));
                }
                Step::Rows(_) if turn.is_none() => turn = index.turn.acquire().await.ok(),
                Step::Rows(above) => {
                    let rows = users.user_page(app, above, ROWS).await?;
                    let mut state = index.state.lock();
                    state.change(self.users_max, |index| index.absorb(&rows));
                    if rows.is_empty() {
                        self.metrics.index_loads.inc();
                    }
                }
            }
        }
    }

    /// A user was added, changed or deleted. Called in the same step as the write, before it is answered.
    pub fn changed(&self, row: &UserRow) {
        let Some(index) = self.known(row.user.app) else { return };
        let mut state = index.state.lock();
        // With one user less it may fit again.
        if row.deleted && matches!(*state, State::Over) {
            *state = State::Open(Index::default());
        }
        state.change(self.users_max, |index| index.put(row));
    }

    /// A user made a request at `at`, unix milliseconds.
    pub fn seen(&self, app: u64, user: u64, at: i64) {
        if let Some(index) = self.known(app) {
            index.state.lock().change(self.users_max, |index| index.seen(user, at));
        }
    }

    /// Drops an app's index. The next list reads the rows again.
    pub fn forget(&self, app: u64) {
        self.apps.lock().remove(&app);
    }

    fn known(&self, app: u64) -> Option<Arc<OfApp>> {
        self.apps.lock().get(&app).cloned()
    }

    fn of_app(&self, app: u64) -> Arc<OfApp> {
        let now = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut apps = self.apps.lock();
        if !apps.contains_key(&app) && apps.len() >= self.apps_max {
            let idle = apps.iter().min_by_key(|(_, index)| index.asked.load(Ordering::Relaxed)).map(|(app, _)| *app);
            idle.map(|idle| apps.remove(&idle));
        }
        let fresh = || {
            let state = Mutex::new(State::Open(Index::default()));
            Arc::new(OfApp { state, turn: Semaphore::new(1), asked: AtomicU64::new(now) })
        };
        let index = apps.entry(app).or_insert_with(fresh);
        index.asked.store(now, Ordering::Relaxed);
        index.clone()
    }
}

impl State {
    fn step(&mut self, query: &Query) -> Step {
        let State::Open(index) = self else { return Step::Refused };
        match index.progress() {
            Progress::Done => Step::Done(index.list(query)),
            Progress::Upto(above) => Step::Rows(above),
        }
    }

    // Ids of deleted users are remembered, as many as there may be users; then the rows are read again.
    fn change(&mut self, users_max: usize, change: impl FnOnce(&mut Index)) {
        let State::Open(index) = self else { return };
        change(index);
        if index.users() > users_max {
            *self = State::Over;
        } else if index.progress() == Progress::Done && index.entries() - index.users() > users_max {
            *self = State::Open(Index::default());
        }
    }
}
