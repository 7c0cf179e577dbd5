//! Who is in which room: sessions that entered the room of a dialog, by user. Rules: no clock, no store, no bus.
//!
//! Invariant: a user is in a room exactly as long as one of his sessions is. A session that died stays in its rooms for a while
//! (contract xmpp 1.8): its client comes back within seconds, and nobody is to hear of it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use natter_proto::{AppId, DialogId, UserId};

use crate::session::{SessionKey, UserKey};

/// The room of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RoomKey {
    pub app: AppId,
    pub dialog: DialogId,
}

/// All rooms that somebody is in.
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomKey, BTreeMap<UserId, BTreeSet<SessionKey>>>,
    /// Where each session is that is in any room.
    of_session: BTreeMap<SessionKey, BTreeSet<RoomKey>>,
    /// Sessions that died and are still in their rooms, and until when (unix milliseconds), ascending.
    leaving: VecDeque<(i64, UserKey, SessionKey)>,
    limits: Limits,
}

/// What rooms are bounded by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most rooms that one session is in.
    pub of_session: usize,
    /// Most other users that are told of one who enters or leaves, and that he is told of. In a larger room nobody is told.
    pub told: usize,
}

/// The session is in as many rooms as it may be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooManyRooms;

/// A session entered.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Entered {
    /// Users in the room besides, ascending; the first ones of a larger room.
    pub others: Vec<u64>,
    /// Who is to be told: nobody if the user was there already.
    pub tell: Vec<u64>,
}

/// A user left a room.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Left {
    pub room: RoomKey,
    pub user: UserId,
    /// Who is to be told, never nobody.
    pub tell: Vec<u64>,
}

impl Rooms {
    pub fn new(limits: Limits) -> Rooms {
        Rooms { rooms: BTreeMap::new(), of_session: BTreeMap::new(), leaving: VecDeque::new(), limits }
    }

    /// A session enters; once more changes nothing.
    pub fn enter(&mut self, room: RoomKey, user: UserKey, session: SessionKey) -> Result<Entered, TooManyRooms> {
        let rooms = self.of_session.get(&session);
        let is_in = rooms.is_some_and(|rooms| rooms.contains(&room));
        if !is_in && rooms.map_or(0, BTreeSet::len) >= self.limits.of_session {
            return Err(TooManyRooms);
        }
        Ok(self.put_back(room, user, session))
    }

    /// A session is in a room, whatever the limits: it was before.
    pub fn put_back(&mut self, room: RoomKey, user: UserKey, session: SessionKey) -> Entered {
        self.leaving.retain(|(_, _, leaving)| *leaving != session);
        let users = self.rooms.entry(room).or_default();
        let is_new = users.entry(user.user).or_default().insert(session.clone()) && users[&user.user].len() == 1;
        self.of_session.entry(session).or_default().insert(room);
        let others = users.keys().filter(|other| **other != user.user);
        let is_told = is_new && users.len() - 1 <= self.limits.told;
        let others: Vec<u64> = others.take(self.limits.told).map(|other| other.0).collect();
        Entered { tell: if is_told { others.clone() } else { Vec::new() }, others }
    }

    /// Who is to be told that a user left a room, if he is not in it. `None`: nobody.
    pub fn left(&self, room: RoomKey, user: UserId) -> Option<Left> {
        let users = self.rooms.get(&room)?;
        let is_told = !users.contains_key(&user) && users.len() <= self.limits.told;
        is_told.then(|| Left { room, user, tell: users.keys().map(|other| other.0).collect() })
    }

    /// Forgets the rooms of these apps, and who is in them.
    pub fn forget(&mut self, is_lost: impl Fn(AppId) -> bool) {
        self.rooms.retain(|room, _| !is_lost(room.app));
        self.leaving.retain(|(_, user, _)| !is_lost(user.app));
        self.of_session.retain(|_, rooms| {
            rooms.retain(|room| !is_lost(room.app));
            !rooms.is_empty()
        });
    }

    /// A session leaves a room it may be in. `None`: nobody is to be told.
    pub fn exit(&mut self, room: RoomKey, user: UserId, session: &SessionKey) -> Option<Left> {
        if let Some(rooms) = self.of_session.get_mut(session) {
            rooms.remove(&room);
            if rooms.is_empty() {
                self.of_session.remove(session);
            }
        }
        self.take_out(room, user, session)
    }

