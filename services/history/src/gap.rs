//! What a session that comes back gets of what it missed (design section 9): which rows of a dialog, and how the rows of all
//! dialogs become one list. Values only; `queries/gap.rs` reads them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::DialogId;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::{Change, Message};

use crate::head::Head;
use crate::member::Member;
use crate::ranges::Ranges;

/// What is asked of one dialog. Several may be: a row is given once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Owed {
    /// Every row above this place, the user's own included (they become carbons).
    pub above: Option<u64>,
    /// Every row that did not reach the user.
    pub undelivered: bool,
    /// Every row stored since, unix milliseconds, the user's own included.
    pub since: Option<i64>,
    /// Every change made since, of rows that are not owed.
    pub changed_since: Option<i64>,
    /// Every change above this stamp, of rows up to `above`.
    pub stamp: Option<u64>,
}

impl Owed {
    /// The rows that are owed by place: visible to the member, and above the proof or not received. What is owed by time
    /// needs the rows themselves.
    pub fn places(&self, head: &Head, member: &Member) -> Ranges {
        let visible = may_be_owed(head, member);
        let mut owed = self.above.map(|seq| visible.within(seq.saturating_add(1), head.seq)).unwrap_or_default();
        if self.undelivered {
            owed.merge(&visible.intersection(&member.owed(head.seq)));
        }
        owed
    }
}

/// The rows that may be owed to a member at all: what was said before he joined, or while he was out, he may read and is not told.
pub fn may_be_owed(head: &Head, member: &Member) -> Ranges {
    head.visible(member).within(member.joined + 1, head.seq)
}

/// Most rows of an answer, and which are given of more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub per_dialog: u64,
    pub in_all: usize,
    pub bytes: usize,
    /// The oldest; else the newest.
    pub oldest: bool,
    /// No change of a row from before the member joined is told.
    pub from_joining: bool,
}

/// One dialog's part of the list: rows ascending by `seq`.
pub type Part = (DialogId, Vec<Message>);

/// Makes one list of the parts, oldest first: by the time at which rows were made, then by dialog, then by `seq`, never out of
/// order within a dialog. Of more than `in_all` rows, and of more than `bytes` of them, the newest are kept, or the oldest.
pub fn interleave(parts: Vec<Part>, limits: &Limits, weigh: impl Fn(&Message) -> usize) -> Vec<(DialogId, Message)> {
    let mut rows = Vec::new();
    for (dialog, part) in parts {
        let mut latest = i64::MIN;
        for row in part {
            // A clock that was set back must not put a row before its predecessor.
            latest = latest.max(row.created_at);
            rows.push((latest, dialog, row));
        }
    }
    rows.sort_by_key(|(at, dialog, row)| (*at, *dialog, row.seq));
    let mut left = limits.bytes;
    let mut fits = |(_, _, row): &&(i64, DialogId, Message)| {
        let weight = weigh(row);
        let fits = weight <= left;
        left = left.saturating_sub(weight);
        fits
    };
    if limits.oldest {
        let kept = rows.iter().take(limits.in_all).take_while(&mut fits).count();
        rows.truncate(kept);
    } else {
        let kept = rows.iter().rev().take(limits.in_all).take_while(&mut fits).count();
        rows.drain(..rows.len() - kept);
    }
    rows.into_iter().map(|(_, dialog, row)| (dialog, row)).collect()
}

