//! What is known here of webhooks: which an app has, as they were found a moment ago, and how far each of those that this process sends
//! for has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_proto::push::v1::{WebhookRow, WebhookState};
use parking_lot::Mutex;

use super::Place;
use super::queue::{Filled, Shelf};
use super::registry::Kept;
use crate::error::Error;
use crate::service::Shared;

/// How long what was found is used, milliseconds.
const FRESH_MS: i64 = 2_000;
/// Apps. Over it all are looked for again.
const APPS_MAX: usize = 16_384;
/// After that a process that sent for it before takes no step any more.
const SETTLED_MS: i64 = 60_000;

/// What is known.
#[derive(Default)]
pub struct Known {
    apps: Mutex<Apps>,
    pub lanes: Mutex<BTreeMap<Place, Lane>>,
    /// Two who look for the same lane at once would count twice.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Apps {
    /// And when it was found, unix milliseconds.
    found: BTreeMap<u64, (Arc<Vec<WebhookRow>>, i64)>,
    /// Grows with each change made here: who began to look before it may have found what was before it.
    changes: u64,
}

/// How far one webhook has come.
#[derive(Default)]
pub struct Lane {
    pub state: WebhookState,
    /// As far as is known.
    pub waiting: u64,
    pub parked: u64,
    /// Above every number that was given.
    pub next_number: u64,
    /// Nothing that waits has a number up to it.
    pub above: u64,
    /// When a round may have something to do, unix milliseconds.
    pub next_at: i64,
    pub is_running: bool,
    /// By dialog: what failed last, and when it is tried again.
    pub retries: BTreeMap<Vec<u8>, Retry>,
    /// Grows with each step that puts.
    pub puts: u64,
    /// When what waits too long was looked for last.
    pub looked_at: i64,
    /// When it is counted once more; 0: not again.
    again_at: i64,
    /// Who puts something has it: numbers lie in the store in the order in which they were given.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

/// A delivery that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    pub at: i64,
    pub tried: u32,
}

impl Known {
    /// Forgets what was found of an app: it was changed here.
    pub fn changed(&self, app: u64) {
        let mut apps = self.apps.lock();
        apps.changes += 1;
        apps.found.remove(&app);
    }

    /// Something of a lane, if it is known.
    pub fn of<T>(&self, place: Place, look: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.lanes.lock().get_mut(&place).map(look)
    }

    pub fn forget(&self, place: Place) {
        self.lanes.lock().remove(&place);
    }

    /// Forgets those of other processes, unless something of them is under way.
    pub fn leave(&self, owns: impl Fn(u64) -> bool) {
        self.lanes.lock().retain(|(app, _), lane| lane.is_running || owns(*app));
    }

    /// Those in which something may be due, which run from here on.
    pub fn start(&self, now: i64, owns: impl Fn(u64) -> bool) -> Vec<Place> {
        let mut lanes = self.lanes.lock();
        let due = lanes.iter_mut().filter(|((app, _), lane)| !lane.is_running && lane.next_at <= now && owns(*app));
        due.map(|(place, lane)| {
            (lane.is_running, lane.next_at) = (true, i64::MAX);
            *place
        })
        .collect()
    }

    /// When the next one may be due.
    pub fn next_at(&self) -> Option<i64> {
        self.lanes.lock().values().filter(|lane| !lane.is_running).map(|lane| lane.next_at).min().filter(|at| *at < i64::MAX)
    }

    /// A round has ended.
    pub fn landed(&self, place: Place, next_at: i64) {
        let ended = |lane: &mut Lane| (lane.is_running, lane.next_at) = (false, lane.next_at.min(next_at));
        self.of(place, ended);
    }
}

impl Shared {
    /// The webhooks of an app.
    pub async fn hooks_of(&self, app: u64) -> Result<Arc<Vec<WebhookRow>>, Error> {
        let now = self.clock.now_ms();
        let changes = {
            let apps = self.hooks.known.apps.lock();
            if let Some((rows, at)) = apps.found.get(&app)
                && (0..FRESH_MS).contains(&(now - at))
            {
                return Ok(Arc::clone(rows));
            }
            apps.changes
        };
        let kept = self.hooks.registry.rows.of_app(app).await?;
        Ok(self.hook_rows_found(kept, changes, now))
    }

    fn hook_rows_found(&self, kept: Kept, changes: u64, now: i64) -> Arc<Vec<WebhookRow>> {
        let (app, rows) = (kept.app, Arc::new(kept.rows));
        let mut apps = self.hooks.known.apps.lock();
        if apps.changes == changes {
            if apps.found.len() >= APPS_MAX && !apps.found.contains_key(&app) {
                apps.found.clear();
            }
            apps.found.insert(app, (Arc::clone(&rows), now));
        }
        rows
    }

    /// Finds how far a webhook has come, if that is not known here, or was found when another process may have been at it.
    pub async fn find_lane(&self, place: Place) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let is_found = |lane: &mut Lane| lane.again_at == 0 || lane.again_at > now;
        if self.hooks.known.of(place, is_found) == Some(true) {
            return Ok(());
        }
        let _looking = self.hooks.known.looking.lock().await;
        match self.hooks.known.of(place, |lane| (is_found(lane), Arc::clone(&lane.turn))) {
            Some((true, _)) => Ok(()),
            Some((false, turn)) => {
                let _turn = turn.lock().await;
                let (waiting, _) = self.filled(place).await?;
                self.hooks.known.of(place, |lane| {
                    // A round that runs says at its end how far it came: the next look counts again.
                    if !lane.is_running {
                        (lane.waiting, lane.above, lane.again_at) = (waiting.count, waiting.first.saturating_sub(1), 0);
                        lane.next_at = lane.next_at.min(now);
                    }
                });
                Ok(())
            }
            None => {
                let (waiting, parked) = self.filled(place).await?;
                let state = self.hooks.registry.states.of_app(place.0).await?.remove(&place.1).unwrap_or_default();
                let lane = Lane {
                    state,
                    waiting: waiting.count,
                    parked: parked.count,
                    next_number: waiting.last.max(parked.last) + 1,
                    above: waiting.first.saturating_sub(1),
                    next_at: if waiting.count > 0 { now } else { i64::MAX },
                    again_at: now + SETTLED_MS,
                    ..Lane::default()
                };
                self.hooks.known.lanes.lock().insert(place, lane);
                Ok(())
            }
        }
    }

    async fn filled(&self, place: Place) -> Result<(Filled, Filled), Error> {
        let upto = self.numbers_end();
        let waiting = self.hooks.queue.filled(place, Shelf::Waiting, upto).await?;
        Ok((waiting, self.hooks.queue.filled(place, Shelf::Parked, upto).await?))
    }

    /// No number that was given is above it.
    pub fn numbers_end(&self) -> u64 {
        // Clocks of processes may differ by some minutes.
        const AHEAD_MS: i64 = 10 * 60 * 1_000;
        u64::try_from(self.clock.now_ms() + AHEAD_MS).unwrap_or_default() * 1_000
    }
}
