//! How many may be outside at once: a bound for all and one for each app. No waiting: who finds no place is told at once.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::options::Options;

/// The places.
pub struct Places {
    taken: Mutex<Taken>,
    max: usize,
    per_app_max: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Apps with a request under way.
    apps: BTreeMap<u64, usize>,
}

/// A place that is taken. Dropped, it is free.
pub struct Place<'a> {
    places: &'a Places,
    app: u64,
}

impl Places {
    pub fn of(options: &Options) -> Places {
        Places { taken: Mutex::default(), max: options.requests_max, per_app_max: options.requests_per_app_max }
    }

    /// A place for a request of `app`, if there is one.
    pub fn take(&self, app: u64) -> Option<Place<'_>> {
        let mut taken = self.taken.lock();
        let of_app = taken.apps.get(&app).copied().unwrap_or(0);
        if taken.all >= self.max || of_app >= self.per_app_max {
            return None;
        }
        taken.all += 1;
        taken.apps.insert(app, of_app + 1);
        Some(Place { places: self, app })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        match taken.apps.get_mut(&self.app) {
            Some(1) | None => drop(taken.apps.remove(&self.app)),
            Some(count) => *count -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_takes_its_own_places_and_all_take_those_of_all() {
        let places = Places::of(&Options { requests_max: 3, requests_per_app_max: 2, ..Options::default() });
        let (one, _two) = (places.take(1), places.take(1));
        assert!(one.is_some() && places.take(1).is_none(), "the app is over its own");
        let three = places.take(2);
        assert!(three.is_some() && places.take(3).is_none(), "all are over theirs");
        drop(one);
        assert!(places.take(3).is_some(), "a place is given back");
        assert!(places.take(1).is_some());
        drop(three);
        assert!(!places.taken.lock().apps.contains_key(&2), "an idle app is forgotten");
    }
}
