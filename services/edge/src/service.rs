//! What the edge starts, and the order in which it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use natter_actor::{Chance, Clock, Dial, Executor};
use natter_bus::Bus;
use natter_peer::Proxies;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::subject::Subject;
use natter_rpc::Link;
use natter_telemetry::Offenders;
use natter_trace::Recorder;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use crate::actor::SessionMessage;
use crate::calls::Links;
use crate::drains::{Drains, Order};
use crate::error::Error;
use crate::inbox::Inbox;
use crate::line::Line;
use crate::listener::{self, Door, Lobby};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::streams::Streams;
use crate::table::Table;
use crate::tally::Tally;

/// What the edge is given.
pub struct Parts {
    pub account: Link,
    pub dialog: Link,
    pub presence: Link,
    pub history: Link,
    pub bus: Bus,
    pub executor: Executor,
    pub clock: Clock,
    pub chance: Chance,
    /// Who is believed about whose a connection is.
    pub proxies: Proxies,
    /// Names this run of the process, also among edges of one name; in a cluster that of the member.
    pub boot: u64,
    pub metrics: natter_telemetry::Metrics,
    /// Notes the ways of messages.
    pub trace: Recorder,
    /// Where streams are kept that may be resumed at any edge.
    pub streams: Streams,
}

/// Where clients come in: bound listeners, each of which may be absent.
#[derive(Default)]
pub struct Doors {
    /// TCP; STARTTLS is offered if there is a TLS configuration.
    pub tcp: Option<TcpListener>,
    /// TCP that begins with TLS.
    pub tls: Option<TcpListener>,
    /// WebSocket over TLS.
    pub wss: Option<TcpListener>,
    /// Plain WebSocket.
    pub ws: Option<TcpListener>,
    /// Certificates for the doors with TLS.
    pub tls_config: Option<Arc<ServerConfig>>,
}

/// The chat door.
pub struct Service {
    edge: Arc<Edge>,
    bus: Bus,
}

/// What all connections of an edge share.
pub(crate) struct Edge {
    pub options: Arc<Options>,
    /// The installation's name, as the sessions share it.
    pub host: Arc<str>,
    /// Name of this edge on the bus.
    pub id: String,
    /// Number of this process's run.
    pub boot: u64,
    pub links: Arc<Links>,
    pub executor: Executor,
    pub clock: Clock,
    pub chance: Chance,
    pub proxies: Proxies,
    pub metrics: Metrics,
    pub offenders: Offenders,
    /// Connections of one address that have not signed in.
    pub of_address_max: Dial,
    pub trace: Recorder,
    pub bus: Bus,
    pub streams: Streams,
    pub table: Arc<Table>,
    pub lobby: Lobby,
    /// Bound connections, and sessions whose farewell is not said.
    pub work: Arc<Tally>,
    closing: AtomicBool,
    pub draining: Order,
}

impl Service {
    /// An edge that listens nowhere yet.
    ///
    /// # Errors
    /// The host name cannot be one.
    pub fn new(options: Options, parts: Parts) -> Result<Service, Error> {
        if options.host.contains("muc") {
            return Err(Error::Host(options.host));
        }
        let metrics = Metrics::new(&parts.metrics);
        let links = Links {
            keep_order: parts.dialog.keeps_order(),
            accounts: AccountsClient::new(parts.account),
            dialogs: DialogsClient::new(parts.dialog),
            presence: PresenceClient::new(parts.presence),
            history: HistoryClient::new(parts.history),
            metrics: metrics.clone(),
        };
        let id = match options.id.as_str() {
            "" => format!("edge-{}", hex(&parts.chance.bytes::<8>())),
            id => id.to_owned(),
        };
        let of_address_max = Dial::new("edge.connections_per_address_max", options.connections_per_address_max);
        let edge = Edge {
            host: options.host.as_str().into(),
            options: Arc::new(options),
            trace: parts.trace.named(&id),
            id,
            boot: parts.boot,
            links: Arc::new(links),
            executor: parts.executor,
            clock: parts.clock,
            chance: parts.chance,
            proxies: parts.proxies,
            metrics,
            offenders: parts.metrics.offenders(),
            of_address_max,
            bus: parts.bus.clone(),
            streams: parts.streams,
            table: Arc::default(),
            lobby: Lobby::default(),
            work: Arc::default(),
            closing: AtomicBool::new(false),
            draining: watch::Sender::new(0),
        };
        Ok(Service { edge: Arc::new(edge), bus: parts.bus })
    }

    /// Empties the edge while it runs.
    pub fn drains(&self) -> Drains {
        Drains::of(self.edge.clone())
    }

    /// The limits that may be changed while the edge runs.
    pub fn dials(&self) -> Vec<Dial> {
        vec![self.edge.of_address_max.clone()]
    }

