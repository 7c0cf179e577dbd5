//! The ways to the providers: each app has its own to each, with so many under way and so many waiting. A provider that hangs fills
//! its own lane, and is then left alone for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use natter_proto::AppId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::backoff::{Circuit, Pass};
use super::outcome::Health;

/// Whom a lane leads to. Of Web Push, each service is a provider of its own: who subscribes chooses it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Provider {
    Apns,
    ApnsSandbox,
    Fcm,
    Web(String),
}

/// Lanes of one app to services of Web Push. A lane is kept only while it is used or its provider is unwell.
const LANES_PER_APP_MAX: usize = 1_000;

/// All lanes.
pub(super) struct Lanes {
    lanes: Mutex<BTreeMap<AppId, BTreeMap<Provider, Arc<Lane>>>>,
    started: Instant,
    in_flight_max: usize,
    waiting_max: usize,
}

struct Lane {
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    circuit: Circuit,
    waiting: usize,
    /// Waiting or under way.
    used: usize,
}

/// Why one may not ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Closed {
    /// So many wait already.
    Full,
    /// The app has too many lanes.
    TooMany,
    /// The provider is left alone for so long.
    Resting(Duration),
}

impl Lanes {
    pub fn new(in_flight_max: usize, waiting_max: usize) -> Lanes {
        Lanes { lanes: Mutex::default(), started: Instant::now(), in_flight_max, waiting_max }
    }

    /// A place to ask `provider` on behalf of `app`. Waits for it, if there is room to wait. May be dropped at any time.
    pub async fn enter(self: &Arc<Self>, app: AppId, provider: Provider) -> Result<Place, Closed> {
        let mut used = self.used(app, provider)?;
        let places = used.lane.places.clone();
        let permit = match places.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                used.wait(self.waiting_max)?;
                places.acquire_owned().await.map_err(|_| Closed::Full)?
            }
        };
        let now = self.now();
        let mut state = used.lane.state.lock();
        // Asked for now, not before the wait: who waited for a provider that hangs must not hang in turn.
        let pass = state.circuit.admit(now).map_err(Closed::Resting);
        drop(state);
        let pass = pass?;
        used.leave_the_queue();
        Ok(Place { used, pass, health: None, _permit: permit })
    }

    fn used(self: &Arc<Self>, app: AppId, provider: Provider) -> Result<Used, Closed> {
        let mut lanes = self.lanes.lock();
        let of_app = lanes.entry(app).or_default();
        if matches!(provider, Provider::Web(_)) && !of_app.contains_key(&provider) {
            make_room(of_app, self.now())?;
        }
        let fresh = || Arc::new(Lane { places: Arc::new(Semaphore::new(self.in_flight_max)), state: Mutex::default() });
        let lane = of_app.entry(provider.clone()).or_insert_with(fresh).clone();
        lane.state.lock().used += 1;
        Ok(Used { lanes: self.clone(), lane, app, provider, waits: false })
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.lanes.lock().values().map(BTreeMap::len).sum()
    }
}

// What is remembered of unwell providers goes before one that works is refused.
fn make_room(of_app: &mut BTreeMap<Provider, Arc<Lane>>, now: u64) -> Result<(), Closed> {
    if of_app.len() >= LANES_PER_APP_MAX {
        of_app.retain(|_, lane| lane.is_kept(now));
    }
    if of_app.len() >= LANES_PER_APP_MAX {
        of_app.retain(|_, lane| lane.state.lock().used > 0);
    }
    if of_app.len() >= LANES_PER_APP_MAX { Err(Closed::TooMany) } else { Ok(()) }
}

impl Lane {
    fn is_kept(&self, now: u64) -> bool {
        let state = self.state.lock();
        state.used > 0 || !state.circuit.is_fresh(now)
    }
}

/// One who waits or asks. Dropped, he is gone, and a lane that nobody needs with him.
struct Used {
    lanes: Arc<Lanes>,
    lane: Arc<Lane>,
    app: AppId,
    provider: Provider,
    waits: bool,
}

impl Used {
    fn wait(&mut self, waiting_max: usize) -> Result<(), Closed> {
        let now = self.lanes.now();
        let mut state = self.lane.state.lock();
        if let Some(left) = state.circuit.left(now) {
            return Err(Closed::Resting(left));
        }
        if state.waiting >= waiting_max {
            return Err(Closed::Full);
        }
        state.waiting += 1;
        drop(state);
        self.waits = true;
        Ok(())
    }

    fn leave_the_queue(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.lane.state.lock().waiting -= 1;
        }
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.leave_the_queue();
        let mut lanes = self.lanes.lanes.lock();
        self.lane.state.lock().used -= 1;
        let Some(of_app) = lanes.get_mut(&self.app) else { return };
        if !self.lane.is_kept(self.lanes.now()) {
            of_app.remove(&self.provider);
        }
        if of_app.is_empty() {
            lanes.remove(&self.app);
        }
    }
}

/// A place under way. Dropped, it is free; whether the provider answered is noted then.
pub(super) struct Place {
    used: Used,
    pass: Pass,
    health: Option<Health>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// What the answer says of the provider.
    pub fn answered(&mut self, health: Option<Health>) {
        self.health = health;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut chance = [0; 8];
        // Without chance all return at the same time, which is no reason not to return.
        let _ = getrandom::fill(&mut chance);
        let now = self.used.lanes.now();
        let mut state = self.used.lane.state.lock();
        state.circuit.note(now, self.pass, self.health, u64::from_ne_bytes(chance));
    }
}

#[cfg(test)]
#[path = "lanes/tests.rs"]
mod tests;
