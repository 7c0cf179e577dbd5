//! The head of a dialog's log: what an append, an edit and a removal do to it. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::DialogId;
use natter_proto::event::v1::Message;
use natter_proto::history::v1::DialogHead;

use crate::error::Error;
use crate::member::Member;
use crate::ranges::Ranges;

/// Where a dialog's log stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// Of the newest row; 0: there is none.
    pub seq: u64,
    /// Of the newest change.
    pub stamp: u64,
    /// Rows up to it are gone (retention).
    pub floor: u64,
    /// Of the newest row, unix seconds.
    pub date_sent: i64,
    /// When the newest row was made, unix milliseconds.
    pub updated_at: i64,
    /// Rows removed for all.
    pub removed: Ranges,
    /// Rows up to it were removed for all at once.
    pub cleared: u64,
    /// Rows up to it say nothing any more, also on the disk.
    pub wiped: u64,
}

impl Head {
    /// Whether rows may follow: `first_seq` is the next place, and their dates do not go back.
    ///
    /// Fails with [`Error::Conflict`] if somebody else appended, with [`Error::Invalid`] if time goes back.
    pub fn check(&self, first_seq: u64, rows: &[Message]) -> Result<(), Error> {
        if first_seq != self.seq + 1 {
            return Err(Error::Conflict { head: self.seq, first_seq });
        }
        let mut date_sent = self.date_sent;
        for row in rows {
            if row.date_sent < date_sent {
                return Err(Error::Invalid("rows", "go back in date_sent"));
            }
            date_sent = row.date_sent;
        }
        Ok(())
    }

    /// Moves to the last of rows that were checked.
    pub fn append(&mut self, rows: &[Message]) {
        if let Some(last) = rows.last() {
            self.seq = last.seq;
            self.date_sent = last.date_sent;
            self.updated_at = last.created_at;
        }
    }

    /// Takes note of a row that was edited or removed. Answers the stamp of that change.
    pub fn change(&mut self, row: &Message) -> u64 {
        if row.removed {
            self.removed.insert(row.seq, row.seq);
        }
        self.stamp += 1;
        self.stamp
    }

    /// Every row is removed for all. `false`: they were.
    pub fn clear(&mut self) -> bool {
        let moved = self.cleared < self.seq;
        self.cleared = self.seq;
        if moved {
            self.removed.insert(1, self.seq);
        }
        moved
    }

    /// The rows that are there for a member to see: not gone, not removed, not hidden from him.
    pub fn visible(&self, member: &Member) -> Ranges {
        self.removed.union(&member.quiet).gaps_within(self.floor + 1, self.seq)
    }

    /// The head as others hear of it.
    pub fn into_proto(self, dialog: DialogId) -> DialogHead {
        DialogHead {
            dialog: dialog.to_vec(),
            seq: self.seq,
            stamp: self.stamp,
            floor: self.floor,
            date_sent: self.date_sent,
            updated_at: self.updated_at,
            removed: self.removed.into(),
            cleared: self.cleared,
            wiped: self.wiped,
        }
    }
}

impl From<DialogHead> for Head {
    fn from(head: DialogHead) -> Head {
        Head {
            seq: head.seq,
            stamp: head.stamp,
            floor: head.floor,
            date_sent: head.date_sent,
            updated_at: head.updated_at,
            removed: Ranges::collect(head.removed),
            cleared: head.cleared,
            wiped: head.wiped,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_next_and_not_older_rows_may_follow() {
        let head = Head { seq: 4, date_sent: 100, ..Head::default() };
        assert_eq!(head.check(5, &[row(5, 100), row(6, 101)]), Ok(()));
        assert_eq!(head.check(4, &[row(4, 100)]), Err(Error::Conflict { head: 4, first_seq: 4 }));
        assert_eq!(head.check(6, &[row(6, 100)]), Err(Error::Conflict { head: 4, first_seq: 6 }));
        assert!(matches!(head.check(5, &[row(5, 99)]), Err(Error::Invalid(..))));
    }

    #[test]
    fn a_member_sees_what_is_neither_gone_nor_removed_nor_hidden() {
        let head = Head { seq: 9, floor: 2, removed: Ranges::of(5, 5), ..Head::default() };
        let member = Member { quiet: Ranges::of(7, 8), ..Member::new(1) };
        assert_eq!(head.visible(&member).numbers().collect::<Vec<_>>(), [3, 4, 6, 9]);
    }

    #[test]
    fn what_is_cleared_for_all_is_removed_and_what_comes_after_is_not() {
        let mut head = Head { seq: 3, ..Head::default() };
        assert!(head.clear() && !head.clear());
        head.append(&[row(4, 100)]);
        assert_eq!(head.visible(&Member::new(1)).numbers().collect::<Vec<_>>(), [4]);
        assert!(!Head::default().clear(), "nothing is there");
    }

    fn row(seq: u64, date_sent: i64) -> Message {
        Message { seq, date_sent, ..Message::default() }
    }
}
