//! All records and debts, and every way in which one becomes the other. Rules: each verb is given `now` and gives the rows
//! that change.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::AppId;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};

use super::{is_of, union};
use crate::session::{Scope, SessionKey, UserKey};

/// Records of live sessions and debts of dead ones, by user and by the session they come from.
pub(crate) struct Ledger {
    users: BTreeMap<UserKey, BTreeMap<SessionKey, Entry>>,
    /// When debts expire. May name some that were taken or changed meanwhile: the entry itself decides.
    due: BTreeSet<(i64, UserKey, SessionKey)>,
    limits: Limits,
}

/// How long a debt is valid and how many a user has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    pub ttl_ms: i64,
    pub debts_per_user_max: usize,
}

struct Entry {
    record: SessionRecord,
    standing: Standing,
}

#[derive(PartialEq, Eq)]
enum Standing {
    /// Of a session that lives.
    Live,
    /// Its session died; valid up to this time.
    Owed { upto_ms: i64 },
    /// By a session that has not proved it yet. Does not expire while that session lives.
    Taken { by: SessionKey },
}

/// A row that changes. What stands in a row is its record alone: after a restart every row is a debt, whatever it was.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Change {
    Put(UserKey, SessionKey, Box<SessionRecord>),
    Remove(UserKey, SessionKey),
}

impl Ledger {
    pub fn new(limits: Limits) -> Ledger {
        Ledger { users: BTreeMap::new(), due: BTreeSet::new(), limits }
    }

    /// A row found at the start: its session died with the process.
    pub fn found(&mut self, user: UserKey, session: SessionKey, record: SessionRecord, now_ms: i64) {
        self.owe(user, session, record, now_ms);
    }

    /// A row that another process kept; what is over already goes with the next look.
    pub fn found_until(&mut self, user: UserKey, session: SessionKey, record: SessionRecord, upto_ms: i64) {
        self.owe_until(user, session, record, upto_ms);
    }

    /// Whether anything is kept of a user.
    pub fn has(&self, user: UserKey) -> bool {
        self.users.contains_key(&user)
    }

    /// Forgets what is kept of these apps: it is another process's.
    pub fn forget(&mut self, is_lost: impl Fn(AppId) -> bool) {
        self.users.retain(|user, _| !is_lost(user.app));
        self.due.retain(|(_, user, _)| !is_lost(user.app));
    }

    /// What a live session has proved. Nothing changes if the session has died already: a late record adds nothing.
    pub fn keep(&mut self, user: UserKey, session: SessionKey, record: SessionRecord) -> Vec<Change> {
        let entries = self.users.entry(user).or_default();
        if entries.get(&session).is_some_and(|entry| entry.standing != Standing::Live) {
            return Vec::new();
        }
        let change = Change::Put(user, session.clone(), Box::new(record.clone()));
        entries.insert(session, Entry { record, standing: Standing::Live });
        vec![change]
    }

    /// The session lives, whatever was believed of it.
    pub fn revive(&mut self, user: UserKey, session: SessionKey, record: SessionRecord) -> Vec<Change> {
        let change = Change::Put(user, session.clone(), Box::new(record.clone()));
        self.users.entry(user).or_default().insert(session, Entry { record, standing: Standing::Live });
        vec![change]
    }

    /// The client said goodbye: neither its record nor a debt that it took is owed.
    pub fn close(&mut self, user: UserKey, session: &SessionKey) -> Vec<Change> {
        let mut gone = self.taken_by(user, session);
        if self.entry(user, session).is_some_and(|entry| entry.standing == Standing::Live) {
            gone.push(session.clone());
        }
        self.remove(user, gone)
    }

    /// The session died: its record, together with a debt that it took and did not prove, becomes one debt.
    pub fn vanish(&mut self, user: UserKey, session: &SessionKey, now_ms: i64) -> Vec<Change> {
        let mut parts = self.taken_by(user, session);
        if self.entry(user, session).is_some_and(|entry| entry.standing == Standing::Live) {
            parts.push(session.clone());
        }
        let entries = self.users.entry(user).or_default();
        let records = parts.iter().filter_map(|part| entries.remove(part)).map(|entry| entry.record);
        let Some(owed) = records.reduce(union) else { return self.remove(user, Vec::new()) };
        let mut changes: Vec<Change> =
            parts.into_iter().filter(|part| part != session).map(|part| Change::Remove(user, part)).collect();
        changes.push(Change::Put(user, session.clone(), Box::new(owed.clone())));
        self.owe(user, session.clone(), owed, now_ms);
        let surplus = self.surplus(user);
        changes.extend(self.remove(user, surplus));
        changes
    }

