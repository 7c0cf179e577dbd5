//! A bounded memory of rows that stays right while they change. Not a copy of the store: what is not here is read there.
//!
//! Invariant: a known row is the stored one. Two things keep it:
//! - Who changes a row marks it first (`begin`), writes, and then says what came of it (`finish`). While a mark stands the row
//!   is read from the store every time. A writer that was dropped half way leaves its mark: slower, never wrong.
//! - What a reader brings is remembered only if nobody began or finished a change since it began to read.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Rows by key. Two generations: what was not asked for while one filled up is forgotten.
pub struct Cache<K, V>(Mutex<Generations<K, V>>);

/// A read that was begun.
#[derive(Clone, Copy)]
pub struct Reading(u64);

/// A change that was begun.
#[must_use = "a change that is never finished keeps its row out of the cache"]
pub struct Ticket<K> {
    key: K,
    number: u64,
}

struct Generations<K, V> {
    young: HashMap<K, Slot<V>>,
    old: HashMap<K, Slot<V>>,
    /// Rows of one generation.
    half: usize,
    /// Grows whenever a change begins or ends.
    steps: u64,
}

enum Slot<V> {
    Known(V),
    Changing(Marks),
}

/// The changes of one row that are under way.
struct Marks {
    first: u64,
    latest: u64,
    open: usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// A memory of at most `rows_max` rows.
    pub fn new(rows_max: usize) -> Cache<K, V> {
        let half = (rows_max / 2).max(1);
        Cache(Mutex::new(Generations { young: HashMap::new(), old: HashMap::new(), half, steps: 0 }))
    }

    /// The row, if it is known and nobody is changing it.
    pub fn get(&self, key: &K) -> Option<V> {
        match self.0.lock().slot(key)? {
            Slot::Known(row) => Some(row.clone()),
            Slot::Changing(_) => None,
        }
    }

    /// Called before a row is read from the store.
    pub fn reading(&self) -> Reading {
        Reading(self.0.lock().steps)
    }

    /// Remembers a row that was read, if it can only be the stored one.
    pub fn remember(&self, reading: Reading, key: K, row: V) {
        let mut generations = self.0.lock();
        if generations.steps == reading.0 && generations.slot(&key).is_none() {
            generations.insert(key, Slot::Known(row));
        }
    }

    /// Says that the row is about to be written. Called before the write.
    pub fn begin(&self, key: K) -> Ticket<K> {
        let mut generations = self.0.lock();
        generations.steps += 1;
        let number = generations.steps;
        match generations.slot(&key) {
            Some(Slot::Changing(marks)) => {
                marks.latest = number;
                marks.open += 1;
            }
            _ => generations.insert(key.clone(), Slot::Changing(Marks { first: number, latest: number, open: 1 })),
        }
        Ticket { key, number }
    }

    /// Says what came of a change: the row that is now stored, or none to read it again. Of changes that overlap, the last to
    /// finish is believed if it was also the last to begin. A change whose outcome is unknown is never finished.
    pub fn finish(&self, ticket: Ticket<K>, row: Option<V>) {
        let mut generations = self.0.lock();
        generations.steps += 1;
        let Some(Slot::Changing(marks)) = generations.slot(&ticket.key) else { return };
        if ticket.number < marks.first {
            return;
        }
        marks.open -= 1;
        if marks.open > 0 {
            return;
        }
        let row = row.filter(|_| marks.latest == ticket.number);
        generations.remove(&ticket.key);
        if let Some(row) = row {
            generations.insert(ticket.key, Slot::Known(row));
        }
    }

    /// Changes what is remembered beside the row itself, such as an instant kept elsewhere. Nothing if the row is not known.
    pub fn amend(&self, key: &K, change: impl FnOnce(&V) -> V) {
        if let Some(Slot::Known(row)) = self.0.lock().slot(key) {
            *row = change(row);
        }
    }
}

impl<K: Clone + Eq + Hash, V> Generations<K, V> {
    /// Finds a slot. A known row becomes young by it; a mark that was left behind grows old whoever asks.
    fn slot(&mut self, key: &K) -> Option<&mut Slot<V>> {
        if let Some(Slot::Known(_)) = self.old.get(key)
            && let Some(slot) = self.old.remove(key)
        {
            self.insert(key.clone(), slot);
        }
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    fn insert(&mut self, key: K, slot: Slot<V>) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, slot);
    }

    fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_began_before_a_change_ended_is_not_remembered() {
        let cache = Cache::new(8);
        let before = cache.reading();
        let ticket = cache.begin(1);
        let meanwhile = cache.reading();
        cache.remember(before, 1, "old");
        cache.remember(meanwhile, 1, "old");
        assert_eq!(cache.get(&1), None);
        cache.finish(ticket, None);
        cache.remember(before, 1, "old");
        cache.remember(meanwhile, 1, "old");
        assert_eq!(cache.get(&1), None);
        cache.remember(cache.reading(), 1, "new");
        assert_eq!(cache.get(&1), Some("new"));
    }

    #[test]
    fn of_overlapping_changes_only_the_last_one_is_believed() {
        let cache = Cache::new(8);
        let (first, second) = (cache.begin(1), cache.begin(1));
        cache.finish(first, Some("first"));
        assert_eq!(cache.get(&1), None, "the second is under way");
        cache.finish(second, Some("second"));
        assert_eq!(cache.get(&1), Some("second"));

        let (first, second) = (cache.begin(1), cache.begin(1));
        cache.finish(second, Some("second"));
        cache.finish(first, Some("first"));
        assert_eq!(cache.get(&1), None, "which came last only the store knows");
    }

    #[test]
    fn a_change_without_an_end_keeps_the_row_out_until_it_is_forgotten() {
        let cache = Cache::new(8);
        drop(cache.begin(1));
        let ticket = cache.begin(1);
        cache.finish(ticket, Some("row"));
        cache.remember(cache.reading(), 1, "row");
        assert_eq!(cache.get(&1), None);
        for other in 2..12 {
            cache.remember(cache.reading(), other, "other");
            assert_eq!(cache.get(&1), None);
        }
        cache.remember(cache.reading(), 1, "row");
        assert_eq!(cache.get(&1), Some("row"));
    }

    #[test]
    fn what_is_asked_for_stays_and_the_number_of_rows_is_bounded() {
        let cache = Cache::new(20);
        for key in 0..1000 {
            cache.remember(cache.reading(), key, key);
            assert_eq!(cache.get(&0), Some(0), "asked for all the time");
        }
        let generations = cache.0.lock();
        assert!(generations.young.len() + generations.old.len() <= 20);
        assert!(!generations.old.contains_key(&1) && !generations.young.contains_key(&1));
    }
}