    /// A session ended: it leaves all its rooms.
    pub fn end(&mut self, user: UserId, session: &SessionKey) -> Vec<Left> {
        let rooms = self.of_session.remove(session).unwrap_or_default();
        rooms.into_iter().filter_map(|room| self.take_out(room, user, session)).collect()
    }

    /// A session died: it leaves its rooms at `until` (unix milliseconds), unless it enters one before.
    pub fn vanish(&mut self, until: i64, user: UserKey, session: SessionKey) {
        if self.of_session.contains_key(&session) {
            self.leaving.push_back((until, user, session));
        }
    }

    /// Sessions whose time has come leave.
    pub fn expire(&mut self, now: i64) -> Vec<Left> {
        let mut left = Vec::new();
        while let Some((_, user, session)) = self.leaving.pop_front_if(|(until, ..)| *until <= now) {
            left.extend(self.end(user.user, &session));
        }
        left
    }

    /// Takes users out with all their sessions, and gives who is still in the room, ascending.
    pub fn evict(&mut self, room: RoomKey, evicted: &[u64]) -> Vec<u64> {
        for user in evicted {
            let sessions = self.rooms.get_mut(&room).and_then(|users| users.remove(&UserId(*user))).unwrap_or_default();
            for session in sessions {
                self.exit(room, UserId(*user), &session);
            }
        }
        if self.rooms.get(&room).is_some_and(BTreeMap::is_empty) {
            self.rooms.remove(&room);
        }
        self.users(room)
    }

    /// Users in a room, ascending.
    pub fn users(&self, room: RoomKey) -> Vec<u64> {
        self.rooms.get(&room).map_or_else(Vec::new, |users| users.keys().map(|user| user.0).collect())
    }

