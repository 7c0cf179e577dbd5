//! Alerts for those whom nothing reached: on which devices users want them, who is to be alerted of a message, and what became
//! of it.
//!
//! The parts, in the order a message meets them: [`mod@intake`] reads the durable log of what was posted and makes of each
//! message one alert per member who has a device; [`mod@decision`] (pure) says whether he is to be alerted, and when;
//! [`mod@alerts`] keeps the alerts that are due, and what was decided and tried; [`mod@delivery`] decides again when an alert is
//! due ([`mod@flights`]: whose goes next), and sends it ([`mod@attempts`]), by whoever carries it ([`mod@providers`],
//! [`mod@provider`]), with the app's credentials ([`mod@wallet`]).
//!
//! What an alert says (pure): [`mod@occasion`], what it is about and what of that may leave; [`mod@template`], the app's words for it;
//! [`mod@text`], the alert that comes of both. [`mod@policy`] is what an app has set of it all, [`mod@settings`] where that is kept,
//! [`mod@policies`] what is known of it. Beside them [`mod@subscription`] (pure) and [`mod@store`]: the devices; [`mod@event`] (pure) and
//! [`mod@events`]: what users send to devices themselves; [`mod@request`] (pure): who asks to be a contact; [`mod@ring`] (pure)
//! and [`mod@ringing`]: who calls; [`mod@credential`] (pure), [`mod@vault`] and [`mod@seal`]: who apps are to the
//! providers; and [`mod@hops`]: what every service tells of the ways of messages.
//!
//! And [`mod@hooks`]: what happens in an app, told to servers of its maker.
//!
//! Invariants:
//! - An entry of the log is forgotten in the step in which its alerts are kept, or after it: no message is without its alerts, whatever dies.
//! - An alert is removed in the step in which its end is noted, or after it. A crash between a provider's answer and that step repeats the
//!   request, under the same collapse id: the user sees one.
//! - At the end somebody looks: each decision has a reason in the journal, each attempt the provider's answer.
//! - Alerts of one app that wait are bounded. Over it the oldest is dropped, noted and counted; never the message.
//! - Credentials are kept sealed and told to nobody but the providers.
//! - No text of a message is kept here, or logged. It is read when the alert is sent, as it is then. Of an event its maker's words are
//!   kept, for some days.
//! - Whatever a tenant wrote, an alert says something, and costs a bounded time.
//!
//! Not here: the order of messages (dialog), who is connected (presence), what is read (history). What hangs holds up its app
//! alone.

mod alerts;
mod attempts;
mod by_app;
mod calls;
mod credential;
mod decision;
mod delivery;
mod error;
mod event;
mod events;
mod flights;
mod hooks;
mod hops;
mod ids;
mod intake;
mod metrics;
mod neighbours;
mod occasion;
mod options;
mod policies;
mod policy;
pub mod provider;
mod providers;
mod request;
mod ring;
mod ringing;
mod rpc;
mod seal;
mod service;
mod settings;
mod stamps;
mod store;
mod subscription;
mod template;
mod text;
mod vault;
mod wallet;
mod writes;

pub use options::{Options, WebhookOptions};
pub use providers::Providers;
pub use seal::Keys;
pub use service::{Links, Owns, Parts, Service};

/// The tables of this service on ScyllaDB, in the order in which they are made.
pub const TABLES: &[natter_db::cql::Migration] = &[
    settings::TABLES,
    store::TABLES,
    vault::TABLES,
    hops::TABLES,
    events::TABLES,
    alerts::TABLES,
    hooks::registry::TABLES,
    hooks::queue::TABLES,
];
