//! A bus over NATS core. Who listens in this process hears what is published here at once, as on a local bus; everybody else by NATS,
//! which sends nothing back to where it came from.
//!
//! What waits for the servers is bounded in count and bytes. Over it, and while no server is reached for long, what is published is lost to the others and
//! counted in `natter_bus_unsent_total`: the bus is a hint.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, RequestErrorKind};
use futures::StreamExt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::inbox::{BYTES_MAX, MESSAGES_MAX};
use crate::payload::Payload;
use crate::topics::Topics;

/// Most frames that wait for the servers.
const WAITING_MAX: usize = 16_384;
/// Longest pause between two tries to reach a server.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Where the servers are.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsOptions {
    /// Some of the servers, `HOST:PORT`; they tell of the others.
    pub nodes: Vec<String>,
    /// What all subjects begin with, so that several installations can share servers. Empty: nothing.
    pub prefix: String,
    /// Who connects. Empty: nobody is named.
    pub user: String,
    /// The password of that user.
    pub password: String,
    /// A file of credentials, as NATS writes it for a user. Empty: none.
    pub credentials: PathBuf,
    /// A PEM file of the authorities that sign the servers' certificates. Empty: no TLS is asked for.
    pub ca: PathBuf,
}

impl NatsOptions {
    /// How a client connects: at any time, again and again.
    pub(crate) fn connecting(&self) -> std::io::Result<ConnectOptions> {
        let mut options = ConnectOptions::new()
            .name("natter")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(|tries| PAUSE_MAX.min(Duration::from_millis(50 * tries as u64)));
        if !self.user.is_empty() {
            options = options.user_and_password(self.user.clone(), self.password.clone());
        }
        if !self.credentials.as_os_str().is_empty() {
            options = options.credentials(&std::fs::read_to_string(&self.credentials)?)?;
        }
        if !self.ca.as_os_str().is_empty() {
            options = options.add_root_certificates(self.ca.clone()).require_tls(true);
        }
        Ok(options)
    }
}

/// A bus to other processes. Reached through [`crate::Bus`] only.
pub struct Nats {
    pub(crate) topics: Arc<Topics>,
    commands: mpsc::Sender<Command>,
    /// Bytes that wait for the servers.
    bytes: Arc<AtomicUsize>,
    meters: Meters,
    prefix: String,
    client: Client,
}

#[derive(Clone, Default)]
struct Meters {
    unsent: Counter,
    connected: Gauge,
}

enum Command {
    Publish {
        wire: Arc<str>,
        payloads: Vec<Payload>,
        /// Of all of them.
        bytes: usize,
    },
    /// By the subject's name on the wire, for who listens to it here.
    Listen { wire: Arc<str>, subject: Arc<str> },
}

impl Nats {
    /// A bus that connects by itself, now or later. Within a tokio runtime.
    pub(crate) async fn connect(options: &NatsOptions) -> std::io::Result<Nats> {
        let (commands, waiting) = mpsc::channel(WAITING_MAX);
        let (topics, meters) = (Arc::<Topics>::default(), Meters::default());
        let (connected, dropped) = (meters.connected.clone(), topics.dropped.clone());
        let connecting = options.connecting()?.no_echo().subscription_capacity(MESSAGES_MAX).event_callback(move |event| {
            note(&event, &connected, &dropped);
            async {}
        });
        let client = connecting.connect(&options.nodes).await.map_err(std::io::Error::other)?;
        let bytes = Arc::<AtomicUsize>::default();
        tokio::spawn(run(client.clone(), waiting, bytes.clone(), topics.clone(), meters.clone()));
        let prefix = if options.prefix.is_empty() { String::new() } else { format!("{}.", options.prefix) };
        Ok(Nats { topics, commands, bytes, meters, prefix, client })
    }

    pub(crate) fn publish(&self, subject: &str, payloads: &[Payload]) {
        self.topics.publish(subject, payloads);
        let bytes = payloads.iter().map(Payload::len).sum();
        let wire = self.on_the_wire(subject);
        let has_room = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= BYTES_MAX;
        if !has_room || self.commands.try_send(Command::Publish { wire, payloads: payloads.to_vec(), bytes }).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.meters.unsent.inc_by(payloads.len() as u64);
        }
    }

    /// Hears a subject of others too, from soon on.
    pub(crate) fn listen(&self, subject: &str) {
        let (commands, wire) = (self.commands.clone(), self.on_the_wire(subject));
        let subject = Arc::<str>::from(subject);
        // A place in the queue is waited for: who listens once is to hear.
        tokio::spawn(async move { commands.send(Command::Listen { wire, subject }).await });
    }

    fn on_the_wire(&self, subject: &str) -> Arc<str> {
        format!("{}{subject}", self.prefix).into()
    }

    pub(crate) async fn is_reached(&self) -> bool {
        // Nobody listens there, which a server says at once.
        let asked = self.client.request(self.on_the_wire("natter.reached").to_string(), bytes::Bytes::new()).await;
        asked.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders)
    }

    pub(crate) fn observe(&self, metrics: &natter_telemetry::Metrics) {
        let meters = self.meters.clone();
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_bus");
            ours.register("unsent", "Messages that other processes were not sent", meters.unsent);
            ours.register("connected", "Whether a NATS server is reached", meters.connected);
        });
    }
}

pub(crate) fn note(event: &Event, connected: &Gauge, dropped: &Counter) {
    match event {
        Event::Connected => drop(connected.set(1)),
        Event::Disconnected | Event::Closed => drop(connected.set(0)),
        Event::SlowConsumer(_) => drop(dropped.inc()),
        _ => {}
    }
    match event {
        Event::SlowConsumer(_) => {}
        Event::ServerError(_) | Event::ClientError(_) => tracing::warn!(%event, "NATS"),
        _ => tracing::info!(%event, "NATS"),
    }
}

// Carries out commands until the bus is gone, with everything sent that was published before.
async fn run(
    client: Client,
    mut waiting: mpsc::Receiver<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    topics: Arc<Topics>,
    meters: Meters,
) {
    let (mut heard, mut listeners) = (HashSet::new(), JoinSet::new());
    while let Some(command) = waiting.recv().await {
        match command {
            Command::Publish { wire, payloads, bytes: of_all } => {
                for payload in payloads {
                    let bytes = payload.to_bytes();
                    if is_too_large(&client, bytes.len()) || client.publish(wire.to_string(), bytes).await.is_err() {
                        meters.unsent.inc();
                    }
                }
                waiting_bytes.fetch_sub(of_all, Ordering::Relaxed);
            }
            Command::Listen { wire, subject } => {
                if heard.insert(wire.clone()) {
                    listeners.spawn(hear(client.clone(), wire, subject, Arc::downgrade(&topics)));
                }
            }
        }
    }
    drop(client.flush().await);
}

// Before a server is reached its bound is not known.
fn is_too_large(client: &Client, bytes: usize) -> bool {
    let most = client.server_info().max_payload;
    most > 0 && bytes > most
}

// Hears one subject for as long as the bus lives.
async fn hear(client: Client, wire: Arc<str>, subject: Arc<str>, topics: Weak<Topics>) {
    let mut told = match client.subscribe(wire.to_string()).await {
        Ok(told) => told,
        Err(error) => return tracing::error!(%subject, %error, "cannot listen"),
    };
    while let Some(message) = told.next().await {
        let Some(topics) = topics.upgrade() else { return };
        topics.publish(&subject, &[Payload::from(message.payload)]);
    }
}
