//! A set of numbers kept as ranges: what a member has read, what is hidden, what is removed. Values only; it does not know
//! what the numbers mean.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::history::v1::Range;

/// A set of numbers from 1 on, as ascending ranges.
///
/// Invariant: ranges are not empty, do not overlap and do not touch, so that equal sets are equal values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// The empty set.
    pub fn new() -> Ranges {
        Ranges::default()
    }

    /// The numbers `from` to `upto`, both included; empty if `upto` is below `from`.
    pub fn of(from: u64, upto: u64) -> Ranges {
        let mut ranges = Ranges::new();
        ranges.insert(from, upto);
        ranges
    }

    /// The set of ranges in any order, overlapping or empty.
    pub fn collect(ranges: impl IntoIterator<Item = Range>) -> Ranges {
        let mut sorted: Vec<Range> = ranges.into_iter().filter(|range| range.from.max(1) <= range.upto).collect();
        sorted.sort_unstable_by_key(|range| range.from);
        let mut joined: Vec<Range> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match joined.last_mut() {
                Some(last) if range.from <= last.upto.saturating_add(1) => last.upto = last.upto.max(range.upto),
                _ => joined.push(Range { from: range.from.max(1), upto: range.upto }),
            }
        }
        Ranges(joined)
    }

    /// Its ranges, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range> + '_ {
        self.0.iter().copied()
    }

    /// Its numbers, ascending. For small sets.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.iter().flat_map(|range| range.from..=range.upto)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges there are: what the set costs, not how many numbers it holds.
    pub fn range_count(&self) -> usize {
        self.0.len()
    }

    /// The smallest range.
    pub fn first(&self) -> Option<Range> {
        self.0.first().copied()
    }

    /// The largest range.
    pub fn last(&self) -> Option<Range> {
        self.0.last().copied()
    }

    /// Adds the numbers `from` to `upto`. Answers whether any of them was not there.
    pub fn insert(&mut self, from: u64, upto: u64) -> bool {
        let from = from.max(1);
        if upto < from {
            return false;
        }
        let start = self.0.partition_point(|range| range.upto < from - 1);
        let end = self.0.partition_point(|range| range.from <= upto.saturating_add(1));
        let mut joined = Range { from, upto };
        if let Some((first, last)) = self.0.get(start..end).and_then(|met| Some((met.first()?, met.last()?))) {
            if first.from <= from && upto <= first.upto {
                return false;
            }
            joined = Range { from: from.min(first.from), upto: upto.max(last.upto) };
        }
        self.0.splice(start..end, [joined]);
        true
    }

    /// Adds all numbers of `other`. Answers whether any of them was not there.
    pub fn merge(&mut self, other: &Ranges) -> bool {
        let mut grown = false;
        for range in other.iter() {
            grown |= self.insert(range.from, range.upto);
        }
        grown
    }

    /// The numbers of both.
    pub fn union(&self, other: &Ranges) -> Ranges {
        Ranges::collect(self.iter().chain(other.iter()))
    }

    pub fn contains(&self, number: u64) -> bool {
        let place = self.0.partition_point(|range| range.upto < number);
        self.0.get(place).is_some_and(|range| range.from <= number)
    }

    /// How many numbers it holds.
    pub fn length(&self) -> u64 {
        self.iter().map(length).sum()
    }

    /// How many of the numbers `from` to `upto` it holds.
    pub fn length_within(&self, from: u64, upto: u64) -> u64 {
        self.met(from, upto).map(length).sum()
    }

    /// Those of the numbers `from` to `upto` that it holds.
    pub fn within(&self, from: u64, upto: u64) -> Ranges {
        Ranges(self.met(from, upto).collect())
    }

    /// Those of the numbers `from` to `upto` that it does not hold.
    pub fn gaps_within(&self, from: u64, upto: u64) -> Ranges {
        let mut gaps = Vec::new();
        let mut next = Some(from.max(1));
        for range in self.met(from, upto) {
            if let Some(next) = next.filter(|next| *next < range.from) {
                gaps.push(Range { from: next, upto: range.from - 1 });
            }
            next = range.upto.checked_add(1);
        }
        if let Some(from) = next.filter(|next| *next <= upto) {
            gaps.push(Range { from, upto });
        }
        Ranges(gaps)
    }

    /// The numbers of both at once.
    pub fn intersection(&self, other: &Ranges) -> Ranges {
        Ranges(self.iter().flat_map(|range| other.met(range.from, range.upto)).collect())
    }

    /// Takes out all numbers up to `upto`.
    pub fn drop_upto(&mut self, upto: u64) {
        let gone = self.0.partition_point(|range| range.upto <= upto);
        self.0.drain(..gone);
        if let Some(first) = self.0.first_mut() {
            first.from = first.from.max(upto.saturating_add(1));
        }
    }

    /// Splits off the `count` smallest numbers, leaving the rest.
    pub fn take_first(&mut self, count: u64) -> Ranges {
        let mut taken = Vec::new();
        let mut wanted = count;
        for range in self.iter() {
            if wanted == 0 {
                break;
            }
            let part = Range { from: range.from, upto: range.upto.min(range.from.saturating_add(wanted - 1)) };
            wanted -= length(part);
            taken.push(part);
        }
        if let Some(last) = taken.last() {
            self.drop_upto(last.upto);
        }
        Ranges(taken)
    }

    /// Splits off the `count` largest numbers, leaving the rest.
    pub fn take_last(&mut self, count: u64) -> Ranges {
        let kept = self.length().saturating_sub(count);
        let rest = self.take_first(kept);
        std::mem::replace(self, rest)
    }

    /// Its ranges cut to `from..=upto`.
    fn met(&self, from: u64, upto: u64) -> impl Iterator<Item = Range> + '_ {
        let start = self.0.partition_point(|range| range.upto < from);
        let met = self.0[start..].iter().take_while(move |range| range.from <= upto && from <= upto);
        met.map(move |range| Range { from: range.from.max(from), upto: range.upto.min(upto) })
    }
}

