//! What one member believes of all, from what it heard. Time is what the caller says.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use natter_proto::cluster::v1::{Alive, State};

use crate::shard::Shard;

/// So long silent, and a member is dead to the others: five of its words.
pub const SILENCE: Duration = Duration::from_millis(2_500);

/// A process of the cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Member {
    /// The same when it is started again.
    pub name: String,
    /// Of this start of it.
    pub boot: u64,
    /// What it serves.
    pub roles: Vec<String>,
    /// `HOST:PORT` of its gRPC door.
    pub address: String,
    pub version: String,
    /// The same of all that are replaced together. Empty: not known.
    pub generation: String,
    /// It serves what it has, and gets nothing new.
    pub is_draining: bool,
    /// It cannot do its work, and others can.
    pub is_ailing: bool,
}

impl Member {
    pub(crate) fn alive(&self, state: State) -> Alive {
        let Member { name, boot, roles, address, version, generation, is_ailing, .. } = self.clone();
        Alive { name, boot, roles, address, version, generation, state: state.into(), is_ailing, ..Alive::default() }
    }

    fn of(word: &Alive) -> Member {
        let Alive { name, boot, roles, address, version, generation, is_ailing, .. } = word.clone();
        Member { name, boot, roles, address, version, generation, is_draining: word.state() == State::Draining, is_ailing }
    }

    pub fn serves(&self, role: &str) -> bool {
        self.roles.iter().any(|served| served == role)
    }
}

/// The members that are believed alive, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    members: Vec<Member>,
}

impl FromIterator<Member> for View {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> View {
        View { members: members.into_iter().collect() }
    }
}

impl View {
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Those that serve a role and get something new.
    pub fn ready(&self, role: &str) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.serves(role) && !member.is_draining)
    }

    /// Whether a client that leaves `me` now for another member with this role could have to leave that one too: there are members of another
    /// generation, so those of its own are being replaced, and one of these is not draining yet.
    pub fn would_leave_again(&self, me: &Member, role: &str) -> bool {
        let is_known = |member: &&Member| member.name != me.name && !member.generation.is_empty();
        let (same, other): (Vec<_>, Vec<_>) =
            self.ready(role).filter(is_known).partition(|member| member.generation == me.generation);
        !me.generation.is_empty() && !same.is_empty() && !other.is_empty()
    }

    /// Whether members with a role are just being replaced: those that are alive, draining or not, are of several generations.
    pub fn is_replaced(&self, role: &str) -> bool {
        let of_role = self.members.iter().filter(|member| member.serves(role) && !member.generation.is_empty());
        of_role.map(|member| &member.generation).collect::<BTreeSet<_>>().len() > 1
    }

    /// Who should have a shard of a role. Where all that are ready ail, one of them; where all drain, one of them.
    pub fn owner(&self, role: &str, shard: Shard) -> Option<&Member> {
        let able = self.ready(role).filter(|member| !member.is_ailing);
        let all = || self.members.iter().filter(|member| member.serves(role));
        shard.owner(able).or_else(|| shard.owner(self.ready(role))).or_else(|| shard.owner(all()))
    }

    /// The same but for this one.
    pub(crate) fn without(self, one: &Member) -> View {
        View { members: self.members.into_iter().filter(|member| member.name != one.name).collect() }
    }

    /// Whether this start of a process is believed alive.
    pub fn has(&self, name: &str, boot: u64) -> bool {
        self.members.iter().any(|member| member.name == name && member.boot == boot)
    }
}

/// What was heard, and when. Instants are durations since some start.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The last word of each that lives.
    members: BTreeMap<String, (Alive, Duration)>,
    /// The largest boot of each name that is gone: what it said may still be on its way.
    gone: BTreeMap<String, u64>,
    /// Since when the bus is reached; none: it is not.
    reached_since: Option<Duration>,
}

/// Names of the dead that are remembered; over it one of them is forgotten.
const GONE_MAX: usize = 10_000;

