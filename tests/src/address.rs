//! Loopback addresses for clients that can only reach a fixed port of their host, as SDK 1.x on Node: one for each test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// An address `127.0.0.N` that no other test uses while this lives.
pub struct Address {
    pub ip: Ipv4Addr,
    // Whoever listens here has the address. Nothing connects to it.
    _held: TcpListener,
}

const HELD_PORT: u16 = 5221;

impl Address {
    /// Takes an address whose `port` is free as well. Processes that take one at the same time get different ones.
    pub fn take(port: u16) -> Result<Address> {
        let take = |ip: Ipv4Addr| {
            let held = TcpListener::bind((ip, HELD_PORT)).ok()?;
            // Whoever had the address before may still be on its way out.
            TcpListener::bind((ip, port)).ok().map(|_| Address { ip, _held: held })
        };
        let free = (2..=254).map(|n| Ipv4Addr::new(127, 0, 0, n)).find_map(take);
        free.with_context(|| {
            format!("no address from 127.0.0.2 on has its port {port} free: does anything listen on 0.0.0.0:{port}?")
        })
    }

    /// A port of it.
    pub fn port(&self, port: u16) -> SocketAddr {
        (self.ip, port).into()
    }
}
