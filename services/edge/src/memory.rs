//! A door without sockets, for simulations on one thread with paused time.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::listener::{self, Door, Socket};
use crate::service::Edge;

/// Bytes on their way in one direction.
const ON_THE_WAY_MAX: usize = 64 * 1024;

/// Where clients in memory knock. Clone.
#[derive(Clone)]
pub struct Knocker(mpsc::UnboundedSender<Caller>);

/// The door behind the knocker, for [`Service::run_in_memory`](crate::Service::run_in_memory).
pub struct MemoryDoor(mpsc::UnboundedReceiver<Caller>);

/// A client, and whether it is one for WebSocket.
struct Caller {
    stream: DuplexStream,
    address: IpAddr,
    web: bool,
}

impl Knocker {
    pub fn new() -> (Knocker, MemoryDoor) {
        let (knock, knocks) = mpsc::unbounded_channel();
        (Knocker(knock), MemoryDoor(knocks))
    }

    /// The client's end of a connection without TLS; none if the edge is gone.
    pub fn connect(&self, address: IpAddr, web: bool) -> Option<DuplexStream> {
        let (client, stream) = duplex(ON_THE_WAY_MAX);
        self.0.send(Caller { stream, address, web }).ok()?;
        Some(client)
    }
}

/// Lets in whoever knocks, until it is dropped.
pub(crate) async fn run(mut door: MemoryDoor, edge: Arc<Edge>) {
    while let Some(Caller { stream, address, web }) = door.0.recv().await {
        let door = if web { Door::Ws } else { Door::Tcp(None) };
        listener::admit(address, &door, &edge, || Some(Socket::Memory(stream)));
    }
}
