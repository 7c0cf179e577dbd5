//! When a member says of itself that it is ailing: it cannot do its work, and others can (decision 0042). Only it decides that of itself, from what
//! all said, so that everybody believes the same of it. Time is what the caller says. Not here: who has what instead (`view.rs`).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::time::Duration;

use natter_proto::cluster::v1::{Alive, State};

/// So long without an answer, and it cannot do its work: as long as the store is waited for.
const SILENT: Duration = Duration::from_secs(2);
/// With an answer that is no older its store answers. Far less than [`SILENT`], so that when the store is away for all, nobody is well any more
/// before the first one could be ailing.
const WELL: Duration = Duration::from_millis(750);
/// So long most edges have to miss it. As with the store: when they lose all, the first one must not take the second for well.
const MISSED: Duration = Duration::from_millis(500);
/// So long another one was able to do the work. When all come back, the last one must not take the first for better.
const ABLE: Duration = Duration::from_secs(2);
/// So long nothing may be wrong before it is over: a network that comes and goes moves shards at most once in this time.
const RECOVERED: Duration = Duration::from_secs(5);

/// What a member knows of its own work.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// How long the store has not answered; none: it never did, or there is none.
    silence: Option<Duration>,
    /// How long most edges have missed it.
    missed: Duration,
    /// How long nothing has been wrong.
    whole: Duration,
    /// How long the others could have done its work, by name and boot.
    able: BTreeMap<(String, u64), Duration>,
    is_ailing: bool,
}

impl Health {
    /// Some time has passed, in which the store answered or did not. `words`: the last ones of all that live, its own among them.
    pub fn step<'a>(&mut self, passed: Duration, answered: bool, me: &Alive, words: impl Iterator<Item = &'a Alive> + Clone) {
        self.silence = if answered { Some(Duration::ZERO) } else { self.silence.map(|silence| silence + passed) };
        self.missed = if is_missed(me, words.clone()) { self.missed + passed } else { Duration::ZERO };
        let is_whole = self.missed.is_zero() && self.silence.is_none_or(|silence| silence < WELL);
        self.whole = if is_whole { self.whole + passed } else { Duration::ZERO };
        let can = |word: &&Alive| {
            let shares = word.roles.iter().any(|role| me.roles.contains(role));
            let is_whole = word.state() == State::Ready && word.is_well && !word.is_ailing;
            word.name != me.name && shares && is_whole && !is_missed(word, words.clone())
        };
        let key = |word: &Alive| (word.name.clone(), word.boot);
        let before = std::mem::take(&mut self.able);
        let so_long = |word| before.get(&key(word)).map_or(Duration::ZERO, |before| *before + passed);
        self.able = words.clone().filter(can).map(|word| (key(word), so_long(word))).collect();
        self.is_ailing = match self.is_ailing {
            true => self.whole < RECOVERED,
            false => self.is_in_trouble() && self.able.values().any(|so_long| *so_long >= ABLE),
        };
    }

    pub fn is_ailing(&self) -> bool {
        self.is_ailing
    }

    /// Whether the store answers.
    pub fn is_well(&self) -> bool {
        self.silence.is_some_and(|silence| silence < WELL)
    }

    fn is_in_trouble(&self) -> bool {
        self.missed >= MISSED || self.silence.is_some_and(|silence| silence >= SILENT)
    }
}

/// Whether more than half of all edges say that it does not answer them.
fn is_missed<'a>(member: &Alive, words: impl Iterator<Item = &'a Alive>) -> bool {
    let (mut edges, mut missing) = (0, 0);
    for edge in words.filter(|word| word.roles.iter().any(|role| role == EDGE)) {
        edges += 1;
        missing += usize::from(edge.unreached.iter().any(|other| other.name == member.name && other.boot == member.boot));
    }
    2 * missing > edges
}

/// The role of those that say whom they do not reach.
const EDGE: &str = "edge";

#[cfg(test)]
mod tests {
    use natter_proto::cluster::v1::Unreached;

    use super::*;

    const TICK: Duration = Duration::from_millis(250);

    fn word(name: &str) -> Alive {
        let role = if name.starts_with('e') { EDGE } else { "dialog" };
        Alive {
            name: name.into(),
            boot: 1,
            roles: vec![role.into()],
            state: State::Ready.into(),
            is_well: true,
            ..Alive::default()
        }
    }

    /// Some members, of which each hears all at once; edges are those with an `e`.
    struct Town {
        members: Vec<(Alive, Health)>,
    }

    impl Town {
        fn new(names: &[&str]) -> Town {
            let mut town = Town { members: names.iter().map(|name| (word(name), Health::default())).collect() };
            town.pass(Duration::from_secs(4), &|_| true);
            town
        }

