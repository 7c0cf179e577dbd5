//! What the push service is made of and what it starts: the door for links, whoever reads the durable log, whoever sends, and a
//! sweep of old notes, events, hops and older seals.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::Clock;
use natter_bus::{Bus, Log};
use natter_db::Kv;
use natter_proto::push::v1::alerting_server::AlertingServer;
use natter_proto::push::v1::credentials_server::CredentialsServer;
use natter_proto::push::v1::eraser_server::EraserServer;
use natter_proto::push::v1::events_server::EventsServer;
use natter_proto::push::v1::push_server::PushServer;
use natter_proto::trace::v1::traces_server::TracesServer;
use natter_rpc::Link;
use natter_telemetry::Metrics as Registry;
use tokio::sync::Notify;

use crate::alerts::{self, Alerts};
use crate::events::{self, Events};
use crate::hops::{self, Hops};
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::options::Options;
use crate::policies::Policies;
use crate::providers::Providers;
use crate::rpc::Rpc;
use crate::seal::Keys;
use crate::settings::{self, AlertSettings};
use crate::store::{Embedded, Subscriptions};
use crate::vault;
use crate::wallet::Wallet;

/// Between two looks for old notes.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How the operator is reached who says nothing of it.
const HERE: &str = "https://localhost";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// To the services below.
#[derive(Clone)]
pub struct Links {
    pub account: Link,
    pub dialog: Link,
    pub history: Link,
    pub presence: Link,
}

/// What the service is given.
pub struct Parts {
    pub db: Kv,
    /// Where hops of messages are told.
    pub bus: Bus,
    /// In the same store: what history and presence tell of. No one else reads it.
    pub posted: Log,
    pub links: Links,
    pub providers: Arc<dyn Providers>,
    /// Of what apps keep here that is secret.
    pub keys: Keys,
    pub clock: Clock,
    pub metrics: Registry,
}

/// Alerts. A handle: clones are the same service.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

/// What calls, intake and delivery work with.
pub(crate) struct Shared {
    pub options: Options,
    pub subscriptions: Box<dyn Subscriptions>,
    pub alerts: Box<dyn Alerts>,
    pub hops: Box<dyn Hops>,
    pub bus: Bus,
    pub events: Box<dyn Events>,
    pub settings: Box<dyn AlertSettings>,
    pub policies: Policies,
    pub ids: Ids,
    pub log: Log,
    pub neighbours: Neighbours,
    pub providers: Arc<dyn Providers>,
    pub wallet: Wallet,
    /// An alert may be due.
    pub moved: Notify,
    /// Something was noted.
    pub noted: Notify,
    pub clock: Clock,
    pub metrics: Metrics,
}

impl Service {
    /// A service on these parts. It answers from the start; it alerts while [`run`](Service::run) does.
    pub fn new(options: Options, parts: Parts) -> Service {
        let Parts { db, bus, posted, links, providers, keys, clock, metrics } = parts;
        let first_number = u64::try_from(clock.now_ms()).unwrap_or_default() << 20;
        let contact = if options.contact.is_empty() { HERE.to_owned() } else { options.contact.clone() };
        let vault = Box::new(vault::Embedded::new(db.clone()));
        let shared = Shared {
            subscriptions: Box::new(Embedded::new(db.clone())),
            hops: Box::new(hops::Embedded::new(db.clone(), first_number)),
            bus,
            events: Box::new(events::Embedded::new(db.clone(), posted.clone())),
            settings: settings::open(&db.clone().into()),
            policies: Policies::default(),
            alerts: Box::new(alerts::Embedded::new(db, posted.clone(), options.queue_max, first_number)),
            ids: Ids::default(),
            log: posted,
            neighbours: Neighbours::new(links),
            providers,
            wallet: Wallet::new(vault, keys, contact),
            moved: Notify::new(),
            noted: Notify::new(),
            clock,
            metrics: Metrics::new(&metrics),
            options,
        };
        Service { shared: Arc::new(shared) }
    }

    /// The door for links.
    pub fn server(&self) -> PushServer<Rpc> {
        PushServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for the ways of messages.
    pub fn traces_server(&self) -> TracesServer<Rpc> {
        TracesServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for operators' calls about credentials.
    pub fn credentials_server(&self) -> CredentialsServer<Rpc> {
        CredentialsServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for how the alerts of apps look.
    pub fn alerting_server(&self) -> AlertingServer<Rpc> {
        AlertingServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for events.
    pub fn events_server(&self) -> EventsServer<Rpc> {
        EventsServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Rpc> {
        EraserServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// Alerts until `stop`. What was under way is found and repeated by the next process.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let shared = &*self.shared;
        // Dropped while they wait: every step is written wholly or not at all.
        tokio::select! {
            biased;
            () = stop => {}
            () = shared.take_in() => {}
            () = shared.deliver() => {}
            () = shared.sweep() => {}
            () = shared.keep_hops() => {}
            () = shared.tell_switches() => {}
        }
    }
}

impl Shared {
    async fn sweep(&self) {
        self.reseal().await;
        let (mut after, mut event, mut hop) = (None, None, None);
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let before = self.clock.now_ms() - i64::from(self.options.journal_days) * DAY_MS;
            after = match self.alerts.sweep(after, before).await {
                Ok(after) => after,
                Err(error) => {
                    tracing::warn!(%error, "old notes of alerts could not be removed");
                    None
                }
            };
            hop = self.sweep_hops(hop).await;
            event = match self.events.sweep(event, before).await {
                Ok(event) => event,
                Err(error) => {
                    tracing::warn!(%error, "old events could not be removed");
                    None
                }
            };
        }
    }
}
