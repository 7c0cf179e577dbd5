//! Who is there, and who wants to know: available sessions by user, and sessions that watch a user (contract xmpp 8). Rules: no
//! clock, no store, no bus.
//!
//! Invariant: a user is there exactly as long as one of his sessions is. A session that died stays for a while (contract
//! xmpp 1.8): its client comes back within seconds, and nobody is to hear of it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use natter_proto::event::v1::Shown;
use natter_proto::{AppId, UserId};

use crate::session::{Scope, SessionKey, UserKey};

/// The users of all apps that are there, and those that are watched.
#[derive(Default)]
pub(crate) struct Activity {
    there: BTreeMap<UserKey, There>,
    /// Sessions that died, the oldest first.
    dead: VecDeque<Dead>,
    /// When each of them died. One that is not here any more came back.
    died: BTreeMap<SessionKey, i64>,
    watchers: BTreeMap<UserKey, BTreeSet<(UserId, SessionKey)>>,
    watched: BTreeMap<SessionKey, BTreeSet<UserKey>>,
    watched_max: usize,
}

#[derive(Default)]
struct There {
    sessions: BTreeMap<SessionKey, Visible>,
    /// When the last of his sessions that ended did, unix milliseconds.
    seen_at: i64,
}

/// A session as contacts see it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Visible {
    pub resource: String,
    pub shown: Option<Shown>,
}

struct Dead {
    at: i64,
    user: UserKey,
    session: SessionKey,
}

/// What an arrival means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// The user was not there before.
    First,
    /// A further session of his.
    Another,
    /// The session was available already, and shows something else from now on.
    Changed,
    /// The session was available already.
    Again,
}

/// A session that is not available any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    pub user: UserKey,
    pub resource: String,
    /// It was the last one of its user: when he was last there, unix milliseconds.
    pub seen_at: Option<i64>,
}

/// The session watches as many users as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooManyWatched;

impl Activity {
    /// Nobody is there. A session watches at most `watched_max` users.
    pub fn new(watched_max: usize) -> Activity {
        Activity { watched_max, ..Activity::default() }
    }

    /// A session became available, or says so again.
    pub fn arrive(&mut self, user: UserKey, session: SessionKey, visible: Visible) -> Arrival {
        self.died.remove(&session);
        let there = self.there.entry(user).or_default();
        match there.sessions.insert(session.clone(), visible) {
            Some(earlier) if there.sessions.get(&session) != Some(&earlier) => Arrival::Changed,
            Some(_) => Arrival::Again,
            None if there.sessions.len() == 1 => Arrival::First,
            None => Arrival::Another,
        }
    }

    /// A session ended with a goodbye, or became unavailable. It watches nobody any more.
    pub fn leave(&mut self, at: i64, user: UserKey, session: &SessionKey) -> Option<Ended> {
        self.unwatch_all(user, session);
        self.died.remove(session);
        self.take_out(at, user, session)
    }

    /// A session died. Its user is there until [`expire`](Activity::expire). It watches nobody any more.
    pub fn vanish(&mut self, at: i64, user: UserKey, session: SessionKey) {
        self.unwatch_all(user, &session);
        if self.there.get(&user).is_some_and(|there| there.sessions.contains_key(&session)) {
            self.died.insert(session.clone(), at);
            self.dead.push_back(Dead { at, user, session });
        }
    }

    /// Sessions that died at `upto` or before are gone, unless they came back.
    pub fn expire(&mut self, upto: i64) -> Vec<Ended> {
        let mut ended = Vec::new();
        while let Some(Dead { at, user, session }) = self.dead.pop_front_if(|dead| dead.at <= upto) {
            if self.died.get(&session) == Some(&at) {
                self.died.remove(&session);
                ended.extend(self.take_out(at, user, &session));
            }
        }
        ended
    }

    /// Forgets those who died and may come back, and who watches them. Of sessions that live nothing is known any more either.
    pub fn erase(&mut self, scope: Scope) {
        self.there.retain(|user, _| !scope.holds(*user));
        let watched: Vec<UserKey> = self.watchers.keys().copied().filter(|user| scope.holds(*user)).collect();
        for user in watched {
            for (_, session) in self.watchers.remove(&user).unwrap_or_default() {
                if let Some(watched) = self.watched.get_mut(&session) {
                    watched.remove(&user);
                    if watched.is_empty() {
                        self.watched.remove(&session);
                    }
                }
            }
        }
    }

    /// Forgets the users of these apps, and who watches them.
    pub fn forget(&mut self, is_lost: impl Fn(AppId) -> bool) {
        self.there.retain(|user, _| !is_lost(user.app));
        self.watchers.retain(|user, _| !is_lost(user.app));
        self.watched.retain(|_, users| {
            users.retain(|user| !is_lost(user.app));
            !users.is_empty()
        });
        let died = &mut self.died;
        self.dead.retain(|dead| {
            if is_lost(dead.user.app) {
                died.remove(&dead.session);
            }
            !is_lost(dead.user.app)
        });
    }

