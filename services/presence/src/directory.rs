//! Which sessions a user has, and which edges a frame goes to. Rules: no clock, no store, no bus.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::presence::v1::Entrance;
use natter_proto::{AppId, UserId};

use crate::session::{SessionKey, UserKey};

/// The sessions of all users, from their first announcement to their end.
pub(crate) struct Directory {
    users: BTreeMap<UserKey, BTreeMap<SessionKey, Entry>>,
    /// How many there are of each app that has one.
    of_app: BTreeMap<AppId, usize>,
    /// Users with a session, by app.
    online: BTreeMap<AppId, usize>,
    limits: Limits,
    sessions: usize,
}

/// What is known of a session.
struct Entry {
    attention: Attention,
    facts: Option<Box<Facts>>,
}

/// How a session came, as its edge says: for operators. Nothing here depends on it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Facts {
    pub resource: String,
    pub entrance: Option<Entrance>,
}

/// Whether somebody looks at the client of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attention {
    Active,
    Inactive,
}

/// Most sessions at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub of_user: usize,
    pub of_app: usize,
}

/// Whose limit the session would be over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TooManySessions {
    OfUser,
    OfApp,
}

impl Directory {
    pub fn new(limits: Limits) -> Directory {
        let (of_app, online) = (BTreeMap::new(), BTreeMap::new());
        Directory { users: BTreeMap::new(), of_app, online, limits, sessions: 0 }
    }

    /// Adds the session if it is not there, and gives how many its user has.
    /// `of_app`: most sessions of this app, if not those of all.
    pub fn add(&mut self, user: UserKey, session: SessionKey, of_app: Option<usize>) -> Result<usize, TooManySessions> {
        if !self.has(user, &session) {
            self.check_room(user, of_app.unwrap_or(self.limits.of_app))?;
        }
        Ok(self.put_back(user, session))
    }

    /// Adds the session if it is not there, whatever its user and his app have, and gives how many its user has.
    pub fn put_back(&mut self, user: UserKey, session: SessionKey) -> usize {
        if !self.has(user, &session) {
            *self.of_app.entry(user.app).or_default() += 1;
            if !self.is_reachable(user) {
                *self.online.entry(user.app).or_default() += 1;
            }
            self.sessions += 1;
        }
        let sessions = self.users.entry(user).or_default();
        sessions.entry(session).or_insert(Entry { attention: Attention::Active, facts: None });
        sessions.len()
    }

    /// Forgets all sessions of these apps.
    pub fn forget(&mut self, is_lost: impl Fn(AppId) -> bool) {
        self.users.retain(|user, _| !is_lost(user.app));
        self.of_app.retain(|app, _| !is_lost(*app));
        self.online.retain(|app, _| !is_lost(*app));
        self.sessions = self.of_app.values().sum();
    }

    fn check_room(&self, user: UserKey, of_app: usize) -> Result<(), TooManySessions> {
        if self.users.get(&user).map_or(0, BTreeMap::len) >= self.limits.of_user {
            return Err(TooManySessions::OfUser);
        }
        match self.of_app.get(&user.app).copied().unwrap_or(0) >= of_app {
            true => Err(TooManySessions::OfApp),
            false => Ok(()),
        }
    }

    /// Removes the session, if it is there, and gives how many its user still has.
    pub fn remove(&mut self, user: UserKey, session: &SessionKey) -> usize {
        let Some(sessions) = self.users.get_mut(&user) else { return 0 };
        let removed = sessions.remove(session).is_some();
        let left = sessions.len();
        if left == 0 {
            self.users.remove(&user);
            if let Some(online) = self.online.get_mut(&user.app) {
                *online -= 1;
                if *online == 0 {
                    self.online.remove(&user.app);
                }
            }
        }
        if removed {
            self.forget_one_of(user.app);
        }
        left
    }

