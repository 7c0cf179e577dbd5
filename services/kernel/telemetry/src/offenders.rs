//! Who causes most load and most refusals at this process, for operators who ask. Never a metric: a label must not grow with use.
//!
//! Apps and users are those that the installation knows, never what a request only claims; an address counts as its network.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::top::{Count, Minutes};

/// Minutes that are remembered, the running one among them.
pub const MINUTES: usize = 10;
/// Keys of one list and minute. All lists of a process together stay under 3 MiB.
const KEYS: usize = 200;

/// What somebody did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Offence {
    /// Asked something: a request over REST, or a stanza.
    Load,
    /// Was refused, being over a rate.
    Rate,
    /// Was refused, being over a quota.
    Quota,
    /// Sent what cannot be read.
    Malformed,
    /// Showed a wrong password or key.
    SignIn,
    /// Was turned away at the door.
    Connections,
}

/// Whoever did it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    App(u64),
    User {
        app: u64,
        user: u64,
    },
    /// An address of IPv4, mapped into IPv6, or the /64 of one of IPv6: who has one address of it has all.
    Network([u8; 16]),
}

/// One of the lists: an offence, of apps, of users or of networks.
type List = (Offence, u8);

/// The lists of a process. Clone; all clones are the same lists.
#[derive(Clone, Default)]
pub struct Offenders(Arc<[Mutex<Lists>; SHARDS]>);

type Lists = BTreeMap<List, Minutes<Who>>;

/// Lists are spread over so many locks.
const SHARDS: usize = 4;

impl Offenders {
    /// Counts something that a user of an app did (0: the app itself).
    pub fn user(&self, offence: Offence, app: u64, user: u64, now_ms: i64) {
        if app > 0 {
            self.add(offence, Who::App(app), now_ms);
        }
        if app > 0 && user > 0 {
            self.add(offence, Who::User { app, user }, now_ms);
        }
    }

    /// Counts something that came from an address. A text that is none is not counted.
    pub fn address(&self, offence: Offence, address: &str, now_ms: i64) {
        if let Ok(address) = address.parse() {
            self.ip(offence, address, now_ms);
        }
    }

    /// The same of one that was read.
    pub fn ip(&self, offence: Offence, address: IpAddr, now_ms: i64) {
        self.add(offence, Who::of(address), now_ms);
    }

    fn add(&self, offence: Offence, who: Who, now_ms: i64) {
        let list = (offence, who.scope());
        let mut lists = self.shard(list).lock();
        lists.entry(list).or_insert_with(|| Minutes::new(MINUTES, KEYS)).add(who, now_ms);
    }

    fn shard(&self, (offence, scope): List) -> &Mutex<Lists> {
        &self.0[(offence as usize + usize::from(scope)) % SHARDS]
    }

    /// Those of the last `minutes`, of each list at most `limit`, most first. `app`: it and its users only.
    pub fn most(&self, minutes: usize, limit: usize, app: Option<u64>, now_ms: i64) -> Vec<(Offence, Who, Count)> {
        let is_wanted = |who: &Who| app.is_none_or(|app| who.is_of(app));
        let mut all = Vec::new();
        for shard in self.0.iter() {
            for ((offence, _), list) in shard.lock().iter() {
                let most = list.most(minutes, limit, now_ms, is_wanted);
                all.extend(most.into_iter().map(|(who, count)| (*offence, who, count)));
            }
        }
        all
    }
}

impl Who {
    /// As what an address counts (RFC 6177, 2).
    pub fn of(address: IpAddr) -> Who {
        match address.to_canonical() {
            IpAddr::V4(v4) => Who::Network(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => {
                let mut octets = v6.octets();
                octets[8..].fill(0);
                Who::Network(octets)
            }
        }
    }

    fn scope(self) -> u8 {
        match self {
            Who::App(_) => 0,
            Who::User { .. } => 1,
            Who::Network(_) => 2,
        }
    }

    fn is_of(self, app: u64) -> bool {
        match self {
            Who::App(of) | Who::User { app: of, .. } => of == app,
            Who::Network(_) => false,
        }
    }
}

impl fmt::Debug for Offenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offenders")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offence_has_its_lists_of_apps_users_and_networks() {
        let offenders = Offenders::default();
        for _ in 0..3 {
            offenders.user(Offence::Rate, 7, 34, 1_000);
        }
        offenders.user(Offence::Rate, 7, 0, 1_000);
        offenders.user(Offence::Load, 8, 1, 1_000);
        offenders.user(Offence::Load, 0, 1, 1_000);
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::ffff:2", "nobody"] {
            offenders.address(Offence::SignIn, address, 1_000);
        }
        let count = |count| Count { count, error: 0 };
        let network = |address: &str| Who::of(address.parse().unwrap());
        let mut most = offenders.most(MINUTES, 9, None, 1_000);
        most.sort_by_key(|(offence, who, _)| (*offence, *who));
        assert_eq!(
            most,
            [
                (Offence::Load, Who::App(8), count(1)),
                (Offence::Load, Who::User { app: 8, user: 1 }, count(1)),
                (Offence::Rate, Who::App(7), count(4)),
                (Offence::Rate, Who::User { app: 7, user: 34 }, count(3)),
                (Offence::SignIn, network("192.0.2.1"), count(2)),
                (Offence::SignIn, network("2001:db8::"), count(2)),
            ]
        );
        let of_one = offenders.most(MINUTES, 9, Some(8), 1_000);
        assert!(of_one.iter().all(|(_, who, _)| who.is_of(8)) && of_one.len() == 2);
        assert!(offenders.most(MINUTES, 9, None, 1_000 + MINUTES as i64 * 60_000).is_empty(), "it is long ago");
    }
}
