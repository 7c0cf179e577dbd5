//! A local bus that loses and delays by a seed, for simulations on one thread with paused time.

use std::sync::Arc;
use std::time::Duration;

use natter_actor::Chance;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Bus;
use crate::payload::Payload;
use crate::topics::Topics;

/// How bad a bus is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// Of a thousand messages a subscription should hear, so many are lost.
    pub lost_per_mille: u32,
    /// Longest delay. Order is kept, as on a connection: who is late makes those behind late.
    pub delay_max: Duration,
}

/// The faults and the topics they are over. Reached through [`Bus`] only.
pub struct Faulty {
    topics: Arc<Topics>,
    faults: Mutex<Faults>,
    chance: Chance,
}

impl Bus {
    /// The same bus with faults: for what is published through the returned handle. Faults of a faulty bus are replaced.
    pub fn faulty(&self, faults: Faults, chance: Chance) -> Bus {
        Bus::Faulty(Arc::new(Faulty { topics: self.topics().clone(), faults: Mutex::new(faults), chance }))
    }

    /// Replaces the faults of a faulty bus, for all its handles. Of another one nothing happens.
    pub fn set_faults(&self, faults: Faults) {
        if let Bus::Faulty(faulty) = self {
            *faulty.faults.lock() = faults;
        }
    }
}

impl Faulty {
    pub(crate) fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    /// Draws anew for each subscription: one may hear what another misses.
    pub(crate) fn publish(&self, subject: &str, payload: Payload) {
        let Faults { lost_per_mille, delay_max } = *self.faults.lock();
        // As over a network.
        let payload = Payload::from(payload.to_bytes());
        let delay_max = delay_max.as_micros() as u64;
        for inbox in self.topics.listeners(subject).iter() {
            let lost = self.chance.below(1_000) < u64::from(lost_per_mille);
            let delay = Duration::from_micros(self.chance.below(delay_max + 1));
            if !lost {
                self.topics.deliver(inbox, std::slice::from_ref(&payload), Some(Instant::now() + delay));
            }
        }
    }
}

/// The ways from one process to the buses of others, itself among them.
pub trait Ways: Send + Sync {
    /// Which hear what it publishes now, and how long that takes. Draws anew each time.
    fn heard_by(&self) -> Vec<(Bus, Duration)>;
    /// Whether it reaches anybody.
    fn is_reached(&self) -> bool;
}

/// The bus of one process among several that are simulated together. Reached through [`Bus`] only.
pub struct Apart {
    topics: Arc<Topics>,
    ways: Arc<dyn Ways>,
}

impl Bus {
    /// A bus of a process of its own: what is published here is heard where the ways lead.
    pub fn apart(ways: Arc<dyn Ways>) -> Bus {
        Bus::Apart(Arc::new(Apart { topics: Arc::default(), ways }))
    }
}

impl Apart {
    pub(crate) fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.ways.is_reached()
    }

    pub(crate) fn publish(&self, subject: &str, payload: &Payload) {
        let payload = Payload::from(payload.to_bytes());
        for (bus, delay) in self.ways.heard_by() {
            for inbox in bus.topics().listeners(subject).iter() {
                bus.topics().deliver(inbox, std::slice::from_ref(&payload), Some(Instant::now() + delay));
            }
        }
    }
}