    fn forget_one_of(&mut self, app: AppId) {
        self.sessions -= 1;
        if let Some(count) = self.of_app.get_mut(&app) {
            *count -= 1;
            if *count == 0 {
                self.of_app.remove(&app);
            }
        }
    }

    pub fn has(&self, user: UserKey, session: &SessionKey) -> bool {
        self.users.get(&user).is_some_and(|sessions| sessions.contains_key(session))
    }

    pub fn is_reachable(&self, user: UserKey) -> bool {
        self.users.contains_key(&user)
    }

    /// Notes whether somebody looks at the client of a session. False: there is no such session.
    pub fn set_inactive(&mut self, user: UserKey, session: &SessionKey, inactive: bool) -> bool {
        let found = self.users.get_mut(&user).and_then(|sessions| sessions.get_mut(session));
        let is_there = found.is_some();
        if let Some(entry) = found {
            entry.attention = if inactive { Attention::Inactive } else { Attention::Active };
        }
        is_there
    }

    /// The user has sessions, and nobody looks at any of them.
    pub fn is_inactive(&self, user: UserKey) -> bool {
        self.users.get(&user).is_some_and(|sessions| sessions.values().all(|entry| entry.attention == Attention::Inactive))
    }

    /// The sessions of a user; nothing if he has none.
    pub fn sessions(&self, user: UserKey) -> Option<impl Iterator<Item = (&SessionKey, Attention)>> {
        Some(self.users.get(&user)?.iter().map(|(session, entry)| (session, entry.attention)))
    }

    /// Notes how a session came; what its edge does not say again stays. Of one that is not there nothing is noted.
    pub fn describe(&mut self, user: UserKey, session: &SessionKey, facts: Facts) {
        if let Some(entry) = self.users.get_mut(&user).and_then(|sessions| sessions.get_mut(session)) {
            let before = entry.facts.take().and_then(|before| before.entrance);
            entry.facts = Some(Box::new(Facts { entrance: facts.entrance.or(before), ..facts }));
        }
    }

    /// How a session came, if it is there and its edge said so.
    pub fn facts(&self, user: UserKey, session: &SessionKey) -> Option<&Facts> {
        self.users.get(&user)?.get(session)?.facts.as_deref()
    }

    /// How many users of an app have a session, and a page of them by id. Takes as long as the page and what it skips.
    pub fn online(&self, app: AppId, skip: usize, limit: usize) -> (usize, Vec<u64>) {
        let of_app = UserKey { app, user: UserId(0) }..=UserKey { app, user: UserId(u64::MAX) };
        let page = self.users.range(of_app).skip(skip).take(limit).map(|(user, _)| user.user.0).collect();
        (self.online.get(&app).copied().unwrap_or_default(), page)
    }

    /// Where what is for the users `to` is told: by edge, the users with a session there, ascending, each once.
    pub fn told(&self, app: AppId, to: &[u64]) -> BTreeMap<String, Vec<u64>> {
        let users: BTreeSet<u64> = to.iter().copied().collect();
        let mut edges: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for user in users {
            let Some(sessions) = self.users.get(&UserKey { app, user: UserId(user) }) else { continue };
            let mut last = None;
            for session in sessions.keys() {
                // Sessions on one edge stand together.
                if last.replace(&session.edge) == Some(&session.edge) {
                    continue;
                }
                match edges.get_mut(&session.edge) {
                    Some(users) => users.push(user),
                    None => drop(edges.insert(session.edge.clone(), vec![user])),
                }
            }
        }
        edges
    }