    /// Gives the oldest debt of this client to a session; asked again, the same one. No row changes.
    pub fn take(&mut self, user: UserKey, by: &SessionKey, client: &Fingerprint, now_ms: i64) -> Option<SessionRecord> {
        let taken = match self.taken_by(user, by).pop() {
            Some(taken) => taken,
            None => self.oldest_owed(user, client, now_ms)?,
        };
        let entry = self.users.get_mut(&user)?.get_mut(&taken)?;
        entry.standing = Standing::Taken { by: by.clone() };
        Some(entry.record.clone())
    }

    /// The session has proved what it took (`settled`), or gives it back.
    pub fn settle(&mut self, user: UserKey, by: &SessionKey, settled: bool, now_ms: i64) -> Vec<Change> {
        let taken = self.taken_by(user, by);
        if settled {
            return self.remove(user, taken);
        }
        for session in taken {
            if let Some(entry) = self.users.get_mut(&user).and_then(|entries| entries.remove(&session)) {
                self.owe(user, session, entry.record, now_ms);
            }
        }
        Vec::new()
    }

    /// The record of a session.
    pub fn record(&self, user: UserKey, session: &SessionKey) -> Option<&SessionRecord> {
        Some(&self.entry(user, session)?.record)
    }

    /// Removes the debts that nobody came for in time.
    pub fn expire(&mut self, now_ms: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.due.first().is_some_and(|(upto_ms, ..)| *upto_ms <= now_ms) {
            let Some((upto_ms, user, session)) = self.due.pop_first() else { break };
            let owed = Standing::Owed { upto_ms };
            if self.entry(user, &session).is_some_and(|entry| entry.standing == owed) {
                changes.extend(self.remove(user, vec![session]));
            }
        }
        changes
    }

    /// Forgets records and debts, and says which.
    pub fn erase(&mut self, scope: Scope) -> Vec<(UserKey, SessionKey)> {
        let users: Vec<UserKey> = self.users.keys().copied().filter(|user| scope.holds(*user)).collect();
        let entries = users.into_iter().filter_map(|user| Some((user, self.users.remove(&user)?)));
        entries.flat_map(|(user, entries)| entries.into_keys().map(move |session| (user, session))).collect()
    }

    fn owe(&mut self, user: UserKey, session: SessionKey, record: SessionRecord, now_ms: i64) {
        self.owe_until(user, session, record, now_ms.saturating_add(self.limits.ttl_ms));
    }

    fn owe_until(&mut self, user: UserKey, session: SessionKey, record: SessionRecord, upto_ms: i64) {
        self.due.insert((upto_ms, user, session.clone()));
        self.users.entry(user).or_default().insert(session, Entry { record, standing: Standing::Owed { upto_ms } });
    }

    fn remove(&mut self, user: UserKey, sessions: Vec<SessionKey>) -> Vec<Change> {
        let Some(entries) = self.users.get_mut(&user) else { return Vec::new() };
        for session in &sessions {
            entries.remove(session);
        }
        if entries.is_empty() {
            self.users.remove(&user);
        }
        sessions.into_iter().map(|session| Change::Remove(user, session)).collect()
    }

    fn entry(&self, user: UserKey, session: &SessionKey) -> Option<&Entry> {
        self.users.get(&user)?.get(session)
    }

    fn entries(&self, user: UserKey) -> impl Iterator<Item = (&SessionKey, &Entry)> {
        self.users.get(&user).into_iter().flatten()
    }

    fn taken_by(&self, user: UserKey, by: &SessionKey) -> Vec<SessionKey> {
        let taken = self.entries(user).filter(|(_, entry)| matches!(&entry.standing, Standing::Taken { by: b } if b == by));
        taken.map(|(session, _)| session.clone()).collect()
    }

