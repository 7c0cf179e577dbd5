//! Who has read and who has received a message (contract rest 5.1, design page section 7), from the members' states.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, Range};

/// Users who have read and who have received one message, ascending, the sender among both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Readers {
    pub read: Vec<u64>,
    pub delivered: Vec<u64>,
}

impl Readers {
    /// Readers of a row. Invariant: who has read has received.
    pub(crate) fn of(row: &Message, members: &[MemberState]) -> Readers {
        let mut readers = Readers { read: vec![row.sender], delivered: vec![row.sender] };
        for member in members.iter().filter(|member| member.user != row.sender && could_see(member, row.seq)) {
            let read = row.seq <= member.base || within(&member.settled, row.seq);
            if read {
                readers.read.push(member.user);
            }
            if read || within(&member.delivered, row.seq) {
                readers.delivered.push(member.user);
            }
        }
        readers.read.sort_unstable();
        readers.delivered.sort_unstable();
        readers
    }
}

// A hidden row and one from before the join are settled as well, but nobody has read them.
fn could_see(member: &MemberState, seq: u64) -> bool {
    seq > member.joined && !within(&member.quiet, seq)
}

fn within(ranges: &[Range], seq: u64) -> bool {
    ranges.iter().any(|range| (range.from..=range.upto).contains(&seq))
}

/// Places as ranges: `1, 2, 3, 7` is `1..=3, 7..=7`. The order of the input does not matter.
pub(crate) fn ranges(mut seqs: Vec<u64>) -> Vec<Range> {
    seqs.sort_unstable();
    let mut ranges: Vec<Range> = Vec::new();
    for seq in seqs {
        match ranges.last_mut() {
            Some(last) if seq <= last.upto + 1 => last.upto = seq,
            _ => ranges.push(Range { from: seq, upto: seq }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_is_what_is_settled_and_was_seen() {
        let bob = MemberState {
            user: 7,
            base: 4,
            settled: vec![range(6, 8)],
            quiet: vec![range(8, 8)],
            delivered: vec![range(9, 9)],
            joined: 2,
            ..MemberState::default()
        };
        check(&bob, 1, &[34], &[34]); // before the join
        check(&bob, 4, &[7, 34], &[7, 34]);
        check(&bob, 5, &[34], &[34]);
        check(&bob, 7, &[7, 34], &[7, 34]);
        check(&bob, 8, &[34], &[34]); // hidden
        check(&bob, 9, &[34], &[7, 34]);
    }

    #[test]
    fn places_become_ranges() {
        assert_eq!(ranges(vec![7, 3, 1, 2, 2]), [range(1, 3), range(7, 7)]);
        assert_eq!(ranges(Vec::new()), []);
    }

    fn check(bob: &MemberState, seq: u64, read: &[u64], delivered: &[u64]) {
        let row = Message { sender: 34, seq, ..Message::default() };
        let ann = MemberState { user: 34, base: 0, ..MemberState::default() };
        assert_eq!(
            Readers::of(&row, &[ann, bob.clone()]),
            Readers { read: read.to_vec(), delivered: delivered.to_vec() },
            "{seq}"
        );
    }

    fn range(from: u64, upto: u64) -> Range {
        Range { from, upto }
    }
}
