//! Which lane an app's entries lie in on JetStream, and what was read of the lanes and is not done. Values only: nothing waits here.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Entry;

/// How many lanes there are. Never changed: consumers and subjects are named by them.
pub const LANES: u64 = 64;

/// So many entries of a lane are held that were read and are not done.
pub const HELD_MAX: usize = 512;
/// So many that are done are remembered of a lane: the servers may send them once more before they hear of it.
const DONE_MAX: usize = 4_096;

/// The lane of an app: the same in every version of every process.
pub fn lane_of(app: u64) -> u64 {
    // The finisher of splitmix64: apps are counted upwards.
    let hash = (app ^ (app >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ (hash >> 31)) % LANES
}

/// What was read of one lane.
#[derive(Default)]
pub struct Lane {
    held: BTreeMap<u64, Held>,
    done: BTreeSet<u64>,
}

/// An entry, and where its acknowledgement goes.
pub struct Held {
    pub app: u64,
    pub value: Bytes,
    pub reply: String,
}

/// What is to be done with what the servers sent.
#[derive(PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is to be looked at.
    Held,
    /// It was looked at: that is to be said once more, there.
    Again(String),
}

impl Lane {
    /// Takes what the servers sent. Sent again, the later place of its acknowledgement counts.
    pub fn take(&mut self, number: u64, held: Held) -> Taken {
        if self.done.contains(&number) {
            return Taken::Again(held.reply);
        }
        self.held.insert(number, held);
        Taken::Held
    }

    /// How many more may be asked for.
    pub fn room(&self) -> usize {
        HELD_MAX.saturating_sub(self.held.len())
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The oldest, ascending.
    pub fn read(&self, limit: usize) -> Vec<Entry> {
        let entry = |(number, held): (&u64, &Held)| Entry { app: held.app, number: *number, value: held.value.clone() };
        self.held.iter().take(limit).map(entry).collect()
    }

    /// Where to acknowledge an entry that is done; `None` if it is held no more.
    pub fn finish(&mut self, number: u64) -> Option<String> {
        let held = self.held.remove(&number)?;
        self.done.insert(number);
        if self.done.len() > DONE_MAX {
            self.done.pop_first();
        }
        Some(held.reply)
    }

    /// Where to give back all that is held.
    pub fn give_back(self) -> impl Iterator<Item = String> {
        self.held.into_values().map(|held| held.reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_lie_evenly_and_always_in_the_same_lanes() {
        assert_eq!([0, 1, 2, 3, 1_000].map(lane_of), [0, 37, 10, 48, 23]);
        let mut counts = [0; LANES as usize];
        (0..6_400).for_each(|app| counts[lane_of(app) as usize] += 1);
        assert!(counts.iter().all(|count| (50..=160).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_held_is_read_in_its_order_until_it_is_done() {
        let mut lane = Lane::default();
        for number in [5, 3, 9] {
            assert_eq!(lane.take(number, held("first")), Taken::Held);
        }
        assert_eq!((numbers(&lane, 2), numbers(&lane, 9), lane.room()), (vec![3, 5], vec![3, 5, 9], HELD_MAX - 3));
        assert_eq!(lane.take(5, held("second")), Taken::Held);
        assert_eq!((lane.finish(5), lane.finish(5)), (Some("second".to_owned()), None), "where it was sent last");
        assert_eq!(numbers(&lane, 9), [3, 9]);
        assert_eq!(lane.take(5, held("third")), Taken::Again("third".to_owned()), "it is not looked at again");
        assert_eq!(lane.give_back().count(), 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut lane = Lane::default();
        for number in 0..DONE_MAX as u64 + 10 {
            lane.take(number, held("x"));
            lane.finish(number);
        }
        assert_eq!((lane.done.len(), lane.done.first()), (DONE_MAX, Some(&10)));
    }

    fn held(reply: &str) -> Held {
        Held { app: 1, value: Bytes::new(), reply: reply.to_owned() }
    }

    fn numbers(lane: &Lane, limit: usize) -> Vec<u64> {
        lane.read(limit).into_iter().map(|entry| entry.number).collect()
    }
}
