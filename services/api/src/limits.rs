//! Rates per user and per app: a request is let through while the last second saw fewer than the rate.
//!
//! The keys are ids of resolved tokens, never text of a request, and an idle key is forgotten: the maps are bounded by the
//! users that asked something within the last second.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Keys of one map before the idle ones are dropped, and the most that are kept.
const KEYS_BEFORE_SWEEP: usize = 10_000;
const KEYS_MAX: usize = 200_000;

const SECOND_US: i64 = 1_000_000;

/// The rate limits of the door. Shared by its workers.
pub(crate) struct Limits {
    users: Mutex<Rates<(u64, u64)>>,
    apps: Mutex<Rates<u64>>,
}

impl Limits {
    /// Rates in requests per second; 0 lets nothing through.
    pub(crate) fn new(user_rate: u32, app_rate: u32) -> Limits {
        Limits { users: Mutex::new(Rates::new(user_rate)), apps: Mutex::new(Rates::new(app_rate)) }
    }

    /// Counts one request of a user (0: of an app session) and its app. False: over a rate, and nothing was counted for
    /// the app.
    pub(crate) fn admit(&self, app: u64, user: u64, now_ms: i64) -> bool {
        let user_admits = user == 0 || self.users.lock().admit((app, user), now_ms);
        user_admits && self.apps.lock().admit(app, now_ms)
    }

    /// Whether an app is over its rate, without counting: asked where the app is only claimed, so that strangers cannot
    /// use up the rate of somebody else's app, nor fill the map with names.
    pub(crate) fn app_is_over(&self, app: u64, now_ms: i64) -> bool {
        self.apps.lock().is_over(app, now_ms)
    }
}

// Per key the instant at which it would be idle again, had its requests come evenly (GCRA): one number instead of a window.
struct Rates<K> {
    /// Microseconds that one request takes up.
    gap_us: i64,
    idle_at: BTreeMap<K, i64>,
    sweep_at: usize,
}

impl<K: Ord + Copy> Rates<K> {
    fn new(rate: u32) -> Rates<K> {
        let gap_us = SECOND_US.checked_div(i64::from(rate)).map_or(2 * SECOND_US, |gap| gap.max(1));
        Rates { gap_us, idle_at: BTreeMap::new(), sweep_at: KEYS_BEFORE_SWEEP }
    }

    fn admit(&mut self, key: K, now_ms: i64) -> bool {
        if self.idle_at.len() > self.sweep_at {
            self.sweep(now_ms);
        }
        let full = self.idle_at.len() >= KEYS_MAX && !self.idle_at.contains_key(&key);
        if full || self.is_over(key, now_ms) {
            return false;
        }
        let now_us = now_ms * 1000;
        let idle_at = self.idle_at.entry(key).or_insert(now_us);
        *idle_at = (*idle_at).max(now_us) + self.gap_us;
        true
    }

    fn is_over(&self, key: K, now_ms: i64) -> bool {
        let now_us = now_ms * 1000;
        let idle_at = self.idle_at.get(&key).map_or(now_us, |idle_at| (*idle_at).max(now_us));
        idle_at + self.gap_us > now_us + SECOND_US
    }

    // Sweeping when the map has doubled keeps the price of a request constant.
    fn sweep(&mut self, now_ms: i64) {
        self.idle_at.retain(|_, idle_at| *idle_at > now_ms * 1000);
        self.sweep_at = (2 * self.idle_at.len()).clamp(KEYS_BEFORE_SWEEP, KEYS_MAX - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_gets_its_rate_and_a_second_later_again() {
        let limits = Limits::new(50, 5_000);
        assert_eq!(admitted(&limits, 34, 0), 50);
        assert_eq!(admitted(&limits, 34, 20), 1);
        assert_eq!(admitted(&limits, 78, 20), 50);
        assert_eq!(admitted(&limits, 34, 2_000), 50);
    }

    #[test]
    fn an_app_is_bounded_over_all_its_users_and_apps_are_apart() {
        let limits = Limits::new(1_000, 10);
        assert_eq!((0..20).filter(|user| limits.admit(1, 1 + user, 0)).count(), 10);
        assert!(limits.app_is_over(1, 0) && !limits.app_is_over(2, 0));
        assert!(limits.admit(2, 1, 0));
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through() {
        assert!(!Limits::new(0, 10).admit(1, 1, 0));
    }

    #[test]
    fn idle_users_are_forgotten() {
        let limits = Limits::new(50, u32::MAX);
        for user in 1..=60_000 {
            limits.admit(1, user, user as i64);
        }
        assert!(limits.users.lock().idle_at.len() <= 2 * KEYS_BEFORE_SWEEP);
    }

    fn admitted(limits: &Limits, user: u64, now_ms: i64) -> usize {
        (0..200).filter(|_| limits.admit(1, user, now_ms)).count()
    }
}
