//! What one member of a dialog has read, received and hidden, and what moves it. Values only; the store keeps them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::history::v1::MemberState;

use crate::ranges::Ranges;

/// What is kept of a member of a dialog. Its sets only grow and `base` only rises, so that the same change twice, or two
/// changes in either order, come to the same.
///
/// Invariant: `settled` and `delivered` lie above `base`, and `settled` does not touch it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    pub user: u64,
    /// Everything up to it is settled.
    pub base: u64,
    /// Above `base`: read, own, hidden or blocked.
    pub settled: Ranges,
    /// The hidden and blocked part of what is settled, below `base` too.
    pub quiet: Ranges,
    /// Above `base`: received. What is settled counts as received without being in here.
    pub delivered: Ranges,
    /// `seq` at which the member joined; 0: from the start.
    pub joined: u64,
}

/// What can happen to a member. Numbers are places of rows that exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Move {
    /// The member read these rows, and so received them.
    Read(Ranges),
    /// These rows reached the member.
    Received(Ranges),
    /// The member wrote these rows.
    Wrote(Ranges),
    /// These rows are hidden from the member, by wish or because their sender was blocked when they were posted.
    Hid(Ranges),
    /// Everything up to this place is hidden from the member.
    Cleared(u64),
    /// The member joined, or joined again, when this was the newest row.
    Joined(u64),
}

impl Move {
    /// The move without what lies above `head`.
    pub fn cut(&self, head: u64) -> Move {
        match self {
            Move::Read(rows) => Move::Read(rows.within(1, head)),
            Move::Received(rows) => Move::Received(rows.within(1, head)),
            Move::Wrote(rows) => Move::Wrote(rows.within(1, head)),
            Move::Hid(rows) => Move::Hid(rows.within(1, head)),
            Move::Cleared(upto) => Move::Cleared(head.min(*upto)),
            Move::Joined(at) => Move::Joined(head.min(*at)),
        }
    }
}

impl Member {
    /// A member of whom nothing is kept.
    pub fn new(user: u64) -> Member {
        Member { user, ..Member::default() }
    }

    /// Applies a move. Answers whether it changed anything.
    pub fn apply(&mut self, to: &Move) -> bool {
        match to {
            Move::Read(rows) | Move::Wrote(rows) => self.settle(rows),
            Move::Received(rows) => self.receive(rows),
            Move::Hid(rows) => self.quiet.merge(rows) | self.settle(rows),
            Move::Cleared(head) => self.quiet.insert(1, *head) | self.raise(*head),
            Move::Joined(head) => {
                let moved = self.joined < *head;
                self.joined = self.joined.max(*head);
                moved | self.raise(*head)
            }
        }
    }

    /// Takes in what another part of the same member's state holds.
    pub fn absorb(&mut self, part: &Member) {
        self.joined = self.joined.max(part.joined);
        self.quiet.merge(&part.quiet);
        self.settle(&part.settled);
        self.receive(&part.delivered);
        self.raise(part.base);
    }

    /// Everything up to `base` is settled.
    pub fn raise(&mut self, base: u64) -> bool {
        if base <= self.base {
            return false;
        }
        self.base = base;
        self.close_up();
        true
    }

    /// Whether row `seq` of somebody else has this member in its `read_ids`: settled, not hidden, after the member joined.
    pub fn has_read(&self, seq: u64) -> bool {
        self.sees(seq) && self.is_settled(seq)
    }

    /// Whether row `seq` of somebody else has this member in its `delivered_ids`: read, or received.
    pub fn has_received(&self, seq: u64) -> bool {
        self.sees(seq) && (self.is_settled(seq) || self.delivered.contains(seq))
    }

    /// Its rows that neither reached the member nor need to, of those up to `head`.
    pub fn owed(&self, head: u64) -> Ranges {
        self.settled.union(&self.delivered).union(&self.quiet).gaps_within(self.base + 1, head)
    }

    /// The first place whose row he may see: with `from_joining`, where the app shows members what was said since they joined, that
    /// is behind where he joined.
    pub fn first_shown(&self, from_joining: bool) -> u64 {
        if from_joining { self.joined.saturating_add(1) } else { 1 }
    }

    /// Whether the row is hidden from him, or too old for him.
    pub fn is_kept_from(&self, seq: u64, from_joining: bool) -> bool {
        seq < self.first_shown(from_joining) || self.quiet.contains(seq)
    }

    /// How many ranges it takes to keep it.
    pub fn range_count(&self) -> usize {
        self.settled.range_count() + self.quiet.range_count() + self.delivered.range_count()
    }

    fn sees(&self, seq: u64) -> bool {
        seq > self.joined && !self.quiet.contains(seq)
    }

    fn is_settled(&self, seq: u64) -> bool {
        seq <= self.base || self.settled.contains(seq)
    }

