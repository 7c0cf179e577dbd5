//! Publish and subscribe between services: events go up over the bus, calls go down over links. And a durable log ([`Log`]) for
//! the events that a reader must not miss while it is away.
//!
//! The idea: whoever publishes knows no subscriber, never waits for one and never fails. **The bus is a hint, the stores are
//! the truth**: what is lost here is found there, so a subscriber that is too slow loses the newest and everybody else
//! nothing. In one process the topics are local; the cluster adds NATS as one more variant of [`Bus`].
//!
//! The parts: [`Bus`]; [`Subscription`]; [`Payload`], bytes or a message that is spelled where it leaves the process; `topics`,
//! who listens to what; `inbox`, what waits for one subscription; [`Log`]; with the
//! feature `testing`, `faulty`: losses and delays by a seed. `contract.rs` is the suite that every variant runs.
//!
//! Invariants:
//! - What one publisher publishes on one subject reaches each subscription in that order, with gaps only where messages were
//!   dropped. Between publishers and between subjects there is no order.
//! - A subscription holds at most [`MESSAGES_MAX`] messages and [`BYTES_MAX`] bytes. What comes over that is dropped for it
//!   alone and counted in `natter_bus_dropped_total`.
//! - A subscription hears what is published after [`Bus::subscribe`] returned, and nothing else.
//! - No threads and no clock: local topics give the same order in every run of a simulation.

mod inbox;
mod log;
mod payload;
mod subscription;
mod topics;

#[cfg(test)]
mod contract;
#[cfg(feature = "testing")]
mod faulty;

use std::fmt;
use std::sync::Arc;

use natter_telemetry::Metrics;

#[cfg(feature = "testing")]
pub use faulty::Faults;
pub use inbox::{BYTES_MAX, MESSAGES_MAX};
pub use log::{Entry, Log};
pub use payload::Payload;
pub use subscription::Subscription;
use topics::Topics;

/// Carries events between services. Clone; all clones are the same bus.
#[derive(Clone)]
pub enum Bus {
    /// Within one process.
    Local(Arc<Topics>),
    /// Within one process, with losses and delays.
    #[cfg(feature = "testing")]
    Faulty(Arc<faulty::Faulty>),
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Bus {
        Bus::Local(Arc::new(Topics::default()))
    }

    /// Sends `payload` to all that listen to `subject`, which may be nobody. Never waits.
    pub fn publish(&self, subject: &str, payload: impl Into<Payload>) {
        self.publish_all(subject, &[payload.into()]);
    }

    /// The same with several, in their order: who listens is woken once.
    pub fn publish_all(&self, subject: &str, payloads: &[Payload]) {
        if payloads.is_empty() {
            return;
        }
        match self {
            Bus::Local(topics) => topics.publish(subject, payloads),
            #[cfg(feature = "testing")]
            Bus::Faulty(faulty) => payloads.iter().for_each(|payload| faulty.publish(subject, payload.clone())),
        }
    }

    /// Listens to `subject` from here on.
    pub fn subscribe(&self, subject: &str) -> Subscription {
        Subscription::begin(self.topics(), subject)
    }

    /// How many messages were dropped because a subscription was full.
    pub fn dropped(&self) -> u64 {
        self.topics().dropped.get()
    }

    /// Registers the metrics of this bus.
    pub fn observe(&self, metrics: &Metrics) {
        let dropped = self.topics().dropped.clone();
        metrics.register(|all| {
            let help = "Messages dropped because a subscription was full";
            all.sub_registry_with_prefix("natter_bus").register("dropped", help, dropped);
        });
    }

    fn topics(&self) -> &Arc<Topics> {
        match self {
            Bus::Local(topics) => topics,
            #[cfg(feature = "testing")]
            Bus::Faulty(faulty) => faulty.topics(),
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bus")
    }
}
