//! The network between two parts: proxies on loopback, in this process, to which the settings of a part lead. What goes over a wire can
//! be slow, or not pass at all while the connections stay. Whoever connects while nothing passes is taken, and hears nothing; a real
//! network would not even take him.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use natter_servers::{Beyond, Cluster, Kind, Process, Set};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// How bytes pass, in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// At once.
    Open,
    /// Each so much later.
    Late(Duration),
    /// They wait until it is open again.
    Shut,
}

pub const EDGES_DIALOG: &str = "edges and dialog-1";
pub const EDGES_PRESENCE: &str = "edges and presence-1";
pub const DIALOG_CASSANDRA: &str = "dialog-1 and Cassandra";
pub const DIALOG_NATS: &str = "dialog-1 and NATS";

/// The wires of a cluster.
pub struct Network(BTreeMap<&'static str, watch::Sender<Passage>>);

impl Network {
    /// Lays them, and gives the parts of a cluster that was prepared the settings that lead over them.
    pub async fn lay(cluster: &Cluster) -> Result<Network> {
        let mut wires = BTreeMap::new();
        let edges = cluster.parts().iter().filter(|part| part.roles == "edge").map(|part| cluster.process(&part.name));
        let edges = Arc::new(edges.collect::<Vec<_>>());
        for (wire, name) in [(EDGES_DIALOG, "dialog-1"), (EDGES_PRESENCE, "presence-1")] {
            let port = cluster.part(name)?.port("cluster.port").context("every part has a port for calls")?;
            let passage = watch::Sender::new(Passage::Open);
            let on = Wire { passage: passage.subscribe(), of: Some(edges.clone()) };
            let address = on.lay(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], port).into()).await?;
            wires.insert(wire, passage);
            give(cluster, name, "cluster.advertise", address.to_string());
        }
        let servers = &cluster.servers;
        wires.insert(DIALOG_CASSANDRA, lead(cluster, &servers.cassandra, "cluster.cql.nodes").await?);
        wires.insert(DIALOG_NATS, lead(cluster, &servers.nats, "cluster.nats.nodes").await?);
        Ok(Network(wires))
    }

    pub fn set(&self, wire: &str, passage: Passage) -> Result<()> {
        self.0.get(wire).with_context(|| format!("there is no wire between {wire}"))?.send_replace(passage);
        Ok(())
    }
}

fn give(cluster: &Cluster, part: &str, setting: &str, value: String) {
    let mut beyond: Beyond = cluster.given(part);
    beyond.settings.push((setting.to_owned(), value));
    cluster.give(part, beyond);
}

// From dialog-1 to each of a set. The driver of Cassandra looks for each node at the address that the node tells and the port at which it
// reached the first one, so a node's proxy is at the address of the node, and all have one port.
async fn lead<K: Kind>(cluster: &Cluster, set: &Set<K>, setting: &str) -> Result<watch::Sender<Passage>> {
    let passage = watch::Sender::new(Passage::Open);
    let (mut port, mut taken) = (0, Vec::new());
    for seat in set.seats() {
        let on = Wire { passage: passage.subscribe(), of: None };
        let is_alone = seat.ip.is_loopback() && seat.ip.octets() == [127, 0, 0, 1];
        let listens = SocketAddr::from((seat.ip, if is_alone { 0 } else { port }));
        let address = on.lay(listens, seat.address()).await?;
        port = address.port();
        taken.push(format!("\"{address}\""));
    }
    give(cluster, "dialog-1", setting, format!("[{}]", taken.join(",")));
    Ok(passage)
}

/// One way for connections.
#[derive(Clone)]
struct Wire {
    passage: watch::Receiver<Passage>,
    /// Whose connections it is about; those of others are open always. None: everybody's.
    of: Option<Arc<Vec<Process>>>,
}

impl Wire {
    async fn lay(self, listens: SocketAddr, upstream: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind(listens).await.with_context(|| format!("cannot listen at {listens}"))?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((client, from)) = listener.accept().await {
                let passage = match &self.of {
                    Some(processes) if !processes.iter().any(|process| has(process, from)) => {
                        watch::Sender::new(Passage::Open).subscribe()
                    }
                    _ => self.passage.clone(),
                };
                tokio::spawn(carry(client, upstream, passage));
            }
        });
        Ok(address)
    }
}

// Whether a process has the socket of this address on loopback (proc(5): `/proc/net/tcp` has its inode, `/proc/PID/fd` those of a process).
fn has(process: &Process, address: SocketAddr) -> bool {
    let SocketAddr::V4(address) = address else { return false };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let row =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.get(1) == Some(&local.as_str()));
    let (Some(row), Some(pid)) = (row, process.pid()) else { return false };
    let Some(inode) = row.get(9) else { return false };
    let socket = format!("socket:[{inode}]");
    let Ok(mut files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.any(|file| file.is_ok_and(|file| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&socket))))
}

async fn carry(client: TcpStream, upstream: SocketAddr, mut passage: watch::Receiver<Passage>) {
    let late = late(&passage);
    sleep(late).await;
    open(&mut passage).await;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // Whichever side ends first ends both: nobody here speaks with half a connection.
    tokio::select! {
        biased;
        _ = pump(client_read, server_write, passage.clone()) => {}
        _ = pump(server_read, client_write, passage) => {}
    }
}

/// Most that is on its way in one direction. Over it the sender waits, as with a network.
const CHUNKS: usize = 64;

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    passage: watch::Receiver<Passage>,
) -> std::io::Result<()> {
    let (send, mut receive) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
    let mut gate = passage.clone();
    let reading = async move {
        loop {
            let mut buffer = vec![0; 16 << 10];
            let read = from.read(&mut buffer).await?;
            buffer.truncate(read);
            if read == 0 || send.send((Instant::now() + late(&passage), buffer)).await.is_err() {
                return Ok::<_, std::io::Error>(());
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = receive.recv().await {
            sleep_until(at).await;
            open(&mut gate).await;
            to.write_all(&bytes).await?;
        }
        open(&mut gate).await;
        Ok(())
    };
    tokio::try_join!(reading, writing).map(drop)
}

fn late(passage: &watch::Receiver<Passage>) -> Duration {
    match *passage.borrow() {
        Passage::Late(time) => time,
        Passage::Open | Passage::Shut => Duration::ZERO,
    }
}

// That the wires are gone is as good as open: nobody is left to hear.
async fn open(passage: &mut watch::Receiver<Passage>) {
    let _ = passage.wait_for(|passage| *passage != Passage::Shut).await;
}
