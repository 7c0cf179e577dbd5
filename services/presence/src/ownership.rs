//! Which apps are here, and of which of them it is not known yet who is there: presence of an app lives in one process, and who takes
//! it over learns from the edges (decision 0033). Rules: no clock, no store, no bus. Apps go by their shards.
//!
//! Invariant: of an app that is being learned nobody is told that somebody is gone, and nobody is said to be away.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_cluster::{SHARDS, Shard};
use natter_proto::AppId;

/// How often a question is put whose answer nothing waits for: the bus may lose it.
const TIMES_AGAIN: u8 = 3;

/// The state of all shards.
pub(crate) struct Ownership {
    shards: Vec<State>,
    /// What was taken over together and is not known yet, by the number of the taking over.
    taken: BTreeMap<u64, Vec<Shard>>,
    /// What is asked of the edges once more though it is known, and how often it still is, by its number.
    again: BTreeMap<u64, (Vec<Shard>, u8)>,
    /// Number of the latest taking over.
    number: u64,
    /// When a session was last announced again, unix milliseconds.
    heard_at: i64,
    limits: Limits,
}

/// How long it is learned, milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// So long at least.
    pub least: i64,
    /// Sessions that are announced again make it longer: until so long after the last of them.
    pub quiet: i64,
    /// So long at most.
    pub most: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Elsewhere,
    Learning { since: i64 },
    Known,
}

/// How an app stands here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is another process's.
    Elsewhere,
    /// It is here, and not all of its sessions are known.
    Learning,
    /// It is here, and who has no session here has none.
    Known,
}

impl Ownership {
    /// All apps are here and known: nobody else ever had them.
    pub fn of_all(limits: Limits) -> Ownership {
        Ownership { shards: vec![State::Known; usize::from(SHARDS)], ..Ownership::of_none(0, limits) }
    }

    /// None is here. Numbers of takings over grow from `number`.
    pub fn of_none(number: u64, limits: Limits) -> Ownership {
        let shards = vec![State::Elsewhere; usize::from(SHARDS)];
        Ownership { shards, taken: BTreeMap::new(), again: BTreeMap::new(), number, heard_at: i64::MIN, limits }
    }

    /// Takes over what should be here, and gives up the rest. Gives what is given up.
    pub fn believe(&mut self, now: i64, is_here: impl Fn(Shard) -> bool) -> Vec<Shard> {
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        for (shard, state) in (0..).map(Shard).zip(&mut self.shards) {
            match (is_here(shard), *state) {
                (true, State::Elsewhere) => {
                    *state = State::Learning { since: now };
                    gained.push(shard);
                }
                (false, State::Learning { .. } | State::Known) => {
                    *state = State::Elsewhere;
                    lost.push(shard);
                }
                _ => {}
            }
        }
        if !gained.is_empty() {
            self.number += 1;
            self.taken.insert(self.number, gained);
        }
        lost
    }

    /// An edge that was believed dead is there: what is known is to be asked of it.
    pub fn ask_again(&mut self) {
        let known = (0..).map(Shard).zip(&self.shards).filter(|(_, state)| **state == State::Known).map(|(shard, _)| shard);
        let known: Vec<Shard> = known.collect();
        self.number += 1;
        self.again.insert(self.number, (known, TIMES_AGAIN));
    }

    /// A session was announced again.
    pub fn heard(&mut self, now: i64) {
        self.heard_at = self.heard_at.max(now);
    }

    /// Ends the learning of what was learned long enough. Gives of what it ended.
    pub fn settle(&mut self, now: i64) -> Vec<Shard> {
        let Limits { least, quiet, most } = self.limits;
        let is_quiet = now >= self.heard_at.saturating_add(quiet);
        let mut settled = Vec::new();
        for (shard, state) in (0..).map(Shard).zip(&mut self.shards) {
            if let State::Learning { since } = *state
                && ((is_quiet && now - since >= least) || now - since >= most)
            {
                *state = State::Known;
                settled.push(shard);
            }
        }
        settled
    }

