//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Where servers listen that others than this machine reach: an address of it, the variable `NATTER_SERVERS_ON`. Loopback if it is not set.
pub fn address() -> Result<Ipv4Addr> {
    match std::env::var(ADDRESS) {
        Ok(text) => text.parse().with_context(|| format!("{ADDRESS} is {text:?}, which is no IPv4 address")),
        Err(_) => Ok(Ipv4Addr::LOCALHOST),
    }
}

const ADDRESS: &str = "NATTER_SERVERS_ON";

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

/// So many ports that are free on loopback, and not of those that the system gives to whoever connects (`ip_local_port_range`): between two
/// starts of a process nobody takes them by chance.
pub fn lasting(count: usize) -> Result<Vec<u16>> {
    let mut held: Vec<TcpListener> = Vec::new();
    // Where it begins differs from one call to the next; every port of the range is tried once.
    let first = u32::from(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?.local_addr()?.port());
    for step in 0..LASTING.len() as u32 {
        if held.len() == count {
            break;
        }
        let port = LASTING.start + ((first * 31 + step) % LASTING.len() as u32) as u16;
        // Browsers connect to no such port (`port blocking` of the Fetch standard).
        if port != BLOCKED {
            held.extend(TcpListener::bind(("0.0.0.0", port)));
        }
    }
    anyhow::ensure!(held.len() == count, "only {} ports are free", held.len());
    Ok(held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?)
}

const LASTING: std::ops::Range<u16> = 10_000..32_000;
const BLOCKED: u16 = 10_080;

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

    #[test]
    fn lasting_ports_are_free_and_not_for_who_connects() {
        let ports = lasting(40).unwrap();
        let listening: Vec<_> = ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap()).collect();
        assert!(listening.len() == 40 && ports.iter().all(|port| LASTING.contains(port)));
    }
}
