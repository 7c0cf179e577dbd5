//! Who is at the other end of a connection: the address that it comes from or, if that is a proxy which an operator trusts, the one that
//! the proxy says it had the request from. Values only; reading is whoever's who has the connection.
//!
//! Limits per address and what is refused for too many guesses stand on it, so nobody is believed who is not named in the settings: any
//! client may send such a header.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod header;
mod network;

pub use header::{Header, Malformed};
pub use network::{Network, NotANetwork};

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Entries of `X-Forwarded-For` that are looked at, from the right.
const HOPS_MAX: usize = 16;

/// The proxies that are believed. None by default.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Those at the addresses of these networks.
    pub fn at(networks: Vec<Network>) -> Proxies {
        Proxies(networks)
    }

    /// Whether what comes from this address is believed.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.holds(address))
    }

    /// Whose request it is that came from `peer` with these values of `X-Forwarded-For`, in the order of the headers. Each proxy has added
    /// whom it had it from at the right end; so it is the rightmost address that is none of ours. What stands left of it, or of something
    /// that cannot be read, is whatever a client made up.
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = forwarded.rev().flat_map(|value| value.rsplit(',')).take(HOPS_MAX);
        for hop in hops {
            if !self.trust(client) {
                break;
            }
            let Some(address) = address(hop) else { break };
            client = address;
        }
        client
    }
}

// Some proxies add a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse().or_else(|_| text.parse().map(|socket: std::net::SocketAddr| socket.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.ok().or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn proxies(networks: &[&str]) -> Proxies {
        Proxies::at(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn only_a_proxy_that_is_named_is_believed_and_only_as_far_as_the_first_stranger() {
        let trusted = proxies(&["10.0.0.0/8", "2001:db8::/32"]);
        for (peer, forwarded, client) in [
            // Whoever is not named says what he likes.
            ("203.0.113.7", vec!["198.51.100.1"], "203.0.113.7"),
            ("10.1.2.3", vec![], "10.1.2.3"),
            ("10.1.2.3", vec!["198.51.100.1"], "198.51.100.1"),
            // What the client itself sent stands on the left.
            ("10.1.2.3", vec!["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", vec!["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
            // A proxy behind a proxy.
            ("10.1.2.3", vec!["127.0.0.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.1.2.3", vec!["198.51.100.1 , 2001:db8::5"], "198.51.100.1"),
            // From within.
            ("10.1.2.3", vec!["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            ("10.1.2.3", vec!["198.51.100.1:4711"], "198.51.100.1"),
            ("10.1.2.3", vec!["[2001:db9::1]:4711"], "2001:db9::1"),
            ("10.1.2.3", vec!["[2001:db9::1]"], "2001:db9::1"),
            ("::ffff:10.1.2.3", vec!["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", vec!["198.51.100.1, unknown"], "10.1.2.3"),
            ("10.1.2.3", vec![""], "10.1.2.3"),
        ] {
            let found = trusted.client(peer.parse().unwrap(), forwarded.iter().copied());
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
        let nobody = Proxies::default();
        assert_eq!(nobody.client("10.1.2.3".parse().unwrap(), ["198.51.100.1"].into_iter()).to_string(), "10.1.2.3");
    }

    #[test]
    fn a_long_list_is_not_followed_without_end() {
        let trusted = proxies(&["10.0.0.0/8"]);
        let long = format!("198.51.100.1{}", ", 10.0.0.1".repeat(100));
        assert_eq!(trusted.client("10.0.0.2".parse().unwrap(), [long.as_str()].into_iter()).to_string(), "10.0.0.1");
    }
}
