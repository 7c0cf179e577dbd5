//! The log of a dialog as a chain of segments (decision 0028): who may write to which, which number a place has, and what counts. It
//! does not know how segments come to be: see `takeover`. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::error::Error;

/// One run of a process. A process that starts again is another writer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Boot(pub u64);

/// What may happen to a segment yet. It moves forwards only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Its writer appends.
    Open,
    /// Somebody is taking it over: nothing that is not at a quorum yet will be acknowledged before it is sealed.
    Fenced,
    /// Rows at or beyond the length are void, whenever they arrive.
    Sealed { length: u32 },
}

/// A part of the log that one boot writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its place in the chain, from 0.
    pub number: u64,
    pub writer: Boot,
    pub state: State,
    /// `seq` of its position 0.
    pub first_seq: u64,
}

/// Where a row lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    pub segment: u64,
    pub position: u32,
}

/// A row as it lies in a segment: what was appended, and apart from it what an edit made of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stored {
    pub position: u32,
    /// The position at which its batch starts.
    pub first: u32,
    /// `event.v1.Message` as it was appended. Gone when the row was removed for all; then there is an edit.
    pub row: Option<Vec<u8>>,
    /// The users from whom it is hidden from the start, eight bytes each.
    pub quiet: Vec<u8>,
    /// `event.v1.Message` as it is since its newest change.
    pub edit: Option<Vec<u8>>,
    /// Stamp of the newest change.
    pub stamp: Option<i64>,
}

impl Segment {
    pub fn is_sealed(&self) -> bool {
        matches!(self.state, State::Sealed { .. })
    }

    /// How many rows count, if that is decided.
    pub fn length(&self) -> Option<u32> {
        match self.state {
            State::Sealed { length } => Some(length),
            State::Open | State::Fenced => None,
        }
    }

    /// Whether a row there counts for nobody.
    pub fn is_void(&self, position: u32) -> bool {
        self.length().is_some_and(|length| position >= length)
    }

    pub fn seq_of(&self, position: u32) -> u64 {
        self.first_seq + u64::from(position)
    }

    /// The first number of the segment behind it, once it is sealed.
    pub fn next_seq(&self) -> Option<u64> {
        self.length().map(|length| self.seq_of(length))
    }

    /// Whether so many rows fit behind `next`. A batch is never divided, so one that is larger than a segment may have one to itself.
    pub fn has_room(next: u32, rows: usize, size: u32) -> bool {
        next == 0 || u64::from(next) + rows as u64 <= u64::from(size)
    }
}

/// The segments of a dialog, ascending; the first ones may be missing.
///
/// Invariant: all but the last one are sealed, whatever was read of their states: what has a next one is. Its length is the
/// difference of the two first numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain(Vec<Segment>);

impl Chain {
    /// What was read, ascending by number.
    ///
    /// Fails with [`Error::Corrupt`] if a segment is missing between others, or numbers overlap.
    pub fn of(mut read: Vec<Segment>) -> Result<Chain, Error> {
        for at in 1..read.len() {
            let next = read[at];
            let before = &mut read[at - 1];
            let length = next.first_seq.checked_sub(before.first_seq).and_then(|length| u32::try_from(length).ok());
            let length = length.filter(|_| before.number + 1 == next.number).ok_or(Error::Corrupt("a chain of segments"))?;
            if before.length().is_some_and(|sealed| sealed != length) {
                return Err(Error::Corrupt("the length of a segment"));
            }
            before.state = State::Sealed { length };
        }
        Ok(Chain(read))
    }

    pub fn last(&self) -> Option<Segment> {
        self.0.last().copied()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Segment> + '_ {
        self.0.iter().copied()
    }

    /// Those that have a next one: nothing changes of them.
    pub fn settled(&self) -> &[Segment] {
        self.0.split_last().map_or(&[], |(_, settled)| settled)
    }

    pub fn segment(&self, number: u64) -> Option<Segment> {
        let first = self.0.first()?.number;
        self.0.get(usize::try_from(number.checked_sub(first)?).ok()?).copied()
    }

