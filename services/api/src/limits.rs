//! Rates per user and per app: a request is let through while the last second saw fewer than the rate.
//!
//! The keys are ids of resolved tokens, never text of a request, and an idle key is forgotten: the maps are bounded by the
//! users that asked something within the last second.

use natter_actor::{Dial, Rates};
use parking_lot::Mutex;

/// Most keys of one map.
const KEYS_MAX: usize = 200_000;

/// The rate limits of the door. Shared by its workers.
pub(crate) struct Limits {
    user_rate: Dial,
    app_rate: Dial,
    users: Mutex<Rates<(u64, u64)>>,
    apps: Mutex<Rates<u64>>,
}

impl Limits {
    /// Rates in requests per second; 0 lets nothing through.
    pub(crate) fn new(user_rate: u32, app_rate: u32) -> Limits {
        Limits {
            user_rate: Dial::new("api.user_rate", user_rate),
            app_rate: Dial::new("api.app_rate", app_rate),
            users: Mutex::new(Rates::new(user_rate, KEYS_MAX)),
            apps: Mutex::new(Rates::new(app_rate, KEYS_MAX)),
        }
    }

    /// Those that may be changed while the door is open.
    pub(crate) fn dials(&self) -> Vec<Dial> {
        vec![self.user_rate.clone(), self.app_rate.clone()]
    }

    /// Counts one request of a user (0: of an app session) and its app. False: over a rate, and nothing was counted for
    /// the app. `app_rate`: of this app; 0: that of the installation.
    pub(crate) fn admit(&self, app: u64, user: u64, app_rate: u64, now_ms: i64) -> bool {
        let user_admits = user == 0 || self.users.lock().admit_at(self.user_rate.get(), (app, user), now_ms);
        let app_rate = match app_rate {
            0 => self.app_rate.get(),
            rate => u32::try_from(rate).unwrap_or(u32::MAX),
        };
        user_admits && self.apps.lock().admit_at(app_rate, app, now_ms)
    }

    /// Whether an app is over its rate, without counting: asked where the app is only claimed, so that strangers cannot
    /// use up the rate of somebody else's app, nor fill the map with names.
    pub(crate) fn app_is_over(&self, app: u64, now_ms: i64) -> bool {
        self.apps.lock().is_over_at(self.app_rate.get(), app, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_over_its_rate_takes_nothing_from_its_app() {
        let limits = Limits::new(3, 5);
        assert_eq!((0..20).filter(|_| limits.admit(1, 34, 0, 0)).count(), 3);
        assert_eq!((0..20).filter(|_| limits.admit(1, 78, 0, 0)).count(), 2);
        assert!(limits.admit(2, 34, 0, 0), "the same number in another app");
    }

    #[test]
    fn an_app_is_bounded_over_all_its_users_and_apps_are_apart() {
        let limits = Limits::new(1_000, 10);
        assert_eq!((0..20).filter(|user| limits.admit(1, 1 + user, 0, 0)).count(), 10);
        assert!(limits.app_is_over(1, 0) && !limits.app_is_over(2, 0));
        assert!(limits.admit(2, 1, 0, 0));
    }

    #[test]
    fn rates_that_are_turned_hold_at_once() {
        let limits = Limits::new(100, 100);
        let [user_rate, app_rate] = limits.dials().try_into().unwrap();
        user_rate.turn(Some(3));
        assert_eq!((0..20).filter(|_| limits.admit(1, 34, 0, 0)).count(), 3);
        app_rate.turn(Some(5));
        // The three before took up 10 ms each, these take up 200.
        assert_eq!((0..20).filter(|user| limits.admit(1, 100 + user, 0, 0)).count(), 4);
        assert!(limits.app_is_over(1, 0));
        app_rate.turn(None);
        assert!(!limits.app_is_over(1, 0) && limits.admit(1, 200, 0, 0));
    }

    #[test]
    fn an_app_may_have_a_rate_of_its_own() {
        let limits = Limits::new(1_000, 10);
        assert_eq!((0..20).filter(|user| limits.admit(1, 1 + user, 3, 0)).count(), 3);
        assert_eq!((0..20).filter(|user| limits.admit(2, 1 + user, 15, 0)).count(), 15);
        assert_eq!((0..20).filter(|user| limits.admit(3, 1 + user, 0, 0)).count(), 10);
    }
}
