//! What is kept of those who write in a dialog, remembered from one append to the next, so that it is not read for each. It may be less
//! than what is kept: their marks are written by others as well, and what is written from less loses nothing (see `marks`). Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use super::marks::Mark;

/// Senders remembered of a dialog.
const SENDERS_MAX: usize = 32;
/// Ranges remembered of one. Who has more is read again: what others wrote may have joined them.
const RANGES_MAX: usize = 16;

/// Of one dialog, for as long as its segment goes on.
#[derive(Default, Debug)]
pub struct Senders {
    kept: BTreeMap<u64, Vec<Mark>>,
}

impl Senders {
    /// What is known of a sender, who is forgotten: whether it stays true is seen when what follows is written.
    pub fn take(&mut self, user: u64) -> Option<Vec<Mark>> {
        self.kept.remove(&user)
    }

    /// Of more than fit, all others are forgotten.
    pub fn keep(&mut self, user: u64, kept: Vec<Mark>) {
        if kept.len() > RANGES_MAX {
            return;
        }
        if self.kept.len() >= SENDERS_MAX {
            self.kept.clear();
        }
        self.kept.insert(user, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut senders = Senders::default();
        let mark = |first| Mark { kind: 1, first, last: first };
        senders.keep(1, (0..=RANGES_MAX as u64).map(mark).collect());
        assert_eq!(senders.take(1), None, "too many ranges");
        (1..=40).for_each(|user| senders.keep(user, vec![mark(user)]));
        assert!(senders.kept.len() <= SENDERS_MAX);
        assert_eq!((senders.take(40), senders.take(40)), (Some(vec![mark(40)]), None));
    }
}
