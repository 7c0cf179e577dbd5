//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// So many ports that are free on each of these addresses. Whoever wants them takes them soon.
pub fn free(ips: &[Ipv4Addr], count: usize) -> Result<Vec<u16>> {
    // Held until all are found, so that none is found twice.
    let mut held = Vec::new();
    let mut ports = Vec::new();
    while ports.len() < count {
        let first = TcpListener::bind((ips[0], 0)).context("no port is free")?;
        let port = first.local_addr()?.port();
        let others: Result<Vec<_>, _> = ips[1..].iter().map(|ip| TcpListener::bind((*ip, port))).collect();
        held.push(first);
        if let Ok(others) = others {
            held.extend(others);
            ports.push(port);
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ports_are_free_on_every_address_and_differ() {
        let ips = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];
        let ports = free(&ips, 3).unwrap();
        let listening: Vec<_> = ports.iter().flat_map(|port| ips.map(|ip| TcpListener::bind((ip, *port)).unwrap())).collect();
        assert_eq!(listening.len(), 6);
    }
}
