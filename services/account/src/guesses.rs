//! How often passwords may be guessed: wrong ones are counted per user and per address, over a minute each. Pure;
//! the clock and the lock are the caller's.
//!
//! A dead token is not a guess, and a right password is never counted. Whoever is over the limit is refused before anything
//! is compared, also with the right password: else the refusal would tell which guess was right.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

const MINUTE_MS: i64 = 60_000;
/// Entries per table. A user's entry costs the guesser an Argon2 run, so a real table stays far below.
const ENTRIES_MAX: usize = 65_536;

/// Wrong passwords allowed per minute.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub user: u32,
    pub address: u32,
}

/// The wrong passwords of the running minutes.
#[derive(Default)]
pub struct Guesses {
    users: Table<(u64, u64)>,
    addresses: Table<String>,
}

impl Guesses {
    /// Whether one more password of `(app, user)` from `address` may be looked at. Without a user only the address counts.
    pub fn allowed(&self, limits: Limits, user: Option<(u64, u64)>, address: &str, now: i64) -> bool {
        let of_user = user.map_or(0, |user| self.users.count(&user, now));
        of_user < limits.user && self.addresses.count(&network(address), now) < limits.address
    }

    /// Counts a wrong password.
    pub fn wrong(&mut self, user: Option<(u64, u64)>, address: &str, now: i64) {
        if let Some(user) = user {
            self.users.add(user, now);
        }
        // A caller inside the house (the console) has no address.
        if !address.is_empty() {
            self.addresses.add(network(address), now);
        }
    }
}

/// What an address counts as. Whoever has one of IPv6 has 2^64 of them, so they count as one (RFC 6177, 2).
pub fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => address.chars().take(64).collect(),
    }
}

/// How often each key was counted in its running minute, or whatever span it is.
pub struct Table<K> {
    counts: BTreeMap<K, Count>,
    span: i64,
}

struct Count {
    since: i64,
    wrong: u32,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Table::over(MINUTE_MS)
    }
}

impl<K> Table<K> {
    /// A table that counts over so many milliseconds, a minute by default.
    pub fn over(span: i64) -> Table<K> {
        Table { counts: BTreeMap::new(), span }
    }
}

impl<K: Ord> Table<K> {
    /// How often in the running minute.
    pub fn count(&self, key: &K, now: i64) -> u32 {
        self.counts.get(key).filter(|count| count.is_running(now, self.span)).map_or(0, |count| count.wrong)
    }

    /// Counts once more.
    pub fn add(&mut self, key: K, now: i64) {
        let span = self.span;
        if self.counts.len() >= ENTRIES_MAX {
            self.counts.retain(|_, count| count.is_running(now, span));
        }
        if self.counts.len() >= ENTRIES_MAX && !self.counts.contains_key(&key) {
            return;
        }
        let count = self.counts.entry(key).or_insert(Count { since: now, wrong: 0 });
        if !count.is_running(now, span) {
            *count = Count { since: now, wrong: 0 };
        }
        count.wrong = count.wrong.saturating_add(1);
    }
}

impl Count {
    fn is_running(&self, now: i64, span: i64) -> bool {
        now.saturating_sub(self.since) < span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { user: 10, address: 300 };
    const ANN: Option<(u64, u64)> = Some((1, 7));

    #[test]
    fn the_eleventh_guess_at_a_user_waits_for_the_next_minute() {
        let mut guesses = Guesses::default();
        for n in 0..10 {
            let address = format!("192.0.2.{n}");
            assert!(guesses.allowed(LIMITS, ANN, &address, 0));
            guesses.wrong(ANN, &address, 0);
        }
        assert!(!guesses.allowed(LIMITS, ANN, "198.51.100.1", 59_999), "from another address too");
        assert!(guesses.allowed(LIMITS, Some((1, 8)), "192.0.2.1", 59_999), "another user is not held up");
        assert!(guesses.allowed(LIMITS, Some((2, 7)), "192.0.2.1", 59_999), "nor the same number in another app");
        assert!(guesses.allowed(LIMITS, ANN, "192.0.2.1", 60_000));
    }

    #[test]
    fn an_address_may_guess_at_many_users_only_so_often() {
        let mut guesses = Guesses::default();
        for user in 0..300 {
            guesses.wrong(Some((1, user)), "2001:db8:1:2::5", 0);
        }
        assert!(!guesses.allowed(LIMITS, Some((1, 900)), "2001:db8:1:2:ffff::6", 0), "the whole network is one guesser");
        assert!(guesses.allowed(LIMITS, Some((1, 900)), "2001:db8:1:3::5", 0));
        assert!(!guesses.allowed(LIMITS, None, "2001:db8:1:2::7", 0));
    }

    #[test]
    fn the_tables_do_not_grow_without_end() {
        let mut guesses = Guesses::default();
        for n in 0..(ENTRIES_MAX as u64 + 10) {
            guesses.wrong(Some((1, n)), "", 0);
        }
        assert_eq!(guesses.users.counts.len(), ENTRIES_MAX);
        guesses.wrong(Some((2, 1)), "", 60_000);
        assert_eq!(guesses.users.counts.len(), 1, "what is over makes room");
        assert!(guesses.addresses.counts.is_empty());
    }
}