    /// What is to be asked of the edges: each taking over that is not known yet, by its number.
    pub fn questions(&mut self) -> Vec<(u64, Vec<Shard>)> {
        let shards = &self.shards;
        let is_learning = |shard: &Shard| matches!(shards[usize::from(shard.0)], State::Learning { .. });
        self.taken.retain(|_, taken| {
            taken.retain(is_learning);
            !taken.is_empty()
        });
        let again = std::mem::take(&mut self.again);
        let taken = self.taken.iter().map(|(number, shards)| (*number, shards.clone()));
        let questions = taken.chain(again.iter().map(|(number, (shards, _))| (*number, shards.clone()))).collect();
        self.again = again.into_iter().filter(|(_, (_, times))| *times > 1).map(|(n, (s, times))| (n, (s, times - 1))).collect();
        questions
    }

    pub fn of(&self, app: AppId) -> Standing {
        match self.shards[usize::from(Shard::of_app(app).0)] {
            State::Elsewhere => Standing::Elsewhere,
            State::Learning { .. } => Standing::Learning,
            State::Known => Standing::Known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { least: 5, quiet: 2, most: 20 };
    const APP: AppId = AppId(7);

    #[test]
    fn who_is_alone_knows_all_and_asks_nobody() {
        let mut alone = Ownership::of_all(LIMITS);
        assert_eq!((alone.of(APP), alone.questions(), alone.settle(100)), (Standing::Known, vec![], vec![]));
        assert_eq!(alone.believe(0, |_| true), []);
        assert_eq!(alone.of(APP), Standing::Known);
    }

    #[test]
    fn what_is_taken_over_is_learned_for_a_while() {
        let mut apps = Ownership::of_none(40, LIMITS);
        assert_eq!(apps.of(APP), Standing::Elsewhere);
        assert_eq!(apps.believe(100, is_of_app), []);
        assert_eq!((apps.of(APP), apps.questions()), (Standing::Learning, vec![(41, vec![Shard::of_app(APP)])]));
        assert_eq!(apps.settle(104), []);
        assert_eq!(apps.questions().len(), 1, "asked until it is known");
        assert_eq!(apps.settle(105), [Shard::of_app(APP)]);
        assert_eq!((apps.of(APP), apps.questions()), (Standing::Known, vec![]));
        assert_eq!(apps.believe(106, is_of_app), [], "it is here");
        assert_eq!(apps.of(APP), Standing::Known);
    }

    #[test]
    fn sessions_that_are_announced_again_make_it_longer_within_bounds() {
        let mut apps = Ownership::of_none(0, LIMITS);
        apps.believe(100, is_of_app);
        apps.heard(104);
        assert_eq!(apps.settle(105), []);
        apps.heard(106);
        assert_eq!(apps.settle(107), []);
        assert_eq!(apps.settle(108).len(), 1);
        let mut apps = Ownership::of_none(0, LIMITS);
        apps.believe(100, is_of_app);
        (100..119).for_each(|now| apps.heard(now));
        assert_eq!(apps.settle(119), []);
        apps.heard(120);
        assert_eq!(apps.settle(120).len(), 1);
    }

    #[test]
    fn what_is_lost_is_elsewhere_and_learned_anew_when_it_comes_back() {
        let mut apps = Ownership::of_none(0, LIMITS);
        apps.believe(100, |_| true);
        assert_eq!(apps.believe(101, |shard| !is_of_app(shard)), [Shard::of_app(APP)]);
        assert_eq!(apps.of(APP), Standing::Elsewhere);
        let (_, asked) = apps.questions().remove(0);
        assert!(!asked.contains(&Shard::of_app(APP)) && asked.len() == usize::from(SHARDS) - 1);
        apps.settle(105);
        apps.believe(106, |_| true);
        assert_eq!((apps.of(APP), apps.questions()), (Standing::Learning, vec![(2, vec![Shard::of_app(APP)])]));
    }

    fn is_of_app(shard: Shard) -> bool {
        shard == Shard::of_app(APP)
    }

    #[test]
    fn what_is_known_is_asked_for_again_a_few_times_under_a_new_number() {
        let mut ours = Ownership::of_none(0, LIMITS);
        ours.believe(0, |shard| shard == Shard(3));
        ours.settle(100);
        assert_eq!(ours.questions(), []);
        ours.ask_again();
        for _ in 0..TIMES_AGAIN {
            assert_eq!(ours.questions(), [(2, vec![Shard(3)])]);
        }
        assert_eq!(ours.questions(), []);
    }
}
