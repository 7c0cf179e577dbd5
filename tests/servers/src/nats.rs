//! NATS with JetStream: one server, or several that are one cluster.

use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::disk::Disk;
use crate::set::{Kind, Seat};
use crate::{install, ports};

const PACKAGE: &str = "github.com/nats-io/nats-server/v2";
const VERSION: &str = "v2.15.2";
/// Ports of a server: for clients, for its peers, for its health.
const PORTS: usize = 3;

/// Of the Go module.
#[derive(Clone, Debug)]
pub struct Nats {
    /// The folder of binaries.
    pub binaries: PathBuf,
    /// The streams are on a small volume of their own.
    pub is_small: bool,
}

impl Nats {
    fn binary(&self) -> PathBuf {
        self.binaries.join("nats-server")
    }

    fn streams(seat: &Seat) -> PathBuf {
        seat.folder.join("streams")
    }
}

impl Kind for Nats {
    const NAME: &'static str = "NATS";

    fn install(&self) -> Result<()> {
        if self.binary().exists() {
            return Ok(());
        }
        install::go(&self.binaries, PACKAGE, VERSION)
    }

    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>> {
        let ip = ports::address()?;
        let ports = ports::free(&[ip], count * PORTS)?;
        Ok(ports.chunks(PORTS).map(|ports| (ip, ports.to_vec())).collect())
    }

    fn configure(&self, seat: &Seat, all: &[Seat]) -> Result<()> {
        let mut lines = format!(
            "server_name: n{}\nlisten: {}\nhttp: {}:{}\njetstream {{ store_dir: \"{}\", max_memory_store: 64MB, max_file_store: 1GB }}\n",
            seat.index,
            seat.address(),
            seat.ip,
            seat.ports[2],
            Nats::streams(seat).display(),
        );
        if all.len() > 1 {
            let routes: Vec<String> = all.iter().map(|seat| format!("\"nats-route://{}:{}\"", seat.ip, seat.ports[1])).collect();
            let routes = routes.join(", ");
            // Clients know all of them by their settings: what they are told would lead around a proxy.
            lines += &format!(
                "cluster {{ name: natter, listen: {}:{}, routes: [ {routes} ], no_advertise: true }}\n",
                seat.ip, seat.ports[1]
            );
        }
        Ok(fs::write(seat.folder.join("nats.conf"), lines)?)
    }

    fn command(&self, seat: &Seat) -> Result<Command> {
        let mut command = Command::new(self.binary());
        command.arg("-c").arg(seat.folder.join("nats.conf"));
        Ok(command)
    }

    fn disk(&self, seat: &Seat) -> Option<Disk> {
        self.is_small.then(|| Disk::of(Nats::streams(seat)))
    }

    // Its own word, which is "ok" only when JetStream runs and has a leader.
    fn is_ready(&self, seat: &Seat, _: usize) -> Result<bool> {
        let mut stream = seat.connect(seat.ports[2])?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.0 200") && answer.replace(' ', "").contains("\"status\":\"ok\""))
    }
}