    fn oldest_owed(&self, user: UserKey, client: &Fingerprint, now_ms: i64) -> Option<SessionKey> {
        let valid = |standing: &Standing| matches!(standing, Standing::Owed { upto_ms } if *upto_ms > now_ms);
        let owed = self.entries(user).filter(|(_, entry)| valid(&entry.standing) && is_of(&entry.record, client));
        owed.min_by_key(|(_, entry)| entry.record.seen_at).map(|(session, _)| session.clone())
    }

    /// The oldest debts beyond the bound.
    fn surplus(&self, user: UserKey) -> Vec<SessionKey> {
        let owed = self.entries(user).filter(|(_, entry)| matches!(entry.standing, Standing::Owed { .. }));
        let mut owed: Vec<(i64, &SessionKey)> = owed.map(|(session, entry)| (entry.record.seen_at, session)).collect();
        owed.sort();
        let surplus = owed.len().saturating_sub(self.limits.debts_per_user_max);
        owed[..surplus].iter().map(|(_, session)| (*session).clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const USER: UserKey = UserKey { app: natter_proto::AppId(1), user: natter_proto::UserId(34) };
    const TTL: i64 = 120_000;

    #[test]
    fn a_debt_is_taken_once_and_by_its_client_only() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        assert_eq!(ledger.take(USER, &session(8), &client("tablet"), 0), None);
        assert_eq!(ledger.take(UserKey::new(1, 35), &session(8), &client("phone"), 0), None);
        assert_eq!(seen_at(ledger.take(USER, &session(8), &client("phone"), 0)), Some(10));
        assert_eq!(seen_at(ledger.take(USER, &session(8), &client("phone"), 0)), Some(10), "asked again");
        assert_eq!(ledger.take(USER, &session(9), &client("phone"), 0), None);
    }

    #[test]
    fn of_several_the_oldest_is_taken() {
        let mut ledger = with_debts(&[(1, "phone", 30), (2, "phone", 10), (3, "tablet", 5), (4, "phone", 20)], 20);
        let taken: Vec<_> = (5..9).map(|n| seen_at(ledger.take(USER, &session(n), &client("phone"), 0))).collect();
        assert_eq!(taken, [Some(10), Some(20), Some(30), None]);
    }

    #[test]
    fn a_debt_returns_when_its_taker_dies_or_gives_it_back_and_is_gone_when_settled() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        ledger.take(USER, &session(2), &client("phone"), 0).unwrap();
        assert_eq!(ledger.vanish(USER, &session(2), TTL), [Change::Remove(USER, session(1)), put(2, "phone", 10)]);
        ledger.take(USER, &session(3), &client("phone"), 2 * TTL - 1).unwrap();
        assert_eq!(ledger.settle(USER, &session(3), false, 2 * TTL), []);
        ledger.take(USER, &session(4), &client("phone"), 3 * TTL - 1).unwrap();
        assert_eq!(ledger.settle(USER, &session(9), true, 0), [], "another session's debt");
        assert_eq!(ledger.settle(USER, &session(4), true, 0), [Change::Remove(USER, session(2))]);
        assert_eq!(ledger.take(USER, &session(5), &client("phone"), 0), None);
        assert!(ledger.users.is_empty());
    }

