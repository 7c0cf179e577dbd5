//! Sets that only grow, kept as rows that commute: each range a row, written with its last number as timestamp. What is read is the
//! union; a range that another one covers is deleted with its own last number, when the other one is there. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::history::v1::Range;

use crate::member::{Member, Move};
use crate::ranges::Ranges;

/// What a range says of a member.
pub const SETTLED: i32 = 1;
pub const QUIET: i32 = 2;
pub const DELIVERED: i32 = 3;
/// `last` is where the member joined.
pub const JOINED: i32 = 4;

/// A range as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    pub kind: i32,
    pub first: u64,
    pub last: u64,
}

/// What has to be written so that what is kept becomes what is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    pub put: Vec<Mark>,
    /// Covered by others that are there or are put.
    pub drop: Vec<Mark>,
}

impl Mark {
    fn covers(&self, other: &Mark) -> bool {
        self.kind == other.kind && self.first <= other.first && other.last <= self.last
    }
}

impl Diff {
    /// What is kept when it is written.
    pub fn apply(&self, kept: &mut Vec<Mark>) {
        let is_put = |mark: &Mark| self.put.iter().any(|put| (put.kind, put.first) == (mark.kind, mark.first));
        kept.retain(|mark| !self.drop.contains(mark) && !is_put(mark));
        kept.extend_from_slice(&self.put);
    }
}

/// The ranges of a set.
pub fn of_set(kind: i32, set: &Ranges) -> impl Iterator<Item = Mark> + '_ {
    set.iter().map(move |range| Mark { kind, first: range.from, last: range.upto })
}

/// The numbers of all ranges of a kind.
pub fn set_of(kind: i32, kept: &[Mark]) -> Ranges {
    let of_kind = kept.iter().filter(|mark| mark.kind == kind);
    Ranges::collect(of_kind.map(|mark| Range { from: mark.first, upto: mark.last }))
}

/// The member of whom these ranges are kept.
pub fn member(user: u64, kept: &[Mark]) -> Member {
    let joined = kept.iter().filter(|mark| mark.kind == JOINED).map(|mark| mark.last).max().unwrap_or(0);
    let mut member = Member { joined, ..Member::new(user) };
    let settled = Member { settled: set_of(SETTLED, kept), quiet: set_of(QUIET, kept), ..Member::new(user) };
    member.absorb(&settled);
    // What is settled counts as received, so it comes first.
    member.absorb(&Member { delivered: set_of(DELIVERED, kept), ..Member::new(user) });
    member
}

/// What is written of a member of whom this is kept, when these things happened to him. Nothing: nothing changed.
pub fn moved(user: u64, kept: &[Mark], moves: &[Move]) -> Option<Diff> {
    let mut member = self::member(user, kept);
    let changed = moves.iter().fold(false, |changed, to| member.apply(to) | changed);
    changed.then(|| diff(kept, &wanted(&member)))
}

fn wanted(member: &Member) -> Vec<Mark> {
    let mut settled = member.settled.clone();
    settled.insert(1, member.base);
    let joined = Mark { kind: JOINED, first: 0, last: member.joined };
    let sets = of_set(SETTLED, &settled).chain(of_set(QUIET, &member.quiet)).chain(of_set(DELIVERED, &member.delivered));
    sets.chain((member.joined > 0).then_some(joined)).collect()
}