impl Heard {
    /// A member's word.
    pub fn hear(&mut self, word: Alive, now: Duration) {
        let known = self.members.get(&word.name).map(|(last, _)| last.boot);
        if known.is_some_and(|boot| boot > word.boot) || self.gone.get(&word.name).is_some_and(|boot| *boot >= word.boot) {
            return;
        }
        if word.state() == State::Gone {
            self.members.remove(&word.name);
            if self.gone.len() >= GONE_MAX {
                self.gone.pop_first();
            }
            self.gone.insert(word.name, word.boot);
            return;
        }
        self.members.insert(word.name.clone(), (word, now));
    }

    /// The last words of those alive, as far as is known.
    pub fn words(&self) -> impl Iterator<Item = &Alive> + Clone {
        self.members.values().map(|(word, _)| word)
    }

    /// Whether the bus is reached now.
    pub fn reach(&mut self, is_reached: bool, now: Duration) {
        match (is_reached, self.reached_since) {
            (true, None) => self.reached_since = Some(now),
            (false, Some(_)) => self.reached_since = None,
            _ => {}
        }
    }

    /// For how long the bus has been reached, milliseconds.
    pub fn reached_ms(&self, now: Duration) -> u64 {
        self.reached_since.map_or(0, |since| now.saturating_sub(since).as_millis() as u64)
    }

