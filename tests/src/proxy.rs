//! A TCP proxy on loopback that can do to a connection what a network does: end it, reset it, or go silent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the connections through the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    /// Bytes flow.
    Up,
    /// Both sides see an orderly end; new connections are refused by an end as well.
    Closed,
    /// Both sides see a reset.
    Reset,
    /// Nothing is said to anybody: the connections stay, no byte flows. New connections flow.
    HalfOpen,
}

/// A running proxy. Dropping it ends all connections through it.
pub struct Proxy {
    pub port: u16,
    state: Arc<watch::Sender<(u64, Network)>>,
    elsewhere: watch::Sender<Option<SocketAddr>>,
}

impl Proxy {
    /// Listens on a free port and forwards to `upstream` on loopback.
    pub async fn start(upstream: u16) -> Result<Proxy> {
        Proxy::start_between((Ipv4Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, upstream).into()).await
    }

    /// The same from one given address to another.
    pub async fn start_between(address: SocketAddr, upstream: SocketAddr) -> Result<Proxy> {
        Proxy::start_among(address, vec![upstream]).await
    }

    /// The same to several: each connection goes to the next of them.
    pub async fn start_among(address: SocketAddr, upstreams: Vec<SocketAddr>) -> Result<Proxy> {
        let listener = TcpListener::bind(address).await?;
        let port = listener.local_addr()?.port();
        let (send, receive) = watch::channel((0, Network::Up));
        let (elsewhere, leads_to) = watch::channel(None);
        tokio::spawn(async move {
            for upstream in upstreams.iter().cycle() {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(carry(client, leads_to.borrow().unwrap_or(*upstream), receive.clone()));
            }
        });
        Ok(Proxy { port, state: Arc::new(send), elsewhere })
    }

    /// Connections that come later go to this port on loopback.
    pub fn lead_to(&self, upstream: u16) {
        self.elsewhere.send_replace(Some((Ipv4Addr::LOCALHOST, upstream).into()));
    }

    /// Does this to every connection that exists now. Connections that come later flow, unless it is `Closed` or `Reset`.
    pub fn set(&self, network: Network) {
        self.state.send_modify(|state| *state = (state.0 + 1, network));
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, mut state: watch::Receiver<(u64, Network)>) {
    let (born, network) = *state.borrow_and_update();
    if matches!(network, Network::Closed | Network::Reset) {
        return end(client, network);
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    let network = tokio::select! {
        biased;
        network = changed(&mut state, born) => network,
        _ = pump(&mut client_read, &mut server_write) => Network::Closed,
        _ = pump(&mut server_read, &mut client_write) => Network::Closed,
    };
    if network == Network::HalfOpen {
        // Neither side hears of it: the sockets stay open until the proxy is told something else.
        let silenced = state.borrow_and_update().0;
        changed(&mut state, silenced).await;
    }
    for (read, write) in [(client_read, client_write), (server_read, server_write)] {
        if let Ok(stream) = read.reunite(write) {
            end(stream, network);
        }
    }
}

async fn changed(state: &mut watch::Receiver<(u64, Network)>, born: u64) -> Network {
    match state.wait_for(|(turn, network)| *turn > born && *network != Network::Up).await {
        Ok(state) => state.1,
        Err(_) => Network::Closed,
    }
}

async fn pump(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}

fn end(stream: TcpStream, network: Network) {
    if network == Network::Reset {
        // Linger zero: the end is a reset. Nothing is left to flush, so it cannot block.
        let _ = stream.set_zero_linger();
    }
}
