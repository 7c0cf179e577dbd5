//! What the push service is made of and what it starts: the door for links, whoever reads the durable log, whoever sends, and a
//! sweep of old notes, events, hops and older seals.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::{Chance, Clock};
use natter_bus::{Bus, Log};
use natter_db::Db;
use natter_outbound::Outbound;
use natter_proto::push::v1::alerting_server::AlertingServer;
use natter_proto::push::v1::credentials_server::CredentialsServer;
use natter_proto::push::v1::eraser_server::EraserServer;
use natter_proto::push::v1::events_server::EventsServer;
use natter_proto::push::v1::push_server::PushServer;
use natter_proto::push::v1::webhooks_server::WebhooksServer;
use natter_proto::trace::v1::traces_server::TracesServer;
use natter_rpc::Link;
use natter_telemetry::Metrics as Registry;
use tokio::sync::Notify;

use crate::alerts::{self, Alerts, Bounds};
use crate::by_app;
use crate::events::{self, Events};
use crate::hooks::{self, Hooks};
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
use crate::stamps::Stamps;
use crate::store::{self, Subscriptions};
use crate::wallet::Wallet;

/// Between two looks for old notes.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How the operator is reached who says nothing of it.
const HERE: &str = "https://localhost";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How often it is looked which apps fell to this process, and which to others.
const ADOPT_EVERY: Duration = Duration::from_secs(5);
/// Apps that are looked at at once.
const ADOPT_AT_ONCE: usize = 8;

/// Whether an app is this process's. What it says may change at any time.
pub type Owns = Arc<dyn Fn(u64) -> bool + Send + Sync>;

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
    pub db: Db,
    /// Where hops of messages are told.
    pub bus: Bus,
    /// What history and presence tell of; in the same store, if one process has that to itself. No one else reads it.
    pub posted: Log,
    pub links: Links,
    pub providers: Arc<dyn Providers>,
    /// To the servers that webhooks name.
    pub receivers: Outbound,
    /// Of what apps keep here that is secret.
    pub keys: Keys,
    pub clock: Clock,
    pub chance: Chance,
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
    /// Which apps are this process's; all, if nobody says.
    owns: OnceLock<Owns>,
    pub settings: Box<dyn AlertSettings>,
    pub policies: Policies,
    pub ids: Ids,
    pub log: Log,
    pub neighbours: Neighbours,
    pub providers: Arc<dyn Providers>,
    pub wallet: Wallet,
    pub hooks: Hooks,
    /// An alert may be due.
    pub moved: Notify,
    /// Something was noted.
    pub noted: Notify,
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
}

impl Service {
    /// A service on these parts. It answers from the start; it alerts while [`run`](Service::run) does.
    pub fn new(options: Options, parts: Parts) -> Service {
        let Parts { db, bus, posted, links, providers, receivers, keys, clock, chance, metrics } = parts;
        let first_number = u64::try_from(clock.now_ms()).unwrap_or_default() << 20;
        let contact = if options.contact.is_empty() { HERE.to_owned() } else { options.contact.clone() };
        let boot = chance.u64();
        let stamps = Arc::new(Stamps::new(boot));
        let vault = by_app::open(&db, &stamps);
        let (registry, queue) = (hooks::registry::Registry::open(&db, &stamps), hooks::queue::open(&db));
        let bounds = Bounds { queue_max: options.queue_max, journal_days: options.journal_days };
        let shared = Shared {
            subscriptions: store::open(&db, &stamps, &clock),
            hops: hops::open(&db, first_number),
            bus,
            events: events::open(&db, &posted, &clock, options.journal_days),
            settings: settings::open(&db),
            policies: Policies::default(),
            alerts: alerts::open(&db, &posted, &clock, (boot, first_number), &bounds),
            owns: OnceLock::new(),
            ids: Ids::default(),
            log: posted,
            neighbours: Neighbours::new(links),
            providers,
            wallet: Wallet::new(vault, keys, contact),
            hooks: Hooks::new(options.webhooks.clone(), registry, queue, receivers),
            moved: Notify::new(),
            noted: Notify::new(),
            clock,
            chance,
            metrics: Metrics::new(&metrics),
            options,
        };
        Service { shared: Arc::new(shared) }
    }

    /// Other processes have apps too: from here on this one cares for the alerts of its own alone. The first word counts.
    pub fn own(&self, owns: Owns) {
        // Said again, it is the same.
        let _ = self.shared.owns.set(owns);
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

    /// The door for operators' calls about webhooks.
    pub fn webhooks_server(&self) -> WebhooksServer<Rpc> {
        WebhooksServer::new(Rpc::new(Arc::clone(&self.shared)))
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
            () = shared.adopt_apps() => {}
            () = shared.take_in() => {}
            () = shared.deliver() => {}
            () = shared.sweep() => {}
            () = shared.keep_hops() => {}
            () = shared.tell_switches() => {}
            () = shared.care_for_hooks() => {}
            () = shared.send_hooks() => {}
        }
    }
}

impl Shared {
    /// Whether an app is this process's.
    pub fn owns(&self, app: u64) -> bool {
        self.owns.get().is_none_or(|owns| owns(app))
    }

    /// Finds what waits of apps that fell to this process, and forgets what it knows of those that fell to others. Nothing to do where
    /// it has them all to itself.
    async fn adopt_apps(&self) {
        let owns = |app: u64| self.owns(app);
        loop {
            self.alerts.leave(&owns);
            if let Err(error) = self.adopt_those(&owns).await {
                tracing::warn!(%error, "what waits of apps that are this process's cannot be read");
            }
            tokio::time::sleep(ADOPT_EVERY).await;
        }
    }

    async fn adopt_those(&self, owns: &(dyn Fn(u64) -> bool + Sync)) -> Result<(), natter_db::Error> {
        let owned: Vec<u64> = self.alerts.apps().await?.into_iter().filter(|app| owns(*app)).collect();
        if owned.is_empty() {
            return Ok(());
        }
        let adopted = stream::iter(owned).map(|app| self.alerts.adopt(app)).buffer_unordered(ADOPT_AT_ONCE);
        adopted.try_collect::<()>().await?;
        // For whoever sends what was found.
        self.moved.notify_one();
        Ok(())
    }

    async fn sweep(&self) {
        self.reseal().await;
        if let Err(error) = self.reseal_hooks().await {
            // The next start finds them.
            tracing::warn!(%error, "secrets of webhooks stay sealed with an older key");
        }
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