/// Of changes in the order of their stamps, those that are told to a member: of each row the newest, of rows that are not kept from
/// him. From `first_seq` on rows are told as they are, but those that were removed: a client may have them without having
/// proved it.
pub fn told(changes: impl IntoIterator<Item = Change>, first_seq: u64, member: &Member, from_joining: bool) -> Vec<Change> {
    let mut newest: BTreeMap<u64, Change> = BTreeMap::new();
    for change in changes {
        let is_removal = matches!(change.what, Some(What::Removed(true)));
        if !change.silent && (change.seq < first_seq || is_removal) && !member.is_kept_from(change.seq, from_joining) {
            newest.insert(change.seq, change);
        }
    }
    let mut told: Vec<Change> = newest.into_values().collect();
    told.sort_by_key(|change| change.stamp);
    told
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_above_the_proof_and_rows_not_received_are_owed_once() {
        let head = Head { seq: 9, removed: Ranges::of(8, 8), ..Head::default() };
        let member = Member { base: 2, delivered: Ranges::of(4, 7), quiet: Ranges::of(9, 9), ..Member::new(1) };
        check(Owed { above: Some(5), ..Owed::default() }, &head, &member, &[6, 7]);
        check(Owed { undelivered: true, ..Owed::default() }, &head, &member, &[3]);
        check(Owed { above: Some(5), undelivered: true, ..Owed::default() }, &head, &member, &[3, 6, 7]);
        check(Owed { above: Some(99), ..Owed::default() }, &head, &member, &[]);
        check(Owed::default(), &head, &member, &[]);
    }

    #[test]
    fn what_was_said_before_a_member_joined_is_not_owed() {
        let head = Head { seq: 9, ..Head::default() };
        let member = Member { joined: 6, ..Member::new(1) };
        check(Owed { above: Some(3), ..Owed::default() }, &head, &member, &[7, 8, 9]);
        check(Owed { above: Some(7), ..Owed::default() }, &head, &member, &[8, 9]);
    }

    #[test]
    fn the_list_is_ordered_by_time_and_never_against_a_dialogs_order() {
        let parts = || vec![(dialog(1), vec![row(1, 50), row(2, 20)]), (dialog(2), vec![row(7, 10), row(8, 50), row(9, 60)])];
        let list = |in_all, bytes, oldest| {
            let list = interleave(parts(), &Limits { per_dialog: 10, in_all, bytes, oldest, from_joining: false }, |_| 1);
            list.into_iter().map(|(_, row)| row.seq).collect::<Vec<_>>()
        };
        assert_eq!(list(10, 10, false), [7, 1, 2, 8, 9]);
        assert_eq!(list(3, 10, false), [2, 8, 9]);
        assert_eq!(list(10, 2, false), [8, 9]);
        assert_eq!(list(0, 10, false), [0; 0]);
        assert_eq!(list(3, 10, true), [7, 1, 2]);
        assert_eq!(list(10, 2, true), [7, 1]);
    }

    #[test]
    fn of_each_row_the_newest_change_is_told() {
        let change = |stamp, seq, silent| Change { stamp, seq, silent, ..Change::default() };
        let changes = [change(1, 3, false), change(2, 5, false), change(3, 3, false), change(4, 7, false), change(5, 2, true)];
        let stamps = |first_seq, member: &Member| -> Vec<u64> {
            told(changes.iter().cloned(), first_seq, member, false).iter().map(|change| change.stamp).collect()
        };
        assert_eq!(stamps(9, &Member::new(1)), [2, 3, 4]);
        assert_eq!(stamps(7, &Member::new(1)), [2, 3], "7 is told as it is");
        let removed = Change { what: Some(What::Removed(true)), ..change(6, 8, false) };
        assert_eq!(told([removed], 7, &Member::new(1), false).len(), 1, "8 is not told, and may have been");
        assert_eq!(stamps(9, &Member { quiet: Ranges::of(5, 5), ..Member::new(1) }), [3, 4]);
        let later = Member { joined: 5, ..Member::new(1) };
        assert_eq!(stamps(9, &later), [2, 3, 4], "he may read what was said before");
        assert_eq!(told(changes, 9, &later, true).iter().map(|change| change.stamp).collect::<Vec<_>>(), [4]);
    }

    fn check(owed: Owed, head: &Head, member: &Member, expected: &[u64]) {
        assert_eq!(owed.places(head, member).numbers().collect::<Vec<_>>(), expected, "{owed:?}");
    }

    fn dialog(n: u8) -> DialogId {
        DialogId([n; 12])
    }

    fn row(seq: u64, created_at: i64) -> Message {
        Message { seq, created_at, ..Message::default() }
    }
}
