//! What is not told of an app before it is known who is there: goings that may be none, and who has come without hearing of those who
//! were there before. Rules: no clock, no store, no bus.
//!
//! Bound: all of it came by calls within the time that an app is learned.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::{AppId, UserId};

use crate::activity::Ended;
use crate::rooms::RoomKey;
use crate::session::UserKey;

/// Of all apps that are being learned.
#[derive(Default)]
pub(crate) struct Withheld {
    /// Users of whom a session came, or entered a room.
    newcomers: BTreeSet<UserKey>,
    ended: Vec<Ended>,
    left: BTreeSet<(RoomKey, UserId)>,
}

impl Withheld {
    /// The user is to hear of those that are announced again: he was not told that they are there.
    pub fn came(&mut self, user: UserKey) {
        self.newcomers.insert(user);
    }

    /// Those of these users of an app who came.
    pub fn newcomers(&self, app: AppId, users: impl IntoIterator<Item = u64>) -> Vec<u64> {
        users.into_iter().filter(|user| self.newcomers.contains(&UserKey { app, user: UserId(*user) })).collect()
    }

    /// A session is not available any more; another of its user may not be known yet.
    pub fn ended(&mut self, ended: Ended) {
        self.ended.push(ended);
    }

    /// A user is in a room with no session that is known.
    pub fn left(&mut self, room: RoomKey, user: UserId) {
        self.left.insert((room, user));
    }

    /// Takes what is withheld of some apps.
    pub fn take(&mut self, of: impl Fn(AppId) -> bool) -> (Vec<Ended>, Vec<(RoomKey, UserId)>) {
        self.newcomers.retain(|user| !of(user.app));
        let ended = self.ended.extract_if(.., |ended| of(ended.user.app)).collect();
        let left = self.left.extract_if(.., |(room, _)| of(room.app)).collect();
        (ended, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use natter_proto::DialogId;

    #[test]
    fn of_each_app_it_is_taken_once_and_of_no_other() {
        let mut withheld = Withheld::default();
        let ended = |app| Ended { user: UserKey::new(app, 34), resource: "r".into(), seen_at: Some(1) };
        let room = |app| RoomKey { app: AppId(app), dialog: DialogId([1; 12]) };
        for app in [1, 2] {
            withheld.came(UserKey::new(app, 34));
            withheld.ended(ended(app));
            withheld.left(room(app), UserId(34));
        }
        assert_eq!(withheld.newcomers(AppId(1), [35, 34]), [34]);
        assert_eq!(withheld.take(|app| app == AppId(1)), (vec![ended(1)], vec![(room(1), UserId(34))]));
        assert_eq!(withheld.newcomers(AppId(1), [34]), [0; 0]);
        assert_eq!(withheld.take(|app| app == AppId(1)), (vec![], vec![]));
        assert_eq!(withheld.newcomers(AppId(2), [34]), [34]);
        assert_eq!(withheld.take(|_| true), (vec![ended(2)], vec![(room(2), UserId(34))]));
    }
}