/// `wanted` holds all that `kept` does, but for receipts of what is settled.
pub fn diff(kept: &[Mark], wanted: &[Mark]) -> Diff {
    let put = wanted.iter().filter(|mark| !kept.iter().any(|other| other.covers(mark))).copied().collect();
    let is_covered = |mark: &Mark| {
        let as_settled = Mark { kind: SETTLED, ..*mark };
        let received = mark.kind == DELIVERED && wanted.iter().any(|other| other.covers(&as_settled));
        // Of those that start alike the longer one stays by its timestamp.
        received || wanted.iter().any(|other| other.covers(mark) && other.first < mark.first)
    };
    Diff { put, drop: kept.iter().filter(|mark| is_covered(mark)).copied().collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_that_grows_is_one_row_and_what_it_swallows_goes() {
        let kept = [mark(SETTLED, 1, 2), mark(SETTLED, 4, 5), mark(DELIVERED, 3, 3)];
        let diff = moved(7, &kept, &[Move::Read(Ranges::of(3, 3))]).unwrap();
        let mut after = kept.to_vec();
        diff.apply(&mut after);
        assert_eq!(after, [mark(SETTLED, 1, 5)]);
        assert_eq!(diff.put, [mark(SETTLED, 1, 5)]);
        assert_eq!(diff.drop, [mark(SETTLED, 4, 5), mark(DELIVERED, 3, 3)]);
        assert_eq!(moved(7, &kept, &[Move::Read(Ranges::of(4, 5))]), None);
    }

    #[test]
    fn who_joins_has_everything_before_settled() {
        let diff = moved(7, &[], &[Move::Joined(5)]).unwrap();
        assert_eq!(diff.put, [mark(SETTLED, 1, 5), mark(JOINED, 0, 5)]);
        let member = member(7, &diff.put);
        assert_eq!((member.base, member.joined), (5, 5));
    }

    proptest! {
        /// Two who write at once, each from what it read before the other wrote, in any order of their writes, lose nothing.
        #[test]
        fn writers_who_do_not_see_each_other_lose_nothing(
            before in vec(moves(), 0..6), one in vec(moves(), 1..4), other in vec(moves(), 1..4), order in any::<bool>(),
        ) {
            let mut kept = Kept::default();
            for to in &before {
                kept.write(moved(7, &kept.read(), std::slice::from_ref(to)));
            }
            let (ones, others) = (moved(7, &kept.read(), &one), moved(7, &kept.read(), &other));
            let writes = if order { [ones, others] } else { [others, ones] };
            writes.into_iter().for_each(|write| kept.write(write));
            let mut expected = Member::new(7);
            before.iter().chain(&one).chain(&other).for_each(|to| _ = expected.apply(to));
            let found = member(7, &kept.read());
            prop_assert!((1..40).all(|seq| seen(&found, seq) == seen(&expected, seq)), "{found:?} {expected:?}");
            // And again: what is superfluous goes.
            kept.write(moved(7, &kept.read(), &[Move::Read(Ranges::of(1, 39))]));
            prop_assert_eq!(member(7, &kept.read()).base, 39);
        }

        /// Who goes on from what he himself wrote, without seeing what another one writes between, loses nothing either.
        #[test]
        fn a_writer_who_remembers_what_it_wrote_loses_nothing(
            before in vec(moves(), 0..6), steps in vec((any::<bool>(), moves()), 1..12),
        ) {
            let (mut kept, mut expected) = (Kept::default(), Member::new(7));
            for to in &before {
                kept.write(moved(7, &kept.read(), std::slice::from_ref(to)));
                expected.apply(to);
            }
            let mut remembered = kept.read();
            for (remembers, to) in &steps {
                let from = if *remembers { remembered.clone() } else { kept.read() };
                let diff = moved(7, &from, std::slice::from_ref(to));
                if let Some(diff) = diff.as_ref().filter(|_| *remembers) {
                    diff.apply(&mut remembered);
                }
                kept.write(diff);
                expected.apply(to);
            }
            let found = member(7, &kept.read());
            prop_assert!((1..40).all(|seq| seen(&found, seq) == seen(&expected, seq)), "{found:?} {expected:?}");
        }
    }

    /// Cells as the servers keep them: the highest timestamp stands, and of equal ones the deletion.
    #[derive(Default)]
    struct Kept(BTreeMap<(i32, u64), (u64, bool)>);

    impl Kept {
        fn write(&mut self, diff: Option<Diff>) {
            let Diff { put, drop } = diff.unwrap_or_default();
            for (mark, dropped) in put.iter().map(|mark| (mark, false)).chain(drop.iter().map(|mark| (mark, true))) {
                let cell = self.0.entry((mark.kind, mark.first)).or_default();
                *cell = (*cell).max((mark.last, dropped));
            }
        }

        fn read(&self) -> Vec<Mark> {
            let there = self.0.iter().filter(|(_, (_, dropped))| !dropped);
            there.map(|((kind, first), (last, _))| mark(*kind, *first, *last)).collect()
        }
    }

    fn seen(member: &Member, seq: u64) -> (bool, bool, bool) {
        (member.has_read(seq), member.has_received(seq), member.owed(40).contains(seq))
    }

    fn moves() -> impl Strategy<Value = Move> {
        let rows = || (1_u64..30, 0_u64..8).prop_map(|(from, more)| Ranges::of(from, from + more));
        prop_oneof![
            rows().prop_map(Move::Read),
            rows().prop_map(Move::Received),
            rows().prop_map(Move::Wrote),
            rows().prop_map(Move::Hid),
            (1_u64..30).prop_map(Move::Cleared),
            (1_u64..30).prop_map(Move::Joined),
        ]
    }

    fn mark(kind: i32, first: u64, last: u64) -> Mark {
        Mark { kind, first, last }
    }
}
