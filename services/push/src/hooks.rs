//! Webhooks: what happens in an app, told to servers of its maker (decision 0047).
//!
//! The parts, in the order in which something meets them: [`news`] (pure) makes of an entry of the durable log what is to be told;
//! [`intake`] puts it into the [`queue`] of each webhook that wants it; [`sending`] takes it from there, in rounds, one of a dialog after
//! the other, and [`pace`] (pure) says when a receiver that fails is asked again; [`body`] (pure) writes what is said, [`sign`] (pure)
//! signs it. [`registry`] keeps which webhooks there are, [`hook`] (pure) says what may be kept of one, [`calls`] changes them, [`known`]
//! remembers what of them is in use here, and [`telling`] tells everybody what is wanted.
//!
//! Invariants:
//! - What waits goes when it was delivered, parked or forgotten by an operator, and not before: a crash repeats a delivery, under the same id.
//! - Of one dialog the next is sent when the one before was delivered.
//! - What is kept here names what happened, and holds no text of anybody: that is read when it is sent, as it is then.
//! - Everything that waits is bounded. Over a bound the oldest is parked, and over that of the parked ones forgotten and counted.
//!
//! Not here: whether a message is posted. A receiver that hangs holds up its own webhook.

pub mod body;
mod calls;
pub mod event;
mod hook;
mod intake;
mod known;
mod news;
mod pace;
pub mod queue;
pub mod registry;
mod sending;
pub mod sign;
mod telling;

use std::collections::BTreeSet;

use natter_outbound::Outbound;
use parking_lot::Mutex;
use tokio::sync::Notify;

use known::Known;
use queue::Queue;
use registry::Registry;

use crate::options::WebhookOptions;

/// One webhook: its app, and its id.
pub type Place = (u64, u64);

/// What webhooks need.
pub struct Hooks {
    pub options: WebhookOptions,
    pub registry: Registry,
    pub queue: Box<dyn Queue>,
    pub receivers: Outbound,
    known: Known,
    /// Entries of the durable log whose news are in the queues, and that are not done with yet: app and number.
    taken: Mutex<BTreeSet<(u64, u64)>>,
    /// Something may be due.
    moved: Notify,
    /// What is wanted has changed here.
    changed: Notify,
}

impl Hooks {
    pub fn new(options: WebhookOptions, registry: Registry, queue: Box<dyn Queue>, receivers: Outbound) -> Hooks {
        let (known, taken) = (Known::default(), Mutex::default());
        Hooks { options, registry, queue, receivers, known, taken, moved: Notify::new(), changed: Notify::new() }
    }
}