    /// The segment in which a number lies, or would lie if it is the next one.
    pub fn holding(&self, seq: u64) -> Option<Segment> {
        let behind = self.0.partition_point(|segment| segment.first_seq <= seq);
        let segment = *self.0.get(behind.checked_sub(1)?)?;
        let is_void = segment.next_seq().is_some_and(|next| seq >= next);
        (!is_void).then_some(segment)
    }

    /// Whether a row at that place may count, as far as the chain tells. What lies in no segment that is known does not.
    pub fn counts(&self, place: Place) -> bool {
        self.segment(place.segment).is_some_and(|segment| !segment.is_void(place.position))
    }
}

/// The rows from `first` on without a gap. What lies behind a gap, of the same batch, is not to be counted.
pub fn run_from(first: u32, mut rows: Vec<Stored>) -> Vec<Stored> {
    rows.sort_unstable_by_key(|row| row.position);
    let dense = rows.iter().filter(|row| row.position >= first).zip(first..).take_while(|(row, at)| row.position == *at).count();
    rows.retain(|row| row.position >= first && row.position - first < dense as u32);
    rows
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_have_places_over_segments_also_empty_ones() {
        let chain = Chain::of(vec![sealed(0, 1, 4), sealed(1, 5, 0), sealed(2, 5, 2), open(3, 7)]).unwrap();
        let place = |seq| chain.holding(seq).map(|segment| (segment.number, seq - segment.first_seq));
        assert_eq!([1, 4, 5, 6, 7, 70].map(place), [(0, 0), (0, 3), (2, 0), (2, 1), (3, 0), (3, 63)].map(Some));
        assert_eq!(place(0), None);
        let ended = Chain::of(vec![sealed(0, 1, 4)]).unwrap();
        assert_eq!((ended.holding(4).is_some(), ended.holding(5)), (true, None), "void");
    }

    #[test]
    fn next_means_sealed_whatever_a_read_shows() {
        let stale = Segment { state: State::Fenced, ..sealed(4, 9, 0) };
        let chain = Chain::of(vec![stale, open(5, 12)]).unwrap();
        assert_eq!(chain.segment(4).unwrap().state, State::Sealed { length: 3 });
        assert_eq!((chain.settled().len(), chain.segment(3), chain.segment(6)), (1, None, None));
        let counts = |segment, position| chain.counts(Place { segment, position });
        assert_eq!([counts(4, 2), counts(4, 3), counts(5, 900), counts(6, 0)], [true, false, true, false]);
    }

    #[test]
    fn a_chain_with_a_hole_or_an_overlap_is_none() {
        for broken in [vec![sealed(0, 1, 4), open(2, 5)], vec![open(0, 5), open(1, 4)], vec![sealed(0, 1, 4), open(1, 4)]] {
            assert!(Chain::of(broken).is_err());
        }
    }

    #[test]
    fn a_batch_is_not_divided() {
        assert!(Segment::has_room(0, 9, 4) && Segment::has_room(2, 2, 4) && !Segment::has_room(2, 3, 4));
    }

    #[test]
    fn what_is_behind_a_gap_is_not_counted() {
        let at = |positions: &[u32]| positions.iter().map(|at| Stored { position: *at, ..Stored::default() }).collect::<Vec<_>>();
        let run = |first, positions: &[u32]| run_from(first, at(positions)).iter().map(|row| row.position).collect::<Vec<_>>();
        assert_eq!(run(3, &[4, 3, 6]), [3, 4]);
        assert_eq!(run(3, &[4, 5]), [0_u32; 0]);
        assert_eq!(run(3, &[1, 2, 3]), [3]);
    }

    fn sealed(number: u64, first_seq: u64, length: u32) -> Segment {
        Segment { number, writer: Boot(1), state: State::Sealed { length }, first_seq }
    }

    fn open(number: u64, first_seq: u64) -> Segment {
        Segment { state: State::Open, ..sealed(number, first_seq, 0) }
    }
}
