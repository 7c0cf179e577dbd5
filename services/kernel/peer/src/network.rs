//! A network of addresses, `10.0.0.0/8`, or one address.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Addresses that begin alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    /// Bits in which they are the same.
    prefix: u8,
}

/// What was written is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} {why}")]
pub struct NotANetwork {
    text: String,
    why: &'static str,
}

impl Network {
    /// Whether an address, in its canonical form, is one of them.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => begins_alike(ours.to_bits().into(), other.to_bits().into(), 32, self.prefix),
            (IpAddr::V6(ours), IpAddr::V6(other)) => begins_alike(ours.to_bits(), other.to_bits(), 128, self.prefix),
            _ => false,
        }
    }
}

fn begins_alike(one: u128, other: u128, bits: u32, prefix: u8) -> bool {
    (one ^ other) >> (bits - u32::from(prefix)) == 0
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let not = |why| NotANetwork { text: text.to_owned(), why };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| not("is no network: write it as 10.0.0.0/8, or one address"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(|| not("has no such prefix"))?,
        };
        if prefix == 0 {
            return Err(not("is everybody, and whoever is believed may be whoever he likes: name your proxies"));
        }
        Ok(Network { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Network, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.0.0.1", "9.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.129", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            let read: Network = network.parse().unwrap();
            assert!(read.holds(inside.parse().unwrap()) && !read.holds(outside.parse().unwrap()), "{network}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "ingress", "::/129", "10.0.0.0/8/8", "0.0.0.0/0", "::/0", "10.0.0.0/-1"] {
            let refused = text.parse::<Network>().unwrap_err();
            assert!(refused.to_string().starts_with(&format!("{text:?} ")), "{refused}");
        }
    }
}