    pub fn is_there(&self, user: UserKey) -> bool {
        self.there.contains_key(&user)
    }

    pub fn has(&self, user: UserKey, session: &SessionKey) -> bool {
        self.there.get(&user).is_some_and(|there| there.sessions.contains_key(session))
    }

    /// A user's available sessions, and those that died and may come back.
    pub fn visible(&self, user: UserKey) -> Vec<Visible> {
        self.there.get(&user).map_or_else(Vec::new, |there| there.sessions.values().cloned().collect())
    }

    /// A session watches a user, or no more. Once more changes nothing.
    pub fn watch(&mut self, watcher: UserKey, session: SessionKey, user: UserKey, enable: bool) -> Result<(), TooManyWatched> {
        if !enable {
            if let Some(watched) = self.watched.get_mut(&session) {
                watched.remove(&user);
                if watched.is_empty() {
                    self.watched.remove(&session);
                }
            }
            self.unwatch(watcher, &session, user);
            return Ok(());
        }
        let watched = self.watched.get(&session);
        let is_new = watched.is_none_or(|watched| !watched.contains(&user));
        if is_new && watched.map_or(0, BTreeSet::len) >= self.watched_max {
            return Err(TooManyWatched);
        }
        self.watchers.entry(user).or_default().insert((watcher.user, session.clone()));
        self.watched.entry(session).or_default().insert(user);
        Ok(())
    }

    /// Users with a session that watches this one, ascending, each once.
    pub fn watchers(&self, user: UserKey) -> Vec<u64> {
        let mut watchers: Vec<u64> =
            self.watchers.get(&user).map_or_else(Vec::new, |sessions| sessions.iter().map(|(watcher, _)| watcher.0).collect());
        watchers.dedup();
        watchers
    }

    fn take_out(&mut self, at: i64, user: UserKey, session: &SessionKey) -> Option<Ended> {
        let there = self.there.get_mut(&user)?;
        let Visible { resource, .. } = there.sessions.remove(session)?;
        there.seen_at = there.seen_at.max(at);
        let seen_at = there.sessions.is_empty().then_some(there.seen_at);
        if seen_at.is_some() {
            self.there.remove(&user);
        } else if there.sessions.values().any(|other| other.resource == resource) {
            // Under that name he is there still: a stream went on at another edge.
            return None;
        }
        Some(Ended { user, resource, seen_at })
    }

    fn unwatch_all(&mut self, watcher: UserKey, session: &SessionKey) {
        for user in self.watched.remove(session).unwrap_or_default() {
            self.unwatch(watcher, session, user);
        }
    }

