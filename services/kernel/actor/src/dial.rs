//! A limit that a setting gives, and that may be another one while the process runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A limit. Clone; all clones are the same one.
#[derive(Clone, Debug)]
pub struct Dial(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    setting: u32,
    in_force: AtomicU32,
}

impl Dial {
    /// As the setting of this name says.
    pub fn new(name: &'static str, setting: u32) -> Dial {
        Dial(Arc::new(Inner { name, setting, in_force: AtomicU32::new(setting) }))
    }

    /// The setting's.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// What the setting says.
    pub fn setting(&self) -> u32 {
        self.0.setting
    }

    /// What holds.
    pub fn get(&self) -> u32 {
        self.0.in_force.load(Ordering::Relaxed)
    }

    /// From now on this holds; none: what the setting says.
    pub fn turn(&self, limit: Option<u32>) {
        self.0.in_force.store(limit.unwrap_or(self.0.setting), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_is_turned_for_all_who_have_it_and_goes_back_to_its_setting() {
        let dial = Dial::new("api.user_rate", 50);
        let other = dial.clone();
        dial.turn(Some(7));
        assert_eq!((other.get(), other.setting(), other.name()), (7, 50, "api.user_rate"));
        dial.turn(None);
        assert_eq!(other.get(), 50);
    }
}