    fn settle(&mut self, rows: &Ranges) -> bool {
        let mut grown = false;
        for range in rows.iter() {
            grown |= self.settled.insert(range.from.max(self.base + 1), range.upto);
        }
        self.close_up();
        grown
    }

    fn receive(&mut self, rows: &Ranges) -> bool {
        let mut grown = false;
        for range in rows.iter() {
            for missing in self.settled.gaps_within(range.from.max(self.base + 1), range.upto).iter() {
                grown |= self.delivered.insert(missing.from, missing.upto);
            }
        }
        grown
    }

    /// Moves `base` up to the end of the settled range that touches it, and forgets what lies below.
    fn close_up(&mut self) {
        self.settled.drop_upto(self.base);
        if let Some(first) = self.settled.first()
            && first.from == self.base + 1
        {
            self.base = first.upto;
            self.settled.drop_upto(self.base);
        }
        self.delivered.drop_upto(self.base);
    }
}

impl From<MemberState> for Member {
    fn from(state: MemberState) -> Member {
        let mut member = Member {
            user: state.user,
            base: state.base,
            settled: Ranges::collect(state.settled),
            quiet: Ranges::collect(state.quiet),
            delivered: Ranges::collect(state.delivered),
            joined: state.joined,
        };
        member.close_up();
        member
    }
}

impl From<Member> for MemberState {
    fn from(member: Member) -> MemberState {
        MemberState {
            user: member.user,
            base: member.base,
            settled: member.settled.into(),
            quiet: member.quiet.into(),
            delivered: member.delivered.into(),
            joined: member.joined,
            spilled: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reading_the_rows_next_to_base_moves_base() {
        let mut member = Member::new(7);
        assert!(member.apply(&Move::Received(Ranges::of(1, 9))));
        assert!(member.apply(&Move::Read(Ranges::of(2, 3))));
        assert_eq!((member.base, member.settled.length()), (0, 2));
        assert!(member.apply(&Move::Wrote(Ranges::of(1, 1))));
        assert_eq!((member.base, member.settled.length()), (3, 0));
        assert_eq!(member.delivered, Ranges::of(4, 9));
        assert!(!member.apply(&Move::Read(Ranges::of(1, 3))));
        assert!(!member.apply(&Move::Received(Ranges::of(1, 9))));
    }

    #[test]
    fn a_hidden_row_is_neither_read_nor_received() {
        let mut member = Member::new(7);
        member.apply(&Move::Hid(Ranges::of(2, 2)));
        member.apply(&Move::Read(Ranges::of(1, 3)));
        assert_eq!(member.base, 3);
        assert_eq!([1, 2, 3, 4].map(|seq| member.has_read(seq)), [true, false, true, false]);
        assert_eq!([1, 2, 3, 4].map(|seq| member.has_received(seq)), [true, false, true, false]);
    }

    #[test]
    fn who_joins_later_has_not_read_what_was_there_before() {
        let mut member = Member::new(7);
        assert!(member.apply(&Move::Joined(5)));
        member.apply(&Move::Read(Ranges::of(6, 6)));
        assert!(!member.has_read(5) && member.has_read(6));
        assert!(member.owed(6).is_empty());
    }

    #[test]
    fn what_is_cleared_stays_hidden_and_what_comes_after_does_not() {
        let mut member = Member::new(7);
        assert!(member.apply(&Move::Cleared(4)));
        assert!(!member.apply(&Move::Cleared(4)));
        assert_eq!(member.quiet, Ranges::of(1, 4));
        assert_eq!(member.owed(6), Ranges::of(5, 6));
    }

    proptest! {
        #[test]
        fn moves_commute_repeat_and_survive_the_store((moves, shuffled) in twice(vec(moves(), 0..12))) {
            let (mut member, mut other) = (Member::new(7), Member::new(7));
            moves.iter().for_each(|to| _ = member.apply(to));
            // Each once in another order, then again. A receipt may be kept or not when its row is settled as well; that
            // shows nowhere.
            shuffled.iter().chain(&moves).for_each(|to| _ = other.apply(to));
            prop_assert!((1..40).all(|seq| seen(&member, seq) == seen(&other, seq)), "{member:?} {other:?}");
            let kept = Member::from(MemberState::from(member.clone()));
            prop_assert_eq!(kept, member);
        }
    }

    fn twice(moves: impl Strategy<Value = Vec<Move>>) -> impl Strategy<Value = (Vec<Move>, Vec<Move>)> {
        moves.prop_flat_map(|moves| (Just(moves.clone()), Just(moves).prop_shuffle()))
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
            (0_u64..30).prop_map(Move::Cleared),
            (0_u64..30).prop_map(Move::Joined),
        ]
    }
}