    /// Serves until `stop`, then ends every session properly: its posts are answered, its stream is closed, and it is owed what
    /// it could not prove. Returns when all have ended, or after `drain_s`.
    ///
    /// # Errors
    /// A door for TLS has no certificates.
    pub async fn run(self, doors: Doors, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let doors = open(doors)?;
        let listen = |listeners: &mut JoinSet<()>, edge: &Arc<Edge>| {
            for (listener, door) in doors {
                listeners.spawn(listener::run(listener, door, edge.clone()));
            }
        };
        self.serve(listen, stop).await;
        Ok(())
    }

    /// The same behind a door in memory.
    #[cfg(feature = "testing")]
    pub async fn run_in_memory(self, door: crate::MemoryDoor, stop: impl Future<Output = ()>) {
        let listen =
            |listeners: &mut JoinSet<()>, edge: &Arc<Edge>| drop(listeners.spawn(crate::memory::run(door, edge.clone())));
        self.serve(listen, stop).await;
    }

    async fn serve(self, listen: impl FnOnce(&mut JoinSet<()>, &Arc<Edge>), stop: impl Future<Output = ()>) {
        let subject = Subject::Edge(self.edge.id.clone()).to_string();
        // Before the first session, so that no frame for one is missed.
        let (frames, heads) = (self.bus.subscribe(&subject), self.bus.subscribe(&Subject::Heads.to_string()));
        let ended = self.bus.subscribe(&Subject::Ended.to_string());
        let expelled = self.bus.subscribe(&Subject::Expelled.to_string());
        let (to_all, questions) =
            (self.bus.subscribe(&Subject::Edges.to_string()), self.bus.subscribe(&Subject::Learn.to_string()));
        let edge = &self.edge;
        let from_bus = Arc::new(Inbox::new(edge.table.clone(), edge.clock.clone(), edge.metrics.clone()));
        let mut inbox = JoinSet::new();
        inbox.spawn(from_bus.clone().frames(frames));
        inbox.spawn(from_bus.clone().frames(to_all));
        inbox.spawn(from_bus.clone().learn(questions, edge.options.announce_again_per_s));
        inbox.spawn(from_bus.clone().heads(heads));
        inbox.spawn(from_bus.clone().expelled(expelled, edge.boot));
        inbox.spawn(from_bus.ended(ended));
        inbox.spawn(self.drains().run());
        let mut listeners = JoinSet::new();
        listen(&mut listeners, edge);
        stop.await;
        listeners.shutdown().await;
        self.edge.drain().await;
        inbox.shutdown().await;
    }
}

/// Pairs listeners with doors.
fn open(doors: Doors) -> Result<Vec<(TcpListener, Door)>, Error> {
    let acceptor = doors.tls_config.map(TlsAcceptor::from);
    let with_tls = |listener: Option<TcpListener>, door: fn(TlsAcceptor) -> Door| match (listener, &acceptor) {
        (Some(listener), Some(acceptor)) => Ok(Some((listener, door(acceptor.clone())))),
        (Some(_), None) => Err(Error::NoTls),
        (None, _) => Ok(None),
    };
    let tls = with_tls(doors.tls, Door::Tls)?;
    let wss = with_tls(doors.wss, Door::Wss)?;
    let tcp = doors.tcp.map(|listener| (listener, Door::Tcp(acceptor.clone())));
    let ws = doors.ws.map(|listener| (listener, Door::Ws));
    Ok([tcp, tls, wss, ws].into_iter().flatten().collect())
}

impl Edge {
    /// A line for one connection.
    pub(crate) fn line(&self) -> Line {
        Line::new(self.options.write_buffer_bytes)
    }

    /// 128 random bits in hex: a resource, or the id of a stream.
    pub(crate) fn random_name(&self) -> String {
        hex(&self.chance.bytes::<16>())
    }

    /// No session is bound any more.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed) || self.is_drained()
    }

    /// An operator has ordered that nothing new is taken.
    pub(crate) fn is_drained(&self) -> bool {
        *self.draining.borrow() > 0
    }

    async fn drain(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let ended = async {
            let (sessions, begun) = (self.table.all(), Instant::now());
            let step = step(Duration::from_secs(self.options.drain_spread_s), sessions.len());
            for (place, session) in (0..).zip(&sessions) {
                if !step.is_zero() {
                    sleep_until(begun + step * place).await;
                }
                let _ = session.deliver(SessionMessage::Drain).await;
            }
            self.work.none().await;
        };
        if timeout(Duration::from_secs(self.options.drain_s), ended).await.is_err() {
            tracing::warn!("some sessions did not end in time");
        }
    }
}

/// Between two sessions of so many that are told to go: few of them do not take all the time that there is.
fn step(spread: Duration, sessions: usize) -> Duration {
    let even = spread / u32::try_from(sessions).unwrap_or(u32::MAX).max(1);
    even.min(Duration::from_millis(250))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_told_evenly_and_few_of_them_soon() {
        let spread = Duration::from_secs(10);
        assert_eq!(step(spread, 10_000), Duration::from_millis(1));
        assert_eq!(step(spread, 200), Duration::from_millis(50));
        assert_eq!(step(spread, 3), Duration::from_millis(250));
        assert_eq!(step(spread, 0), Duration::from_millis(250));
        assert!(step(Duration::ZERO, 200).is_zero());
    }
}
