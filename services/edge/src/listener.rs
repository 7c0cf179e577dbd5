//! Accepts connections: at which door, how many of one address before they sign in, and on which thread they live.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natter_telemetry::Offence;
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::connection::{self, Arrival};
use crate::metrics;
use crate::service::Edge;

/// One way in.
#[derive(Clone)]
pub(crate) enum Door {
    /// TCP; with a TLS configuration STARTTLS is offered.
    Tcp(Option<TlsAcceptor>),
    /// TCP that begins with TLS.
    Tls(TlsAcceptor),
    Ws,
    Wss(TlsAcceptor),
}

impl Door {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Door::Tcp(_) => "tcp",
            Door::Tls(_) => "tls",
            Door::Ws => "ws",
            Door::Wss(_) => "wss",
        }
    }

    /// Whether connections begin with TLS.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Door::Tls(_) | Door::Wss(_))
    }

    pub(crate) fn is_web(&self) -> bool {
        matches!(self, Door::Ws | Door::Wss(_))
    }

    /// Whether a connection of this proxy says whose it is: in its first bytes, or in the head of a request.
    pub(crate) fn names_clients(&self, edge: &Edge, peer: IpAddr) -> bool {
        (self.is_web() || self.begins_with_header(edge)) && edge.proxies.trust(peer)
    }

    /// Whether connections of proxies begin with a header of the PROXY protocol. What leads to the plain WebSocket speaks HTTP.
    pub(crate) fn begins_with_header(&self, edge: &Edge) -> bool {
        edge.options.proxy_protocol && !matches!(self, Door::Ws)
    }

    pub(crate) fn tls(&self) -> Option<&TlsAcceptor> {
        match self {
            Door::Tls(acceptor) | Door::Wss(acceptor) | Door::Tcp(Some(acceptor)) => Some(acceptor),
            Door::Tcp(None) | Door::Ws => None,
        }
    }
}

/// A connection on its way to the thread that it will live on.
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    #[cfg(feature = "testing")]
    Memory(tokio::io::DuplexStream),
}

/// Connections that have not signed in, by address (attack A10).
#[derive(Default)]
pub(crate) struct Lobby {
    waiting: Mutex<BTreeMap<IpAddr, u32>>,
    /// Connections ever accepted: they take turns on the threads.
    arrivals: AtomicU64,
}

impl Lobby {
    fn enter(&self, address: IpAddr, address_max: u32) -> bool {
        let mut waiting = self.waiting.lock();
        let count = waiting.entry(address).or_default();
        let has_room = *count < address_max;
        *count += u32::from(has_room);
        if *count == 0 {
            waiting.remove(&address);
        }
        has_room
    }
}

/// A connection in the lobby, and among the open ones.
pub(crate) struct Visit {
    edge: Arc<Edge>,
    address: Option<IpAddr>,
}

impl Visit {
    /// Lets a connection in, unless there are too many of its address. Of one that will say whose it is that is asked then
    /// ([`is_of`](Visit::is_of)): the proxy itself may have as many as its clients need.
    fn begin(edge: &Arc<Edge>, address: IpAddr, names_client: bool) -> Option<Visit> {
        let address_max = if names_client { u32::MAX } else { edge.of_address_max.get() };
        if !edge.lobby.enter(address, address_max) {
            return None;
        }
        edge.metrics.connections.inc();
        Some(Visit { edge: edge.clone(), address: Some(address) })
    }

    /// Counts the connection as one of this client. False: he has too many.
    pub(crate) fn is_of(&mut self, client: IpAddr) -> bool {
        self.leave_lobby();
        let has_room = self.edge.lobby.enter(client, self.edge.of_address_max.get());
        self.address = has_room.then_some(client);
        has_room
    }

    /// Out of the lobby.
    pub(crate) fn leave_lobby(&mut self) {
        let Some(address) = self.address.take() else { return };
        let mut lobby = self.edge.lobby.waiting.lock();
        if let Some(count) = lobby.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                lobby.remove(&address);
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.leave_lobby();
        self.edge.metrics.connections.dec();
    }
}

/// How long to wait when the process has no file descriptors left.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Accepts until it is dropped.
pub(crate) async fn run(listener: TcpListener, door: Door, edge: Arc<Edge>) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => admit(peer.ip().to_canonical(), &door, &edge, || prepare(socket).ok()),
            Err(error) => {
                tracing::warn!(%error, door = door.name(), "cannot accept a connection");
                sleep(OUT_OF_FILES).await;
            }
        }
    }
}

/// Serves a connection of this address, unless there are too many. `prepare` gives its socket.
pub(crate) fn admit(peer: IpAddr, door: &Door, edge: &Arc<Edge>, prepare: impl FnOnce() -> Option<Socket>) {
    if edge.is_drained() {
        // At once: its client goes on to another edge.
        edge.metrics.turn_away("drained");
        return;
    }
    let Some(visit) = Visit::begin(edge, peer, door.names_clients(edge, peer)) else {
        edge.metrics.turn_away("address");
        edge.offenders.ip(Offence::Connections, peer, edge.clock.now_ms());
        return;
    };
    edge.metrics.accepted.get_or_create(&metrics::Door { door: door.name() }).inc();
    let Some(socket) = prepare() else { return };
    let (door, edge) = (door.clone(), edge.clone());
    let lane = edge.lobby.arrivals.fetch_add(1, Ordering::Relaxed);
    let executor = edge.executor.clone();
    executor.run(lane, move || connection::serve(Arrival { socket, peer, door, lane }, visit, edge));
}

/// No delay for small writes; the kernel notices dead peers that cannot be asked (contract xmpp 1.7, SDK 1.x). A socket belongs
/// to the thread that registered it; this one is to live on its session's.
fn prepare(socket: TcpStream) -> io::Result<Socket> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(20));
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    socket.into_std().map(Socket::Tcp)
}