    fn unwatch(&mut self, watcher: UserKey, session: &SessionKey, user: UserKey) {
        let Some(watchers) = self.watchers.get_mut(&user) else { return };
        watchers.remove(&(watcher.user, session.clone()));
        if watchers.is_empty() {
            self.watchers.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_there_from_the_first_session_to_the_last() {
        let mut activity = Activity::new(9);
        assert_eq!(arrive(&mut activity, 20), Arrival::First);
        assert_eq!(arrive(&mut activity, 20), Arrival::Again);
        assert_eq!(arrive(&mut activity, 21), Arrival::Another);
        let resources =
            |activity: &Activity| activity.visible(key(2)).into_iter().map(|session| session.resource).collect::<Vec<_>>();
        assert_eq!(resources(&activity), ["r20", "r21"]);
        let away = Visible { resource: "r20".into(), shown: Some(Shown { show: "away".into(), ..Shown::default() }) };
        assert_eq!(activity.arrive(key(2), session(20), away.clone()), Arrival::Changed);
        assert_eq!(activity.arrive(key(2), session(20), away.clone()), Arrival::Again);
        assert_eq!(activity.visible(key(2))[0], away);
        assert_eq!(arrive(&mut activity, 20), Arrival::Changed);
        assert_eq!(activity.leave(100, key(2), &session(20)), Some(ended(20, None)));
        assert_eq!(activity.leave(101, key(2), &session(20)), None, "twice");
        assert!(activity.is_there(key(2)));
        assert!(!activity.is_there(UserKey::new(2, 2)), "another app");
        assert_eq!(activity.leave(200, key(2), &session(21)), Some(ended(21, Some(200))));
        assert!(!activity.is_there(key(2)));
        assert_eq!(activity.leave(300, key(2), &session(21)), None);
    }

    #[test]
    fn who_died_is_there_for_a_while_and_nobody_hears_of_one_who_is_back() {
        let mut activity = Activity::new(9);
        arrive(&mut activity, 20);
        activity.vanish(100, key(2), session(20));
        activity.vanish(100, key(9), session(99));
        assert_eq!(activity.expire(99), []);
        assert_eq!(arrive(&mut activity, 21), Arrival::Another, "it was there all the time");
        assert_eq!(activity.expire(100), [ended(20, None)]);
        activity.vanish(200, key(2), session(21));
        assert_eq!(activity.expire(200), [ended(21, Some(200))]);
        assert_eq!(arrive(&mut activity, 22), Arrival::First);

        // The same session, unavailable with something unproved, and available again.
        activity.vanish(300, key(2), session(22));
        assert_eq!(arrive(&mut activity, 22), Arrival::Again);
        assert_eq!(activity.expire(300), []);
        assert!(activity.is_there(key(2)) && activity.has(key(2), &session(22)));
        activity.vanish(400, key(2), session(22));
        assert_eq!(activity.expire(399), []);
        assert_eq!(activity.expire(400), [ended(22, Some(400))]);
        assert!(activity.dead.is_empty() && activity.died.is_empty() && activity.there.is_empty(), "nothing stays behind");
    }

    #[test]
    fn a_user_was_last_seen_when_the_later_of_two_devices_was() {
        let mut activity = Activity::new(9);
        arrive(&mut activity, 20);
        arrive(&mut activity, 21);
        activity.vanish(100, key(2), session(20));
        assert_eq!(activity.leave(110, key(2), &session(21)), Some(ended(21, None)));
        assert_eq!(activity.expire(120), [ended(20, Some(110))]);
    }

    #[test]
    fn a_session_that_another_goes_on_under_the_same_name_does_not_end() {
        let mut activity = Activity::new(9);
        let phone = || Visible { resource: "phone".into(), shown: None };
        activity.arrive(key(2), session(20), phone());
        activity.vanish(100, key(2), session(20));
        activity.arrive(key(2), session(21), phone());
        assert_eq!(activity.expire(100), []);
        let ended = Ended { user: key(2), resource: "phone".into(), seen_at: Some(200) };
        assert_eq!(activity.leave(200, key(2), &session(21)), Some(ended));
    }

    #[test]
    fn a_watcher_is_named_once_and_gone_with_its_sessions() {
        let mut activity = Activity::new(2);
        for (watcher, n) in [(3, 30), (3, 31), (4, 40)] {
            assert_eq!(activity.watch(key(watcher), session(n), key(2), true), Ok(()));
        }
        assert_eq!(activity.watch(key(3), session(30), key(2), true), Ok(()), "once more");
        assert_eq!(activity.watchers(key(2)), [3, 4]);
        assert_eq!(activity.watch(key(3), session(30), key(5), true), Ok(()));
        assert_eq!(activity.watch(key(3), session(30), key(6), true), Err(TooManyWatched));
        assert!(activity.watchers(key(6)).is_empty());
        assert_eq!(activity.watch(key(3), session(30), key(5), false), Ok(()));
        assert_eq!(activity.watch(key(3), session(30), key(5), false), Ok(()), "once more");
        activity.leave(1, key(3), &session(30));
        assert_eq!(activity.watchers(key(2)), [3, 4]);
        activity.vanish(1, key(3), session(31));
        assert_eq!(activity.watchers(key(2)), [4]);
        assert_eq!(activity.watch(key(4), session(40), key(2), false), Ok(()));
        assert!(activity.watchers.is_empty() && activity.watched.is_empty(), "nothing stays behind");
    }

    #[test]
    fn of_an_erased_user_nothing_stays() {
        let mut activity = Activity::new(2);
        arrive(&mut activity, 20);
        activity.vanish(100, key(2), session(20));
        activity.watch(key(3), session(30), key(2), true).unwrap();
        activity.watch(key(3), session(30), key(4), true).unwrap();
        activity.erase(Scope::of(1, 2));
        assert_eq!((activity.is_there(key(2)), activity.watchers(key(2)), activity.watchers(key(4))), (false, vec![], vec![3]));
        assert_eq!(activity.expire(1_000), [], "he does not leave once more");
        activity.erase(Scope::of(1, 0));
        assert!(activity.died.is_empty() && activity.watched.is_empty() && activity.watchers.is_empty());
    }

    fn key(user: u64) -> UserKey {
        UserKey::new(1, user)
    }

    fn session(session: u64) -> SessionKey {
        SessionKey { edge: "e".into(), boot: 1, session }
    }

    /// A session of user 2.
    fn arrive(activity: &mut Activity, n: u64) -> Arrival {
        activity.arrive(key(2), session(n), Visible { resource: format!("r{n}"), shown: None })
    }

    fn ended(n: u64, seen_at: Option<i64>) -> Ended {
        Ended { user: key(2), resource: format!("r{n}"), seen_at }
    }
}
