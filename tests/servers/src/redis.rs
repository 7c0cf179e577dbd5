//! Redis, one server, as Debian has it.

use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::set::{Kind, Seat};
use crate::{install, ports};

/// With an append-only file written every second, and never evicting.
#[derive(Clone, Copy, Debug)]
pub struct Redis;

impl Kind for Redis {
    const NAME: &'static str = "Redis";

    fn install(&self) -> Result<()> {
        install::system("redis-server", "--version", "redis-server")
    }

    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>> {
        ensure!(count == 1, "there is one Redis");
        let ip = ports::address()?;
        Ok(vec![(ip, ports::free(&[ip], 1)?)])
    }

    fn configure(&self, seat: &Seat, _: &[Seat]) -> Result<()> {
        let lines = format!(
            "bind {}\nprotected-mode {}\nport {}\ndir {}\ndaemonize no\nsave \"\"\nappendonly yes\nappendfsync everysec\nmaxmemory 256mb\n\
             maxmemory-policy noeviction\n",
            seat.ip,
            // Elsewhere it answers nobody who names no password.
            if seat.ip.is_loopback() { "yes" } else { "no" },
            seat.ports[0],
            seat.folder.display(),
        );
        Ok(fs::write(seat.folder.join("redis.conf"), lines)?)
    }

    fn command(&self, seat: &Seat) -> Result<Command> {
        let mut command = Command::new("redis-server");
        command.arg(seat.folder.join("redis.conf"));
        Ok(command)
    }

    fn is_ready(&self, seat: &Seat, _: usize) -> Result<bool> {
        let mut stream = seat.connect(seat.ports[0])?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    }
}
