//! The default privacy lists of users, in memory: of everybody who has a session or may come back to one, and of those asked
//! about lately. Rules: no clock, no store, no bus.
//!
//! Invariant: what is known is what the store has, from the moment a change of it is answered.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use natter_proto::presence::v1::Verdict;
use natter_proto::{AppId, UserId};

use crate::privacy::{List, Passing, judge};
use crate::session::UserKey;

/// Who has which default list, and of whom it is known that he has none.
pub(crate) struct Defaults {
    lists: BTreeMap<UserKey, Arc<List>>,
    without: BTreeSet<UserKey>,
    /// Users known beside those who are needed.
    spare_max: usize,
    /// How many are known before those who are not needed are looked for.
    full_at: usize,
}

impl Defaults {
    pub fn new(spare_max: usize) -> Defaults {
        Defaults { lists: BTreeMap::new(), without: BTreeSet::new(), spare_max, full_at: spare_max }
    }

    /// The user's list, or that he has none; `None`: not known.
    pub fn get(&self, user: UserKey) -> Option<Option<Arc<List>>> {
        match self.lists.get(&user) {
            Some(list) => Some(Some(Arc::clone(list))),
            None => self.without.contains(&user).then_some(None),
        }
    }

    pub fn put(&mut self, user: UserKey, list: Option<Arc<List>>) {
        match list {
            Some(list) => {
                self.without.remove(&user);
                self.lists.insert(user, list);
            }
            None => {
                self.lists.remove(&user);
                self.without.insert(user);
            }
        }
    }

    /// More are known than should be: time to [`forget`](Defaults::forget).
    pub fn is_full(&self) -> bool {
        self.lists.len() + self.without.len() > self.full_at
    }

    /// Forgets all users but those who are needed.
    pub fn forget(&mut self, is_needed: impl Fn(UserKey) -> bool) {
        self.lists.retain(|user, _| is_needed(*user));
        self.without.retain(|user| is_needed(*user));
        self.full_at = self.lists.len() + self.without.len() + self.spare_max;
    }

    /// Whether something gets from one user to another, as far as their lists are known.
    pub fn judge(&self, app: AppId, from: UserId, to: UserId, passing: Passing) -> Verdict {
        let list = |user| self.lists.get(&UserKey { app, user }).map(|list| &**list);
        judge((from, list(from)), (to, list(to)), passing)
    }

    /// Whether anybody of the app is known to have a list: of the others nothing has to be judged.
    pub fn has_any(&self, app: AppId) -> bool {
        let of_app = UserKey { app, user: UserId(0) }..=UserKey { app, user: UserId(u64::MAX) };
        self.lists.range(of_app).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use natter_proto::presence::v1::PrivacyItem;

    #[test]
    fn who_has_none_is_known_too_and_apps_are_apart() {
        let mut defaults = Defaults::new(9);
        assert_eq!(defaults.get(key(1)), None);
        defaults.put(key(1), None);
        assert_eq!(defaults.get(key(1)), Some(None));
        assert!(!defaults.has_any(AppId(1)));
        defaults.put(key(1), Some(list()));
        assert_eq!(defaults.get(key(1)), Some(Some(list())));
        assert!(defaults.has_any(AppId(1)) && !defaults.has_any(AppId(2)));
        let judged = |app| defaults.judge(AppId(app), UserId(78), UserId(1), Passing::Message);
        assert_eq!((judged(1), judged(2)), (Verdict::Blocked, Verdict::Passes));
        defaults.put(key(1), None);
        assert!(defaults.lists.is_empty());
    }

    #[test]
    fn who_is_needed_is_not_forgotten_and_the_others_are_bounded() {
        let mut defaults = Defaults::new(2);
        for user in 1..=3 {
            assert!(!defaults.is_full());
            defaults.put(key(user), Some(list()).filter(|_| user == 1));
        }
        assert!(defaults.is_full());
        defaults.forget(|user| user.user.0 <= 2);
        assert_eq!((defaults.get(key(1)), defaults.get(key(2)), defaults.get(key(3))), (Some(Some(list())), Some(None), None));
        for user in 4..=5 {
            defaults.put(key(user), None);
            assert!(!defaults.is_full(), "room beside those who are needed");
        }
        defaults.put(key(6), None);
        assert!(defaults.is_full());
    }

    fn key(user: u64) -> UserKey {
        UserKey::new(1, user)
    }

    fn list() -> Arc<List> {
        Arc::new(List::kept(vec![PrivacyItem { user: 78, ..PrivacyItem::default() }]))
    }
}