    /// Sessions of these runs of edges.
    pub fn of_boots(&self, boots: &BTreeSet<u64>) -> Vec<(UserKey, SessionKey)> {
        let sessions = self.users.iter().flat_map(|(user, sessions)| sessions.keys().map(|session| (*user, session)));
        sessions.filter(|(_, session)| boots.contains(&session.boot)).map(|(user, session)| (user, session.clone())).collect()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_app_may_have_a_limit_of_its_own() {
        let mut directory = Directory::new(Limits { of_user: 9, of_app: 2 });
        for n in 0..3 {
            assert!(directory.add(UserKey::new(1, n), session("a", n), Some(3)).is_ok());
        }
        let over = directory.add(UserKey::new(1, 9), session("a", 9), Some(3));
        assert_eq!(over, Err(TooManySessions::OfApp));
        assert!(directory.add(UserKey::new(2, 1), session("a", 20), Some(1)).is_ok());
        assert_eq!(directory.add(UserKey::new(2, 2), session("a", 21), Some(1)), Err(TooManySessions::OfApp));
    }

    #[test]
    fn each_edge_is_told_once_for_all_its_users() {
        let mut directory = Directory::new(LIMITS);
        for (user, edge, n) in [(1, "a", 1), (1, "a", 2), (1, "b", 3), (2, "a", 4), (3, "b", 5), (4, "b", 6)] {
            directory.add(user_key(user), session(edge, n), None).unwrap();
        }
        let told = |to: &[u64]| -> Vec<(String, Vec<u64>)> { directory.told(AppId(1), to).into_iter().collect() };
        assert_eq!(told(&[3, 2, 1, 1]), [("a".into(), vec![1, 2]), ("b".into(), vec![1, 3])]);
        assert_eq!(told(&[9]), []);
        assert!(directory.told(AppId(2), &[1, 2, 3]).is_empty(), "another app's users");
    }

    #[test]
    fn sessions_of_a_user_are_bounded_and_counted() {
        let mut directory = Directory::new(Limits { of_user: 2, ..LIMITS });
        assert_eq!(directory.add(user_key(1), session("a", 1), None), Ok(1));
        assert_eq!(directory.add(user_key(1), session("a", 2), None), Ok(2));
        assert_eq!(directory.add(user_key(1), session("a", 3), None), Err(TooManySessions::OfUser));
        assert_eq!(directory.add(user_key(1), session("a", 2), None), Ok(2), "announced again");
        assert_eq!(directory.add(user_key(2), session("a", 3), None), Ok(1), "another user");
        assert_eq!(directory.remove(user_key(1), &session("a", 9)), 2);
        assert_eq!(directory.remove(user_key(1), &session("a", 1)), 1);
        assert_eq!(directory.add(user_key(1), session("a", 3), None), Ok(2));
        assert_eq!(directory.len(), 3);
        assert_eq!(directory.remove(user_key(2), &session("a", 3)), 0);
        assert!(!directory.is_reachable(user_key(2)));
    }

    #[test]
    fn a_user_is_inactive_while_nobody_looks_at_any_of_his_sessions() {
        let mut directory = Directory::new(LIMITS);
        let (user, first, second) = (user_key(1), session("a", 1), session("b", 2));
        assert!(!directory.is_inactive(user), "who is not there is not inactive");
        assert!(!directory.set_inactive(user, &first, true), "nobody is there");
        directory.add(user, first.clone(), None).unwrap();
        directory.add(user, second.clone(), None).unwrap();
        assert!(!directory.is_inactive(user), "sessions begin as active");
        assert!(directory.set_inactive(user, &first, true));
        assert!(!directory.is_inactive(user));
        directory.add(user, first.clone(), None).unwrap();
        assert!(directory.set_inactive(user, &second, true));
        assert!(directory.is_inactive(user), "an announcement of the first one again changed nothing");
        assert!(directory.set_inactive(user, &second, false));
        assert!(!directory.is_inactive(user));
        directory.remove(user, &second);
        assert!(directory.is_inactive(user));
        directory.remove(user, &first);
        directory.add(user, first, None).unwrap();
        assert!(!directory.is_inactive(user), "what comes again begins anew");
    }

    #[test]
    fn sessions_of_an_app_are_bounded_and_apps_are_apart() {
        let mut directory = Directory::new(Limits { of_app: 2, ..LIMITS });
        assert_eq!(directory.add(user_key(1), session("a", 1), None), Ok(1));
        assert_eq!(directory.add(user_key(2), session("a", 2), None), Ok(1));
        assert_eq!(directory.add(user_key(3), session("a", 3), None), Err(TooManySessions::OfApp));
        assert!(!directory.is_reachable(user_key(3)), "a refusal leaves nothing behind");
        assert_eq!(directory.add(user_key(1), session("a", 1), None), Ok(1), "announced again");
        assert_eq!(directory.add(UserKey::new(2, 3), session("a", 3), None), Ok(1), "another app");
        assert_eq!(directory.remove(user_key(1), &session("a", 9)), 1, "one that is not there frees nothing");
        assert_eq!(directory.add(user_key(3), session("a", 3), None), Err(TooManySessions::OfApp));
        assert_eq!(directory.remove(user_key(2), &session("a", 2)), 0);
        assert_eq!(directory.remove(user_key(2), &session("a", 2)), 0, "twice frees no more");
        assert_eq!(directory.add(user_key(3), session("a", 3), None), Ok(1));
        assert_eq!(directory.add(user_key(3), session("a", 4), None), Err(TooManySessions::OfApp));
        assert_eq!(directory.len(), 3);
    }

    #[test]
    fn users_online_are_counted_and_listed_by_app() {
        let mut directory = Directory::new(Limits { of_user: 2, ..LIMITS });
        for (app, user, n) in [(1, 30, 1), (1, 4, 2), (1, 4, 3), (2, 5, 4), (1, 9, 5)] {
            directory.add(UserKey::new(app, user), session("a", n), None).unwrap();
        }
        assert!(directory.add(user_key(4), session("a", 6), None).is_err());
        assert_eq!(directory.online(AppId(1), 0, 10), (3, vec![4, 9, 30]));
        assert_eq!(directory.online(AppId(1), 1, 1), (3, vec![9]));
        assert_eq!(directory.online(AppId(1), 3, 1), (3, vec![]));
        assert_eq!(directory.online(AppId(3), 0, 10), (0, vec![]));
        directory.remove(user_key(4), &session("a", 2));
        assert_eq!(directory.online(AppId(1), 0, 1), (3, vec![4]), "with one session left");
        directory.remove(user_key(4), &session("a", 3));
        directory.remove(user_key(4), &session("a", 3));
        assert_eq!(directory.online(AppId(1), 0, 1), (2, vec![9]));
        directory.remove(UserKey::new(2, 5), &session("a", 4));
        assert_eq!(directory.online(AppId(2), 0, 1), (0, vec![]));
        assert!(!directory.online.contains_key(&AppId(2)), "nothing is kept of an app without sessions");
    }

    #[test]
    fn what_was_there_before_is_over_no_limit_and_a_forgotten_app_leaves_nothing() {
        let mut directory = Directory::new(Limits { of_user: 1, of_app: 1 });
        assert_eq!(directory.put_back(user_key(1), session("a", 1)), 1);
        assert_eq!(directory.put_back(user_key(1), session("a", 2)), 2);
        assert_eq!(directory.put_back(user_key(1), session("a", 2)), 2, "once more");
        assert_eq!(directory.put_back(UserKey::new(2, 1), session("a", 3)), 1);
        assert_eq!(directory.add(user_key(2), session("a", 4), None), Err(TooManySessions::OfApp));
        directory.forget(|app| app == AppId(1));
        assert_eq!((directory.len(), directory.online(AppId(1), 0, 9), directory.online(AppId(2), 0, 9).0), (1, (0, vec![]), 1));
        assert_eq!(directory.add(user_key(1), session("a", 1), None), Ok(1));
    }

    const LIMITS: Limits = Limits { of_user: 20, of_app: 100 };

    fn user_key(user: u64) -> UserKey {
        UserKey::new(1, user)
    }

    fn session(edge: &str, session: u64) -> SessionKey {
        SessionKey { edge: edge.into(), boot: 7, session }
    }
}