        /// Who is ailing at the end. `answered`: whose store answers.
        fn pass(&mut self, time: Duration, answered: &dyn Fn(&str) -> bool) -> Vec<&str> {
            for _ in 0..time.as_millis() / TICK.as_millis() {
                let words: Vec<Alive> = self.members.iter().map(|(word, _)| word.clone()).collect();
                for (me, health) in &mut self.members {
                    health.step(TICK, answered(&me.name), me, words.iter());
                    (me.is_well, me.is_ailing) = (health.is_well(), health.is_ailing());
                }
            }
            self.members.iter().filter(|(word, _)| word.is_ailing).map(|(word, _)| word.name.as_str()).collect()
        }

        fn miss(&mut self, edge: &str, missing: &[&str]) {
            let unreached = missing.iter().map(|name| Unreached { name: (*name).into(), boot: 1 });
            self.members
                .iter_mut()
                .filter(|(word, _)| word.name == edge)
                .for_each(|(word, _)| word.unreached = unreached.clone().collect());
        }
    }

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn whose_store_is_silent_is_ailing_until_it_has_answered_for_some_time() {
        let mut town = Town::new(&["a", "b", "c"]);
        let but_a = |name: &str| name != "a";
        assert!(town.pass(S + TICK * 3, &but_a).is_empty());
        assert_eq!(town.pass(TICK, &but_a), ["a"]);
        assert_eq!(town.pass(60 * S, &but_a), ["a"]);
        assert_eq!(town.pass(4 * S, &|_| true), ["a"]);
        assert_eq!(town.pass(WELL, &but_a), ["a"], "silent once more");
        assert_eq!(town.pass(RECOVERED - TICK, &|_| true), ["a"], "it counts anew");
        assert!(town.pass(TICK, &|_| true).is_empty());
    }

    #[test]
    fn a_store_that_answers_nobody_makes_nobody_ail_whoever_is_answered_first_and_last() {
        for (first, last) in [("a", "b"), ("b", "a")] {
            let mut town = Town::new(&["a", "b", "c"]);
            for away in [S, 2 * S, 3 * S, 30 * S] {
                // One has its last answer half a second later, and its first one half a second earlier.
                assert!(town.pass(S / 2, &|name| name == last).is_empty());
                assert!(town.pass(away, &|_| false).is_empty());
                assert!(town.pass(S / 2, &|name| name == first).is_empty());
                assert!(town.pass(10 * S, &|_| true).is_empty(), "{away:?}");
            }
        }
    }

    #[test]
    fn several_may_ail_but_never_all_and_who_is_the_last_stays() {
        let mut town = Town::new(&["a", "b", "c"]);
        assert_eq!(town.pass(3 * S, &|name| name == "c"), ["a", "b"]);
        assert_eq!(town.pass(20 * S, &|_| false), ["a", "b"], "then nobody could do better");
        assert_eq!(town.pass(20 * S, &|name| name == "a"), ["b", "c"]);
    }

    #[test]
    fn whom_most_edges_miss_is_ailing_and_one_edge_decides_nothing() {
        let mut town = Town::new(&["a", "b", "e1", "e2", "e3"]);
        town.miss("e1", &["a"]);
        assert!(town.pass(10 * S, &|_| true).is_empty());
        town.miss("e2", &["a"]);
        assert!(town.pass(TICK, &|_| true).is_empty());
        assert_eq!(town.pass(TICK, &|_| true), ["a"]);
        town.miss("e1", &[]);
        assert_eq!(town.pass(RECOVERED - TICK, &|_| true), ["a"]);
        assert!(town.pass(2 * TICK, &|_| true).is_empty());
    }

    #[test]
    fn edges_that_miss_all_decide_nothing_whomever_they_lose_first() {
        let mut town = Town::new(&["a", "b", "e1", "e2"]);
        for lost in [&["a"][..], &["a", "b"], &["b"], &[]] {
            town.miss("e1", lost);
            town.miss("e2", lost);
            assert!(town.pass(TICK, &|_| true).is_empty(), "{lost:?}");
        }
        town.miss("e1", &["a", "b"]);
        town.miss("e2", &["a", "b"]);
        assert!(town.pass(30 * S, &|_| true).is_empty());
        // The first one that is reached again has not been for long enough to be better.
        town.miss("e1", &["a"]);
        town.miss("e2", &["a"]);
        assert!(town.pass(S, &|_| true).is_empty());
    }

    #[test]
    fn who_does_not_say_how_it_is_takes_nothing_over_and_neither_does_one_of_another_role() {
        let mut town = Town::new(&["a", "b"]);
        // As those of an earlier release.
        assert!(town.pass(10 * S, &|_| false).is_empty());
        let mut town = Town::new(&["a", "e1"]);
        assert!(town.pass(10 * S, &|name| name != "a").is_empty());
        let mut town = Town::new(&["a", "b"]);
        town.members[1].0.state = State::Draining.into();
        assert!(town.pass(10 * S, &|name| name != "a").is_empty());
    }
}