    /// Those alive. Of those that were silent too long only who could have been heard is dead.
    pub fn view(&mut self, now: Duration) -> View {
        if let Some(since) = self.reached_since {
            self.members.retain(|_, (_, at)| now.saturating_sub((*at).max(since)) < SILENCE);
        }
        View { members: self.words().map(Member::of).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const START: Duration = Duration::ZERO;
    const S: Duration = Duration::from_secs(1);

    fn word(name: &str, boot: u64, state: State) -> Alive {
        Member { name: name.into(), boot, roles: vec!["dialog".into()], ..Member::default() }.alive(state)
    }

    fn names(view: &View) -> Vec<(&str, u64)> {
        view.members().iter().map(|member| (member.name.as_str(), member.boot)).collect()
    }

    #[test]
    fn who_is_silent_for_long_is_dead_and_who_is_heard_lives() {
        let mut heard = Heard::default();
        heard.reach(true, START);
        heard.hear(word("a", 1, State::Ready), START);
        heard.hear(word("b", 1, State::Ready), START);
        heard.hear(word("b", 1, State::Ready), 2 * S);
        assert_eq!(names(&heard.view(2 * S)), [("a", 1), ("b", 1)]);
        assert_eq!(names(&heard.view(3 * S)), [("b", 1)]);
        heard.hear(word("a", 1, State::Ready), 4 * S);
        assert_eq!(names(&heard.view(4 * S)), [("a", 1), ("b", 1)]);
    }

    #[test]
    fn who_does_not_reach_the_bus_believes_nobody_dead_and_counts_anew_when_he_does() {
        let mut heard = Heard::default();
        heard.reach(true, START);
        heard.hear(word("a", 1, State::Ready), START);
        heard.reach(false, S);
        assert_eq!(names(&heard.view(100 * S)), [("a", 1)]);
        heard.reach(true, 100 * S);
        assert_eq!(names(&heard.view(102 * S)), [("a", 1)]);
        assert_eq!(names(&heard.view(103 * S)), []);
    }

    #[test]
    fn a_process_that_was_started_again_is_another_and_late_words_of_the_one_before_are_nothing() {
        let mut heard = Heard::default();
        heard.hear(word("a", 5, State::Ready), START);
        heard.hear(word("a", 7, State::Ready), S);
        heard.hear(word("a", 5, State::Gone), S);
        heard.hear(word("a", 5, State::Ready), S);
        let view = heard.view(S);
        assert_eq!(names(&view), [("a", 7)]);
        assert!(view.has("a", 7) && !view.has("a", 5));
        heard.hear(word("a", 7, State::Gone), S);
        heard.hear(word("a", 7, State::Ready), S);
        assert_eq!(names(&heard.view(S)), []);
        heard.hear(word("a", 8, State::Ready), S);
        assert_eq!(names(&heard.view(S)), [("a", 8)]);
    }

    #[test]
    fn who_ails_has_nothing_unless_all_do_or_only_those_that_drain_do_not() {
        let say = |heard: &mut Heard, name: &str, state: State, is_ailing: bool| {
            heard.hear(Alive { is_ailing, ..word(name, 1, state) }, START)
        };
        let owners = |view: &View| -> BTreeSet<String> {
            (0..100).filter_map(|shard| view.owner("dialog", Shard(shard))).map(|owner| owner.name.clone()).collect()
        };
        let mut heard = Heard::default();
        say(&mut heard, "a", State::Ready, true);
        say(&mut heard, "b", State::Ready, false);
        assert_eq!(owners(&heard.view(START)), ["b".to_owned()].into());
        say(&mut heard, "b", State::Ready, true);
        assert_eq!(owners(&heard.view(START)), ["a".to_owned(), "b".to_owned()].into());
        say(&mut heard, "b", State::Draining, false);
        assert_eq!(owners(&heard.view(START)), ["a".to_owned()].into());
        say(&mut heard, "a", State::Ready, false);
        assert!(heard.view(START).members().iter().all(|member| !member.is_ailing));
    }

    #[test]
    fn clients_wait_while_others_of_a_generation_that_is_replaced_are_not_told_yet() {
        let edge = |name: &str, generation: &str, is_draining| Member {
            name: name.into(),
            roles: vec!["edge".into()],
            generation: generation.into(),
            is_draining,
            ..Member::default()
        };
        let me = edge("a", "1", true);
        let waits = |others: &[Member]| others.iter().chain([&me]).cloned().collect::<View>().would_leave_again(&me, "edge");
        assert!(waits(&[edge("b", "1", false), edge("c", "2", false)]));
        assert!(!waits(&[edge("b", "1", true), edge("c", "2", false)]), "all are told");
        assert!(!waits(&[edge("b", "1", false)]), "nothing is replaced: one less is wanted");
        assert!(!waits(&[edge("b", "1", false), edge("c", "2", true)]), "the next ones are taken back");
        assert!(!waits(&[edge("b", "1", false), edge("c", "", false)]), "of which nothing is known");
        let me = edge("a", "", true);
        assert!(!View::from_iter([edge("b", "1", false), edge("c", "2", false)]).would_leave_again(&me, "edge"));
    }

    #[test]
    fn a_role_is_replaced_while_two_generations_of_it_live() {
        let member = |name: &str, role: &str, generation: &str| Member {
            name: name.into(),
            roles: vec![role.into()],
            generation: generation.into(),
            is_draining: true,
            ..Member::default()
        };
        let view = View::from_iter([member("a", "dialog", "1"), member("b", "dialog", "2"), member("c", "presence", "3")]);
        assert_eq!(["dialog", "presence", "push"].map(|role| view.is_replaced(role)), [true, false, false]);
        assert!(
            !View::from_iter([member("a", "dialog", "1"), member("b", "dialog", "")]).is_replaced("dialog"),
            "of one nothing is known"
        );
    }

    #[test]
    fn who_drains_gets_nothing_new_unless_all_do() {
        let mut heard = Heard::default();
        heard.hear(word("a", 1, State::Draining), START);
        assert_eq!(heard.view(START).owner("dialog", Shard(1)).map(|member| member.name.as_str()), Some("a"));
        heard.hear(word("b", 1, State::Ready), START);
        let view = heard.view(START);
        assert!((0..100).all(|shard| view.owner("dialog", Shard(shard)).is_some_and(|member| member.name == "b")));
        assert_eq!((view.ready("dialog").count(), view.owner("history", Shard(1))), (1, None));
    }
}
