//! How often what happened, in one life or in all of them.

use std::collections::BTreeMap;
use std::fmt;

/// By name; what is not named did not happen.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    pub fn add(&mut self, name: &'static str, count: usize) {
        *self.0.entry(name).or_default() += count;
    }

    pub fn add_all(&mut self, others: &Counts) {
        others.0.iter().for_each(|(name, count)| self.add(name, *count));
    }

    /// Those that never happened though they are named.
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&all.join(", "))
    }
}
