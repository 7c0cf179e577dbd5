//! What of which app is wanted of what is written only where somebody reads it. Whoever knows says so; here it is looked up, once per
//! entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

/// What was said. Clones share it.
#[derive(Clone, Default)]
pub struct Wanted(Arc<RwLock<Said>>);

#[derive(Default)]
enum Said {
    /// Nothing: there is nobody for whom it would be written.
    #[default]
    Nothing,
    /// That it is not known.
    All,
    /// Bits of kinds.
    Apps(BTreeMap<u64, u32>),
}

impl Wanted {
    pub fn wants(&self, app: u64, kind: u32) -> bool {
        match &*self.0.read() {
            Said::Nothing => false,
            Said::All => true,
            Said::Apps(apps) => apps.get(&app).is_some_and(|kinds| kinds & (1 << kind.min(31)) != 0),
        }
    }

    pub fn all(&self) {
        *self.0.write() = Said::All;
    }

    pub fn set(&self, apps: impl IntoIterator<Item = (u64, u32)>) {
        *self.0.write() = Said::Apps(apps.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wanted_then_all_and_then_what_was_said() {
        let wanted = Wanted::default();
        assert!(!wanted.wants(1, 2));
        wanted.all();
        assert!(wanted.wants(1, 2) && wanted.wants(9, 9));
        wanted.set([(1, 0b101)]);
        assert_eq!([0, 1, 2, 99].map(|kind| wanted.wants(1, kind)), [true, false, true, false]);
        assert!(!wanted.wants(2, 0));
    }
}
