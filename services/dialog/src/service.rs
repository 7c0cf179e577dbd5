//! What starts: the registry of live dialogs behind the gRPC door, and a task that publishes heads and sweeps.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join, select};
use natter_actor::{Chance, Clock, Dial, Executor, Registry};
use natter_bus::{Bus, Log};
use natter_cluster::Own;
use natter_db::Db;
use natter_proto::dialog::v1::archive_server::ArchiveServer;
use natter_proto::dialog::v1::dialogs_server::DialogsServer;
use natter_proto::dialog::v1::eraser_server::EraserServer;
use natter_proto::subject::Subject;
use natter_rpc::Link;
use natter_telemetry::Metrics;
use natter_trace::Recorder;
use tokio::time::{sleep, timeout};

use crate::actor::DialogActor;
use crate::dialog::Key;
use crate::lapses::{self, Lapses};
use crate::options::Options;
use crate::rpc::Rpc;
use crate::shared::Shared;

/// How often heads are published.
const HEADS_EVERY: Duration = Duration::from_secs(1);
/// Most bytes of a request: a message outside history with everything it carries.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// What the dialog service is made of.
pub struct Parts {
    pub db: Db,
    pub bus: Bus,
    /// The durable log: what may have to be alerted is told there.
    pub posted: Log,
    pub history: Link,
    pub account: Link,
    pub presence: Link,
    /// To the door of history about archives.
    pub old_rows: Link,
    /// Which dialogs are this process's.
    pub own: Own,
    /// To the dialogs that are another process's.
    pub peers: Link,
    pub executor: Executor,
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
    /// Notes the ways of messages.
    pub trace: Recorder,
}

/// The dialogs of this process. Clones are the same service.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    dialogs: Registry<Key, DialogActor>,
}

impl Service {
    /// A service without live dialogs: each is loaded when somebody asks for it.
    pub fn new(options: Options, parts: Parts) -> Service {
        let (executor, registry) = (parts.executor.clone(), options.registry());
        let shared = Arc::new(Shared::new(options, parts));
        let of_actors = shared.clone();
        let dialogs = Registry::new(executor, registry, move |key, own| DialogActor::new(*key, &own, of_actors.clone()));
        Service { shared, dialogs }
    }

    /// The gRPC door.
    pub fn server(&self) -> DialogsServer<Rpc> {
        let rpc = Rpc::new(self.shared.clone(), self.dialogs.clone());
        DialogsServer::new(rpc).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// The door for archives.
    pub fn archive_server(&self) -> ArchiveServer<Rpc> {
        let rpc = Rpc::new(self.shared.clone(), self.dialogs.clone());
        ArchiveServer::new(rpc).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Rpc> {
        EraserServer::new(Rpc::new(self.shared.clone(), self.dialogs.clone()))
    }

    /// The limits that may be changed while the service runs.
    pub fn dials(&self) -> Vec<Dial> {
        self.shared.dials()
    }

    /// Publishes heads once a second, and looks for joins that lapse, until `stop`. Stopped or cut off, nothing is lost: heads are a
    /// hint, and who is no member any more is found again.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let (publishing, others) = (pin!(self.publish(stop)), pin!(join(self.sweep(), self.yield_dialogs())));
        select(publishing, others).await;
    }

    /// Ends the actors of dialogs that become another process's: what they know grows old from then on.
    async fn yield_dialogs(&self) {
        loop {
            let changed = self.shared.own.changed();
            self.dialogs.close(|key| !self.shared.own.has_dialog(key.app, key.dialog));
            changed.await;
        }
    }

    async fn publish(&self, stop: impl Future<Output = ()>) {
        let (mut stop, subject) = (pin!(stop), Subject::Heads.to_string());
        while timeout(HEADS_EVERY, &mut stop).await.is_err() {
            self.shared.publish_heads(&subject);
            self.shared.meters.live.set(self.dialogs.len() as i64);
        }
    }

    async fn sweep(&self) {
        let (rpc, mut lapses) = (Rpc::new(self.shared.clone(), self.dialogs.clone()), Lapses::default());
        loop {
            sleep(lapses::EVERY).await;
            lapses.step(&rpc).await;
        }
    }
}