impl From<Ranges> for Vec<Range> {
    fn from(ranges: Ranges) -> Vec<Range> {
        ranges.0
    }
}

fn length(range: Range) -> u64 {
    range.upto - range.from + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_behave_like_a_set_of_numbers(pairs in vec((0_u64..60, 0_u64..12), 0..20), other in vec((0_u64..60, 0_u64..12), 0..20), from in 0_u64..60, width in 0_u64..40, count in 0_u64..80) {
            let (mut ranges, mut set) = (Ranges::new(), BTreeSet::new());
            for (from, width) in pairs {
                let before = set.len();
                set.extend(from.max(1)..(from + width));
                let grown = width > 0 && ranges.insert(from, from + width - 1);
                prop_assert_eq!(grown, set.len() > before);
            }
            let upto = from + width;
            check(&ranges, &set);
            check(&ranges.within(from, upto), &set.range(from..=upto).copied().collect());
            check(&ranges.gaps_within(from, upto), &(from.max(1)..=upto).filter(|n| !set.contains(n)).collect());
            prop_assert_eq!(ranges.length_within(from, upto), set.range(from..=upto).count() as u64);

            let other_set: BTreeSet<u64> = other.iter().flat_map(|(from, width)| (*from).max(1)..from + width).collect();
            let other = Ranges::collect(other.into_iter().filter(|(_, width)| *width > 0).map(|(from, width)| Range { from, upto: from + width - 1 }));
            check(&other, &other_set);
            check(&ranges.union(&other), &(&set | &other_set));
            check(&ranges.intersection(&other), &(&set & &other_set));
            let mut merged = ranges.clone();
            prop_assert_eq!(merged.merge(&other), !other_set.is_subset(&set));
            check(&merged, &(&set | &other_set));

            let mut rest = ranges.clone();
            check(&rest.take_first(count), &set.iter().take(count as usize).copied().collect());
            check(&rest, &set.iter().skip(count as usize).copied().collect());
            let mut rest = ranges.clone();
            check(&rest.take_last(count), &set.iter().rev().take(count as usize).copied().collect());
            check(&rest, &set.iter().rev().skip(count as usize).copied().collect());
            ranges.drop_upto(from);
            check(&ranges, &set.iter().filter(|n| **n > from).copied().collect());
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut ranges = Ranges::of(u64::MAX - 1, u64::MAX);
        assert!(!ranges.insert(u64::MAX, u64::MAX));
        assert!(ranges.contains(u64::MAX));
        assert_eq!(ranges.gaps_within(u64::MAX - 2, u64::MAX), Ranges::of(u64::MAX - 2, u64::MAX - 2));
    }

    fn check(ranges: &Ranges, set: &BTreeSet<u64>) {
        assert_eq!(ranges.numbers().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
        assert_eq!(ranges.length(), set.len() as u64);
        assert!((0..90).all(|n| ranges.contains(n) == set.contains(&n)));
        let touching = ranges.0.windows(2).any(|pair| pair[0].upto + 1 >= pair[1].from);
        assert!(!touching, "{ranges:?}");
    }
}
