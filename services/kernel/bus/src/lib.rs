//! Publish and subscribe between services: events go up over the bus, calls go down over links. And a durable log ([`Log`]) for
//! the events that a reader must not miss while it is away.
//!
//! The idea: whoever publishes knows no subscriber, never waits for one and never fails. **The bus is a hint, the stores are
//! the truth**: what is lost here is found there, so a subscriber that is too slow loses the newest and everybody else
//! nothing. In one process the topics are local; between processes NATS carries them.
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
//! - A subscription hears what this process publishes after [`Bus::subscribe`] returned, and what others do soon after; nothing else.
//! - No threads and no clock: local topics give the same order in every run of a simulation.

mod inbox;
mod log;
mod nats;
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
pub use faulty::{Faults, Ways};
pub use inbox::{BYTES_MAX, MESSAGES_MAX};
pub use log::{Entry, LANES, Log, LogOptions, lane_of};
use nats::Nats;
pub use nats::NatsOptions;
pub use payload::Payload;
pub use subscription::Subscription;
use topics::Topics;

/// Carries events between services. Clone; all clones are the same bus.
#[derive(Clone)]
pub enum Bus {
    /// Within one process.
    Local(Arc<Topics>),
    /// Between processes.
    Nats(Arc<Nats>),
    /// Within one process, with losses and delays.
    #[cfg(feature = "testing")]
    Faulty(Arc<faulty::Faulty>),
    /// Of one simulated process among several.
    #[cfg(feature = "testing")]
    Apart(Arc<faulty::Apart>),
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Bus {
        Bus::Local(Arc::new(Topics::default()))
    }

    /// A bus to all processes that reach the same servers. It connects now or later, and again whenever it has to. Within a tokio runtime.
    ///
    /// # Errors
    /// A file that the options name cannot be read, or is not what it should be.
    pub async fn nats(options: &NatsOptions) -> std::io::Result<Bus> {
        Ok(Bus::Nats(Arc::new(Nats::connect(options).await?)))
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
            Bus::Nats(nats) => nats.publish(subject, payloads),
            #[cfg(feature = "testing")]
            Bus::Faulty(faulty) => payloads.iter().for_each(|payload| faulty.publish(subject, payload.clone())),
            #[cfg(feature = "testing")]
            Bus::Apart(apart) => payloads.iter().for_each(|payload| apart.publish(subject, payload)),
        }
    }

    /// Listens to `subject` from here on.
    pub fn subscribe(&self, subject: &str) -> Subscription {
        if let Bus::Nats(nats) = self {
            nats.listen(subject);
        }
        Subscription::begin(self.topics(), subject)
    }

    /// Whether others can be reached: a server answered just now. Waits for the answer.
    pub async fn is_reached(&self) -> bool {
        match self {
            Bus::Nats(nats) => nats.is_reached().await,
            #[cfg(feature = "testing")]
            Bus::Apart(apart) => apart.is_reached(),
            _ => true,
        }
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
        if let Bus::Nats(nats) = self {
            nats.observe(metrics);
        }
    }

    fn topics(&self) -> &Arc<Topics> {
        match self {
            Bus::Local(topics) => topics,
            Bus::Nats(nats) => &nats.topics,
            #[cfg(feature = "testing")]
            Bus::Faulty(faulty) => faulty.topics(),
            #[cfg(feature = "testing")]
            Bus::Apart(apart) => apart.topics(),
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bus")
    }
}
