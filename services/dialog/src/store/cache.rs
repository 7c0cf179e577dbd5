//! What was read from the store and may be read again: kept until it is written, or until there is too much.
//!
//! Invariant: what is found here is what the store holds, but while a write of it is on its way; whoever waits for that write finds
//! the new one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

/// Values by key, up to a weight.
pub struct Cache<K: Ord + Copy, V> {
    weight_max: usize,
    kept: Mutex<Kept<K, V>>,
}

struct Kept<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// The ticket and key of every entry, and those of entries that were there; who comes first goes first, unless used since.
    turn: VecDeque<(u64, K)>,
    tickets: u64,
    weight: usize,
    /// How many writes began or ended.
    writes: u64,
    /// Writes on their way.
    writing: BTreeMap<K, usize>,
}

struct Entry<V> {
    ticket: u64,
    value: Arc<V>,
    weight: usize,
    used: bool,
}

/// The moment at which a read began.
#[derive(Clone, Copy)]
pub struct Begun(u64);

/// A write on its way, until this is dropped: when its outcome is certain.
pub struct Writing<K: Ord + Copy, V> {
    cache: Arc<Cache<K, V>>,
    keys: Vec<K>,
}

impl<K: Ord + Copy, V> Cache<K, V> {
    pub fn new(weight_max: usize) -> Arc<Cache<K, V>> {
        let kept =
            Kept { entries: BTreeMap::new(), turn: VecDeque::new(), tickets: 0, weight: 0, writes: 0, writing: BTreeMap::new() };
        Arc::new(Cache { weight_max, kept: Mutex::new(kept) })
    }

    /// What is kept of these, in their order.
    pub fn find<'a>(&self, keys: impl Iterator<Item = &'a K>) -> Vec<Option<Arc<V>>>
    where
        K: 'a,
    {
        let mut kept = self.kept.lock();
        let found = |key: &K| {
            let entry = kept.entries.get_mut(key)?;
            entry.used = true;
            Some(entry.value.clone())
        };
        keys.map(found).collect()
    }

    /// Before the store is read.
    pub fn begin(&self) -> Begun {
        Begun(self.kept.lock().writes)
    }

    /// Keeps what was read, unless something was written meanwhile.
    pub fn keep(&self, begun: Begun, key: K, value: Arc<V>, weight: usize) {
        let mut kept = self.kept.lock();
        if kept.writes != begun.0 || kept.writing.contains_key(&key) || weight > self.weight_max {
            return;
        }
        kept.remove(&key);
        kept.tickets += 1;
        let ticket = kept.tickets;
        kept.entries.insert(key, Entry { ticket, value, weight, used: false });
        kept.turn.push_back((ticket, key));
        kept.weight += weight;
        kept.shrink(self.weight_max);
    }

    /// These are about to be written.
    pub fn writing(self: &Arc<Self>, keys: Vec<K>) -> Writing<K, V> {
        let mut kept = self.kept.lock();
        kept.writes += 1;
        for key in &keys {
            kept.remove(key);
            *kept.writing.entry(*key).or_default() += 1;
        }
        drop(kept);
        Writing { cache: self.clone(), keys }
    }
}

impl<K: Ord + Copy, V> Kept<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.weight -= entry.weight;
        }
    }

    fn shrink(&mut self, weight_max: usize) {
        while self.weight > weight_max {
            let Some((ticket, key)) = self.turn.pop_front() else { return };
            match self.entries.get_mut(&key).filter(|entry| entry.ticket == ticket) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.turn.push_back((ticket, key));
                }
                Some(_) => self.remove(&key),
                None => {}
            }
        }
        // Many were written since they were read.
        if self.turn.len() > 2 * self.entries.len() + 8 {
            self.turn.retain(|(ticket, key)| self.entries.get(key).is_some_and(|entry| entry.ticket == *ticket));
        }
    }
}

impl<K: Ord + Copy, V> Drop for Writing<K, V> {
    fn drop(&mut self) {
        let mut kept = self.cache.kept.lock();
        kept.writes += 1;
        for key in &self.keys {
            if let Some(count) = kept.writing.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    kept.writing.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_found_until_it_is_written() {
        let cache = Cache::new(10);
        cache.keep(cache.begin(), 1, Arc::new("one"), 1);
        cache.keep(cache.begin(), 2, Arc::new("two"), 1);
        assert_eq!(found(&cache, &[1, 3, 2]), [Some("one"), None, Some("two")]);
        let writing = cache.writing(vec![1]);
        assert_eq!(found(&cache, &[1, 2]), [None, Some("two")]);
        // What the store holds is not certain.
        cache.keep(cache.begin(), 1, Arc::new("old?"), 1);
        assert_eq!(found(&cache, &[1]), [None]);
        drop(writing);
        cache.keep(cache.begin(), 1, Arc::new("new"), 1);
        assert_eq!(found(&cache, &[1]), [Some("new")]);
    }

    #[test]
    fn what_was_read_before_a_write_began_or_ended_is_not_kept() {
        let cache = Cache::new(10);
        let before = cache.begin();
        let writing = cache.writing(vec![1]);
        let meanwhile = cache.begin();
        drop(writing);
        for begun in [before, meanwhile] {
            cache.keep(begun, 1, Arc::new("old"), 1);
            assert_eq!(found(&cache, &[1]), [None]);
        }
        let (first, second) = (cache.writing(vec![1]), cache.writing(vec![1]));
        drop(first);
        cache.keep(cache.begin(), 1, Arc::new("of two writes"), 1);
        assert_eq!(found(&cache, &[1]), [None], "the other is on its way");
        drop(second);
    }

    #[test]
    fn what_was_not_used_goes_first() {
        let cache = Cache::new(3);
        for n in 1..=3 {
            cache.keep(cache.begin(), n, Arc::new("x"), 1);
        }
        found(&cache, &[1]);
        cache.keep(cache.begin(), 4, Arc::new("x"), 1);
        assert_eq!(found(&cache, &[1, 2, 3, 4]), [Some("x"), None, Some("x"), Some("x")]);
        // The others were used; the next time they were not.
        cache.keep(cache.begin(), 5, Arc::new("heavy"), 3);
        assert_eq!(cache.kept.lock().entries.len(), 3);
        cache.keep(cache.begin(), 5, Arc::new("heavy"), 3);
        assert_eq!(found(&cache, &[1, 3, 4, 5]), [None, None, None, Some("heavy")]);
        cache.keep(cache.begin(), 6, Arc::new("too heavy"), 4);
        assert_eq!(found(&cache, &[5, 6]), [Some("heavy"), None]);
    }

    #[test]
    fn keys_that_were_removed_do_not_pile_up() {
        let cache = Cache::new(10);
        for n in 0..1_000 {
            cache.keep(cache.begin(), n % 5, Arc::new("x"), 1);
            found(&cache, &[n % 5]);
        }
        let kept = cache.kept.lock();
        assert_eq!((kept.entries.len(), kept.weight), (5, 5));
        assert!(kept.turn.len() <= 18, "{}", kept.turn.len());
    }

    fn found(cache: &Cache<u32, &'static str>, keys: &[u32]) -> Vec<Option<&'static str>> {
        cache.find(keys.iter()).into_iter().map(|found| found.map(|value| *value)).collect()
    }
}