    #[test]
    fn a_taker_that_dies_with_a_record_of_its_own_owes_both_as_one() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        ledger.take(USER, &session(2), &client("phone"), 0).unwrap();
        ledger.keep(USER, session(2), record("phone", 50));
        ledger.vanish(USER, &session(2), 60);
        assert_eq!(seen_at(ledger.take(USER, &session(3), &client("phone"), 70)), Some(10));
        assert_eq!(ledger.take(USER, &session(4), &client("phone"), 70), None, "it is one debt");
    }

    #[test]
    fn a_session_that_lives_after_all_owes_nothing_and_its_record_moves_again() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        ledger.take(USER, &session(2), &client("phone"), 0).unwrap();
        assert_eq!(ledger.revive(USER, session(1), record("phone", 20)), [put(1, "phone", 20)]);
        assert_eq!(ledger.settle(USER, &session(2), true, 0), [], "it took nothing");
        assert_eq!(ledger.take(USER, &session(3), &client("phone"), 0), None);
        assert_eq!(ledger.expire(TTL), []);
        assert_eq!(ledger.keep(USER, session(1), record("phone", 30)), [put(1, "phone", 30)]);
        assert_eq!(ledger.vanish(USER, &session(1), 50), [put(1, "phone", 30)]);
    }

    #[test]
    fn a_goodbye_leaves_no_debt() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        ledger.take(USER, &session(2), &client("phone"), 0).unwrap();
        ledger.keep(USER, session(2), record("phone", 50));
        let gone = [Change::Remove(USER, session(1)), Change::Remove(USER, session(2))];
        assert_eq!(ledger.close(USER, &session(2)), gone);
        assert!(ledger.users.is_empty());
    }

    #[test]
    fn of_an_erased_user_nothing_is_owed_and_of_others_all_of_it() {
        let mut ledger = with_debts(&[(1, "phone", 10), (2, "tablet", 10)], 20);
        ledger.keep(UserKey::new(1, 35), session(5), record("phone", 1));
        ledger.keep(UserKey::new(2, 34), session(6), record("phone", 1));
        assert_eq!(ledger.erase(Scope::of(1, 34)), [(USER, session(1)), (USER, session(2))]);
        assert_eq!(ledger.erase(Scope::of(1, 34)), []);
        assert_eq!(ledger.expire(i64::MAX), [], "what was due of them is nobody's");
        assert_eq!(ledger.erase(Scope::of(1, 0)), [(UserKey::new(1, 35), session(5))]);
        assert_eq!(ledger.users.len(), 1, "the other app's");
    }

    #[test]
    fn a_late_record_of_a_dead_session_changes_nothing() {
        let mut ledger = with_debts(&[(1, "phone", 10)], 20);
        assert_eq!(ledger.keep(USER, session(1), record("phone", 99)), []);
        assert_eq!(ledger.vanish(USER, &session(1), 50), [], "it died before");
        assert_eq!(seen_at(ledger.take(USER, &session(2), &client("phone"), 60)), Some(10));
    }

    #[test]
    fn debts_expire_unless_they_are_taken() {
        let mut ledger = with_debts(&[(1, "phone", 10), (2, "tablet", 10)], 20);
        ledger.take(USER, &session(3), &client("phone"), TTL - 1).unwrap();
        assert_eq!(ledger.expire(TTL - 1), []);
        assert_eq!(ledger.take(USER, &session(4), &client("tablet"), TTL), None, "expired, though not removed yet");
        assert_eq!(ledger.expire(TTL), [Change::Remove(USER, session(2))]);
        ledger.vanish(USER, &session(3), TTL);
        assert_eq!(ledger.expire(2 * TTL - 1), []);
        assert_eq!(ledger.expire(2 * TTL), [Change::Remove(USER, session(3))]);
        assert!(ledger.users.is_empty() && ledger.due.is_empty());
    }

    #[test]
    fn a_user_has_no_more_debts_than_the_bound_and_keeps_the_newest() {
        let ledger = with_debts(&[(1, "phone", 20), (2, "phone", 10), (3, "phone", 30), (4, "phone", 40)], 2);
        let left: Vec<u64> = ledger.entries(USER).map(|(session, _)| session.session).collect();
        assert_eq!(left, [3, 4]);
    }

    // === helpers ===

    /// Debts of sessions that all died at 0.
    fn with_debts(debts: &[(u64, &str, i64)], debts_per_user_max: usize) -> Ledger {
        let mut ledger = Ledger::new(Limits { ttl_ms: TTL, debts_per_user_max });
        for (n, agent, seen_at) in debts {
            ledger.keep(USER, session(*n), record(agent, *seen_at));
            ledger.vanish(USER, &session(*n), 0);
        }
        ledger
    }

    fn put(n: u64, agent: &str, seen_at: i64) -> Change {
        Change::Put(USER, session(n), Box::new(record(agent, seen_at)))
    }

    fn record(agent: &str, seen_at: i64) -> SessionRecord {
        SessionRecord { client: Some(client(agent)), seen_at, since: seen_at, ..SessionRecord::default() }
    }

    fn client(agent: &str) -> Fingerprint {
        Fingerprint { agent: agent.into(), ..Fingerprint::default() }
    }

    fn session(session: u64) -> SessionKey {
        SessionKey { edge: "e".into(), boot: 1, session }
    }

    fn seen_at(debt: Option<SessionRecord>) -> Option<i64> {
        debt.map(|debt| debt.seen_at)
    }
}
