//! Who comes most often, of more keys than are kept: the space-saving algorithm (Metwally, Agrawal, El Abbadi, ICDT 2005), minute by
//! minute. Pure; the clock and the lock are the caller's.
//!
//! Invariants, of one minute with at most `keys` keys kept and `n` counts in all:
//! - A count is never less than it was, and at most its `error` more; no error is over `n / keys`.
//! - Whoever comes more often than `n / keys` is kept.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often a key came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    pub count: u64,
    /// At most so much of the count is not this key's.
    pub error: u64,
}

/// The most frequent keys of one minute.
struct Top<K> {
    keys_max: usize,
    counts: BTreeMap<K, Count>,
    /// The same by count, so that the least frequent is found at once.
    by_count: BTreeSet<(u64, K)>,
}

impl<K: Ord + Copy> Top<K> {
    fn new(keys_max: usize) -> Top<K> {
        Top { keys_max, counts: BTreeMap::new(), by_count: BTreeSet::new() }
    }

    fn add(&mut self, key: K) {
        let before = match self.counts.get(&key) {
            Some(count) => *count,
            None if self.counts.len() < self.keys_max => Count::default(),
            // The least frequent one makes room; how often it came is what may be too much of the one that takes its place.
            None => match self.by_count.pop_first() {
                Some((least, gone)) => {
                    self.counts.remove(&gone);
                    Count { count: least, error: least }
                }
                None => return,
            },
        };
        self.by_count.remove(&(before.count, key));
        let after = Count { count: before.count + 1, ..before };
        self.by_count.insert((after.count, key));
        self.counts.insert(key, after);
    }
}

/// The most frequent keys of the last minutes.
pub struct Minutes<K> {
    minutes: usize,
    keys_max: usize,
    /// Oldest first, each with its number.
    tops: VecDeque<(i64, Top<K>)>,
}

const MINUTE_MS: i64 = 60_000;

impl<K: Ord + Copy> Minutes<K> {
    /// Remembers the running minute and those before it, `minutes` in all, with so many keys each.
    pub fn new(minutes: usize, keys_max: usize) -> Minutes<K> {
        Minutes { minutes, keys_max, tops: VecDeque::new() }
    }

    /// Counts a key once. `now_ms`: unix milliseconds.
    pub fn add(&mut self, key: K, now_ms: i64) {
        let minute = now_ms.div_euclid(MINUTE_MS);
        // A clock that was set back counts into the minute that runs.
        if self.tops.back().is_none_or(|(latest, _)| *latest < minute) {
            self.tops.push_back((minute, Top::new(self.keys_max)));
            while self.tops.len() > self.minutes {
                self.tops.pop_front();
            }
        }
        if let Some((_, top)) = self.tops.back_mut() {
            top.add(key);
        }
    }

    /// The most frequent keys of the last `minutes`, most first, at most `limit` of those that `is_wanted`. A minute in which a key
    /// was not frequent enough to be kept adds nothing.
    pub fn most(&self, minutes: usize, limit: usize, now_ms: i64, is_wanted: impl Fn(&K) -> bool) -> Vec<(K, Count)> {
        let since = now_ms.div_euclid(MINUTE_MS) - i64::try_from(minutes.min(self.minutes)).unwrap_or(i64::MAX);
        let mut sums: BTreeMap<K, Count> = BTreeMap::new();
        for (_, top) in self.tops.iter().filter(|(minute, _)| *minute > since) {
            for (key, counted) in top.counts.iter().filter(|(key, _)| is_wanted(key)) {
                let sum = sums.entry(*key).or_default();
                sum.count += counted.count;
                sum.error += counted.error;
            }
        }
        let mut most: Vec<(K, Count)> = sums.into_iter().collect();
        most.sort_by_key(|(key, sum)| (std::cmp::Reverse(sum.count), *key));
        most.truncate(limit);
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(minutes: &Minutes<u32>, of: usize, now_ms: i64) -> Vec<(u32, u64)> {
        minutes.most(of, 3, now_ms, |_| true).into_iter().map(|(key, sum)| (key, sum.count)).collect()
    }

    #[test]
    fn the_most_frequent_come_first_and_what_is_not_wanted_is_left_out() {
        let mut seen = Minutes::new(5, 8);
        for key in [7, 3, 7, 5, 7, 3, 9] {
            seen.add(key, 1_000);
        }
        assert_eq!(most(&seen, 5, 1_000), [(7, 3), (3, 2), (5, 1)]);
        let odd_ones = seen.most(5, 1, 1_000, |key| *key != 7);
        assert_eq!(odd_ones, [(3, Count { count: 2, error: 0 })]);
    }

    #[test]
    fn who_is_frequent_is_found_among_a_crowd_and_memory_is_bounded() {
        let mut seen = Minutes::new(5, 16);
        let mut crowd = 1_000;
        for round in 0..10_000_u32 {
            crowd += 1;
            seen.add(crowd, 0);
            if round % 4 == 0 {
                seen.add(1, 0);
            }
            if round % 8 == 0 {
                seen.add(2, 0);
            }
        }
        let most = seen.most(5, 2, 0, |_| true);
        let (all, kept) = (10_000 + 2_500 + 1_250, 16);
        for ((key, sum), was) in most.iter().zip([2_500, 1_250]) {
            assert!(sum.count >= was && sum.count - sum.error <= was && sum.error <= all / kept, "{key}: {sum:?}");
        }
        assert_eq!((most[0].0, most[1].0), (1, 2));
        let (_, top) = &seen.tops[0];
        assert_eq!((top.counts.len(), top.by_count.len()), (16, 16));
    }

    #[test]
    fn minutes_pass_and_a_clock_that_is_set_back_opens_none() {
        let mut seen = Minutes::new(3, 8);
        for minute in 0..5 {
            seen.add(minute, i64::from(minute) * 60_000);
        }
        assert_eq!(most(&seen, 9, 4 * 60_000), [(2, 1), (3, 1), (4, 1)]);
        assert_eq!(most(&seen, 1, 4 * 60_000), [(4, 1)]);
        assert_eq!(most(&seen, 3, 6 * 60_000), [(4, 1)], "nothing came since");
        assert_eq!(most(&seen, 3, 9 * 60_000), []);
        seen.add(4, 0);
        assert_eq!((most(&seen, 1, 4 * 60_000), seen.tops.len()), (vec![(4, 2)], 3));
    }
}