    /// How many rooms there are with somebody in them.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    fn take_out(&mut self, room: RoomKey, user: UserId, session: &SessionKey) -> Option<Left> {
        let users = self.rooms.get_mut(&room)?;
        let sessions = users.get_mut(&user)?;
        if !sessions.remove(session) || !sessions.is_empty() {
            return None;
        }
        users.remove(&user);
        if users.is_empty() {
            self.rooms.remove(&room);
            return None;
        }
        self.left(room, user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_of_the_first_session_and_of_the_last() {
        let mut rooms = rooms();
        assert_eq!(enter(&mut rooms, A, 2, 20), (vec![], vec![]));
        assert_eq!(enter(&mut rooms, A, 3, 30), (vec![2], vec![2]));
        assert_eq!(enter(&mut rooms, A, 3, 31), (vec![2], vec![]), "a second device");
        assert_eq!(enter(&mut rooms, A, 3, 31), (vec![2], vec![]), "once more");
        assert_eq!(rooms.users(A), [2, 3]);
        assert_eq!(rooms.exit(A, UserId(3), &session(30)), None);
        assert_eq!(rooms.exit(A, UserId(3), &session(30)), None, "it is not there any more");
        assert_eq!(rooms.exit(A, UserId(3), &session(31)), Some(left(A, 3, &[2])));
        assert_eq!(rooms.exit(A, UserId(2), &session(20)), None, "nobody is left to tell");
        assert_eq!((rooms.len(), rooms.of_session.len()), (0, 0), "nothing stays behind");
    }

    #[test]
    fn a_session_that_ends_leaves_all_its_rooms() {
        let mut rooms = rooms();
        enter(&mut rooms, A, 2, 20);
        enter(&mut rooms, B, 2, 20);
        enter(&mut rooms, A, 3, 30);
        enter(&mut rooms, B, 3, 30);
        enter(&mut rooms, B, 3, 31);
        assert_eq!(rooms.end(UserId(3), &session(30)), [left(A, 3, &[2])], "another session is still in the other room");
        assert_eq!((rooms.users(A), rooms.users(B)), (vec![2], vec![2, 3]));
        assert_eq!(rooms.end(UserId(9), &session(99)), []);
    }

    #[test]
    fn who_died_is_there_for_a_while_and_stays_if_the_client_is_back() {
        let mut rooms = rooms();
        enter(&mut rooms, A, 2, 20);
        enter(&mut rooms, A, 3, 30);
        rooms.vanish(1_000, key(3), session(30));
        rooms.vanish(1_000, key(9), session(99));
        assert_eq!(rooms.leaving.len(), 1, "in no room");
        assert_eq!(rooms.expire(999), []);
        assert_eq!(rooms.users(A), [2, 3]);
        assert_eq!(rooms.expire(1_000), [left(A, 3, &[2])]);

        enter(&mut rooms, A, 3, 31);
        rooms.vanish(2_000, key(3), session(31));
        assert_eq!(enter(&mut rooms, A, 3, 32), (vec![2], vec![]), "back before anybody noticed");
        assert_eq!(rooms.expire(2_000), []);
        assert_eq!(rooms.users(A), [2, 3]);

        rooms.vanish(3_000, key(3), session(32));
        enter(&mut rooms, B, 3, 32);
        assert_eq!(rooms.expire(3_000), [], "it was not dead");
        assert_eq!(rooms.users(A), [2, 3]);
    }

    #[test]
    fn who_is_evicted_is_out_with_all_sessions_and_may_enter_again() {
        let mut rooms = rooms();
        enter(&mut rooms, A, 2, 20);
        enter(&mut rooms, A, 3, 30);
        enter(&mut rooms, A, 3, 31);
        enter(&mut rooms, B, 3, 30);
        assert_eq!(rooms.evict(A, &[3, 9]), [2]);
        assert_eq!(rooms.end(UserId(3), &session(31)), []);
        assert_eq!(rooms.users(B), [3], "another room");
        assert_eq!(enter(&mut rooms, A, 3, 31), (vec![2], vec![2]));
        assert_eq!(rooms.evict(A, &[2, 3]), [0_u64; 0]);
        assert_eq!(rooms.evict(B, &[3]), [0_u64; 0]);
        assert_eq!((rooms.len(), rooms.of_session.len()), (0, 0));
    }

    #[test]
    fn the_rooms_of_a_session_and_those_who_are_told_are_bounded() {
        let mut rooms = Rooms::new(Limits { of_session: 1, told: 2 });
        enter(&mut rooms, A, 2, 20);
        assert_eq!(rooms.enter(B, key(2), session(20)), Err(TooManyRooms));
        assert_eq!(rooms.users(B), [0_u64; 0], "a refusal leaves nothing behind");
        assert_eq!(enter(&mut rooms, A, 2, 20), (vec![], vec![]), "it is there");
        enter(&mut rooms, A, 3, 30);
        assert_eq!(enter(&mut rooms, A, 4, 40), (vec![2, 3], vec![2, 3]));
        assert_eq!(enter(&mut rooms, A, 5, 50), (vec![2, 3], vec![]), "too many to tell them");
        assert_eq!(enter(&mut rooms, A, 6, 60), (vec![2, 3], vec![]));
        assert_eq!(rooms.exit(A, UserId(6), &session(60)), None);
        assert_eq!(rooms.exit(A, UserId(5), &session(50)), None);
        assert_eq!(rooms.exit(A, UserId(4), &session(40)), Some(left(A, 4, &[2, 3])));
    }

    const A: RoomKey = RoomKey { app: AppId(1), dialog: DialogId([0xaa; 12]) };
    const B: RoomKey = RoomKey { app: AppId(1), dialog: DialogId([0xbb; 12]) };

    fn rooms() -> Rooms {
        Rooms::new(Limits { of_session: 10, told: 10 })
    }

    fn enter(rooms: &mut Rooms, room: RoomKey, user: u64, n: u64) -> (Vec<u64>, Vec<u64>) {
        let Ok(Entered { others, tell }) = rooms.enter(room, key(user), session(n)) else { panic!("too many") };
        (others, tell)
    }

    fn left(room: RoomKey, user: u64, tell: &[u64]) -> Left {
        Left { room, user: UserId(user), tell: tell.to_vec() }
    }

    fn key(user: u64) -> UserKey {
        UserKey::new(1, user)
    }

    fn session(session: u64) -> SessionKey {
        SessionKey { edge: "a".into(), boot: 7, session }
    }
}
