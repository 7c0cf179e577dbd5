//! How often something may happen, by key: what a mailbox is for space, this is for time. Pure; the clock and the lock are the
//! caller's.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

/// Keys before the idle ones are dropped for the first time.
const KEYS_BEFORE_SWEEP: usize = 10_000;
const SECOND_US: i64 = 1_000_000;

/// A rate per key: one more is let through while the last second saw fewer than the rate. An idle key is forgotten, so the map
/// is bounded by the keys of the last second, and by `keys_max`.
///
/// Per key it keeps the instant at which it would be idle again, had its requests come evenly (GCRA, ITU-T I.371): one number
/// instead of a window.
pub struct Rates<K> {
    /// Microseconds that one request takes up.
    gap_us: i64,
    idle_at: BTreeMap<K, i64>,
    sweep_at: usize,
    keys_max: usize,
}

impl<K: Ord + Copy> Rates<K> {
    /// So many per second, 0 for none at all; beyond `keys_max` busy keys a further one gets nothing.
    pub fn new(per_second: u32, keys_max: usize) -> Rates<K> {
        Rates { gap_us: gap_us(per_second), idle_at: BTreeMap::new(), sweep_at: KEYS_BEFORE_SWEEP.min(keys_max), keys_max }
    }

    /// Counts one, unless the key is over its rate; says whether it may happen. `now_ms`: unix milliseconds.
    pub fn admit(&mut self, key: K, now_ms: i64) -> bool {
        self.admit_every(self.gap_us, key, now_ms)
    }

    /// The same for a key with a rate of its own, so many per second.
    pub fn admit_at(&mut self, per_second: u32, key: K, now_ms: i64) -> bool {
        self.admit_every(gap_us(per_second), key, now_ms)
    }

    fn admit_every(&mut self, gap_us: i64, key: K, now_ms: i64) -> bool {
        if self.idle_at.len() >= self.sweep_at {
            self.sweep(now_ms);
        }
        let full = self.idle_at.len() >= self.keys_max && !self.idle_at.contains_key(&key);
        let idle_at = self.idle_at(key, now_ms) + gap_us;
        if full || idle_at > now_ms * 1000 + SECOND_US {
            return false;
        }
        self.idle_at.insert(key, idle_at);
        true
    }

    /// Whether one more would be refused. Counts nothing.
    pub fn is_over(&self, key: K, now_ms: i64) -> bool {
        self.is_over_every(self.gap_us, key, now_ms)
    }

    /// The same for a key with a rate of its own, so many per second.
    pub fn is_over_at(&self, per_second: u32, key: K, now_ms: i64) -> bool {
        self.is_over_every(gap_us(per_second), key, now_ms)
    }

    fn is_over_every(&self, gap_us: i64, key: K, now_ms: i64) -> bool {
        self.idle_at(key, now_ms) + gap_us > now_ms * 1000 + SECOND_US
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.idle_at.len()
    }

    /// Whether no key is kept.
    pub fn is_empty(&self) -> bool {
        self.idle_at.is_empty()
    }

    fn idle_at(&self, key: K, now_ms: i64) -> i64 {
        let now_us = now_ms * 1000;
        // More than a second ahead was noted before the clock was set back; nobody waits for that.
        let ahead = self.idle_at.get(&key).filter(|idle_at| **idle_at <= now_us + SECOND_US);
        ahead.map_or(now_us, |idle_at| (*idle_at).max(now_us))
    }

    // Sweeping when the map has doubled keeps the price of a request constant.
    fn sweep(&mut self, now_ms: i64) {
        let now_us = now_ms * 1000;
        self.idle_at.retain(|_, idle_at| (now_us + 1..=now_us + SECOND_US).contains(idle_at));
        self.sweep_at = (2 * self.idle_at.len()).max(KEYS_BEFORE_SWEEP).min(self.keys_max);
    }
}

fn gap_us(per_second: u32) -> i64 {
    SECOND_US.checked_div(i64::from(per_second)).map_or(2 * SECOND_US, |gap| gap.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_its_rate_and_a_second_later_again() {
        let mut rates = Rates::new(50, 100);
        assert_eq!(admitted(&mut rates, 34, 0), 50);
        assert!(rates.is_over(34, 0) && !rates.is_over(78, 0));
        assert_eq!(admitted(&mut rates, 34, 20), 1);
        assert_eq!(admitted(&mut rates, 78, 20), 50, "keys are apart");
        assert_eq!(admitted(&mut rates, 34, 2_000), 50);
    }

    #[test]
    fn a_key_may_have_a_rate_of_its_own() {
        let mut rates = Rates::new(50, 100);
        assert_eq!((0..99).filter(|_| rates.admit_at(3, 34, 0)).count(), 3);
        assert_eq!(admitted(&mut rates, 78, 0), 50, "of others nothing is different");
        assert_eq!((0..99).filter(|_| rates.admit_at(100, 56, 0)).count(), 99);
        assert!(!rates.admit_at(0, 90, 0));
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through() {
        assert!(!Rates::new(0, 100).admit(1, 0));
    }

    #[test]
    fn idle_keys_are_forgotten() {
        let mut rates = Rates::new(50, 200_000);
        for key in 1..=60_000 {
            rates.admit(key, key);
        }
        assert!(rates.len() <= 2 * KEYS_BEFORE_SWEEP, "{}", rates.len());
    }

    #[test]
    fn a_full_map_serves_the_keys_it_has_and_another_when_they_are_idle() {
        let mut rates = Rates::new(2, 3);
        assert!([1, 2, 3].into_iter().all(|key| rates.admit(key, 0)));
        assert!(!rates.admit(4, 0), "one key too many");
        assert!(rates.admit(1, 0), "a known key is not held up");
        assert_eq!(rates.len(), 3);
        assert!(rates.admit(4, 1_000));
    }

    #[test]
    fn a_clock_set_back_holds_nobody_up() {
        let mut rates = Rates::new(5, 100);
        assert_eq!(admitted(&mut rates, 1, 3_600_000), 5);
        assert_eq!(admitted(&mut rates, 1, 0), 5);
    }

    fn admitted(rates: &mut Rates<i64>, key: i64, now_ms: i64) -> usize {
        (0..200).filter(|_| rates.admit(key, now_ms)).count()
    }
}
