//! Which addresses may be connected to: those of the public internet, and the networks that the operator names. Pure.
//!
//! What is not known to be public is barred (IANA's special-purpose registries for IPv4 and IPv6, RFC 6890).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Networks of IPv4 that are no part of the public internet, and the one public address that some clouds answer themselves.
const NOT_PUBLIC: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The part of IPv6 that is given out (RFC 4291, 2.4), and what of it is special: Teredo and its neighbours, documentation, 6to4.
const GIVEN_OUT: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const SPECIAL: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
/// IPv4 seen through a translator (RFC 6052, 2.1): judged as the address it stands for.
const TRANSLATED: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The networks that the operator allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Networks(Vec<Network>);

/// Addresses that share their first bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Networks {
        Networks(networks.into_iter().collect())
    }
}

impl FromStr for Network {
    type Err = ();

    /// `10.1.2.0/24`; without a length it is one address.
    fn from_str(text: &str) -> Result<Network, ()> {
        let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| ()))?;
        if bits > most { Err(()) } else { Ok(Network { address, bits }) }
    }
}

impl Networks {
    /// Whether `ip` may be connected to.
    pub fn allow(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        is_public(ip) || self.0.iter().any(|network| network.holds(ip))
    }
}

impl Network {
    fn holds(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => is_in_v4(ip, (network, self.bits)),
            (IpAddr::V6(network), IpAddr::V6(ip)) => is_in_v6(ip, (network, self.bits)),
            _ => false,
        }
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => !NOT_PUBLIC.iter().any(|network| is_in_v4(v4, *network)),
        IpAddr::V6(v6) if is_in_v6(v6, TRANSLATED) => {
            let [.., a, b, c, d] = v6.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(v6) => is_in_v6(v6, GIVEN_OUT) && !SPECIAL.iter().any(|network| is_in_v6(v6, *network)),
    }
}

fn is_in_v4(ip: Ipv4Addr, (network, bits): (Ipv4Addr, u8)) -> bool {
    let differs = u32::from(ip) ^ u32::from(network);
    differs.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
}

fn is_in_v6(ip: Ipv6Addr, (network, bits): (Ipv6Addr, u8)) -> bool {
    let differs = u128::from(ip) ^ u128::from(network);
    differs.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_public_internet_is_reached() {
        for public in ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255"] {
            check(public, true);
        }
        for public in ["2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::1"] {
            check(public, true);
        }
        for barred in ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1"] {
            check(barred, false);
        }
        for barred in ["127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192"] {
            check(barred, false);
        }
        for barred in ["192.168.1.1", "198.18.0.1", "198.19.255.255", "203.0.113.7", "224.0.0.1", "239.255.255.255"] {
            check(barred, false);
        }
        for barred in ["240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1"] {
            check(barred, false);
        }
        for barred in ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1"] {
            check(barred, false);
        }
        for barred in ["fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "4000::1"] {
            check(barred, false);
        }
    }

    #[test]
    fn a_network_that_is_named_is_reached_and_no_other() {
        let networks: Networks = ["10.1.2.0/24", "127.0.0.1", "fd00::/8"].map(|text| text.parse().unwrap()).into_iter().collect();
        for (ip, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.1.3.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd12::1", true),
            ("fc00::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(networks.allow(ip.parse().unwrap()), allowed, "{ip}");
        }
        let everything: Networks = ["0.0.0.0/0".parse().unwrap()].into_iter().collect();
        assert!(everything.allow("169.254.169.254".parse().unwrap()));
        assert!(!everything.allow("::1".parse().unwrap()), "of the other family nothing was said");
    }

    #[test]
    fn what_is_no_network_is_not_read() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "host", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    fn check(ip: &str, public: bool) {
        assert_eq!(Networks::default().allow(ip.parse().unwrap()), public, "{ip}");
    }
}
