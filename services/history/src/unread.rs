//! The unread count, derived from the log and a member's state, never counted up and down (design: promise P7). Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use crate::head::Head;
use crate::member::Member;

/// The count and the numbers it comes from: why is the badge 7?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unread {
    /// Rows above it are looked at: the member's base, or the log's floor if that is higher.
    pub above: u64,
    /// The newest row.
    pub head: u64,
    /// Rows between the two that the member has read, wrote or does not see.
    pub settled: u64,
    /// Rows between the two that are removed for all and not settled anyway.
    pub removed: u64,
    /// What is left.
    pub count: u64,
}

/// Counts the rows in (max(base, floor), head] that are neither settled for the member nor removed for all.
pub fn unread(head: &Head, member: &Member) -> Unread {
    let above = member.base.max(head.floor);
    let rows = head.seq.saturating_sub(above);
    let settled = member.settled.length_within(above + 1, head.seq);
    let both = member.settled.union(&head.removed).length_within(above + 1, head.seq);
    Unread { above, head: head.seq, settled, removed: both - settled, count: rows - both }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unread { above, head, settled, removed, count } = self;
        write!(f, "{count} unread: rows {} to {head}, less {settled} settled and {removed} removed", above + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranges::Ranges;

    #[test]
    fn rows_are_counted_that_are_neither_settled_nor_removed_nor_gone() {
        let head = Head { seq: 10, floor: 2, removed: Ranges::of(4, 5), ..Head::default() };
        let settled = Ranges::of(5, 6);
        check(&head, Member::new(1), (8, 0, 2, 6));
        check(&head, Member { settled: settled.clone(), ..Member::new(1) }, (8, 2, 1, 5));
        check(&head, Member { base: 4, settled: settled.union(&Ranges::of(8, 8)), ..Member::new(1) }, (6, 3, 0, 3));
        check(&head, Member { base: 10, ..Member::new(1) }, (0, 0, 0, 0));
        // A member's state may be ahead of a head that was read before it.
        check(&head, Member { base: 12, settled: Ranges::of(14, 14), ..Member::new(1) }, (0, 0, 0, 0));
        check(&Head::default(), Member::new(1), (0, 0, 0, 0));
    }

    #[test]
    fn the_count_explains_itself() {
        let head = Head { seq: 10, removed: Ranges::of(4, 5), ..Head::default() };
        let member = Member { settled: Ranges::of(9, 9), ..Member::new(1) };
        assert_eq!(unread(&head, &member).to_string(), "7 unread: rows 1 to 10, less 1 settled and 2 removed");
    }

    fn check(head: &Head, member: Member, (rows, settled, removed, count): (u64, u64, u64, u64)) {
        let found = unread(head, &member);
        let rows_found = found.head.saturating_sub(found.above);
        assert_eq!((rows_found, found.settled, found.removed, found.count), (rows, settled, removed, count), "{member:?}");
    }
}
