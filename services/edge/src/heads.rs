//! How far this edge was told in each dialog, against the heads that the owners publish: so that a lost last frame is noticed
//! too (design.md 6). Of a dialog that nobody here was told of lately it knows nothing.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::{AppId, DialogId};

/// How long a dialog is watched after something was told of it, milliseconds. Heads go on for 30 s after a dialog moved.
const WATCHED_MS: i64 = 120_000;
/// Shortest time between two looks for dialogs to forget, milliseconds.
const PAUSE_MS: i64 = 10_000;

/// The dialogs that were told lately.
pub(crate) struct Heads {
    dialogs: BTreeMap<(AppId, DialogId), Told>,
    max: usize,
    forgot_at: i64,
}

struct Told {
    seq: u64,
    users: BTreeSet<u64>,
    at: i64,
    /// A head above `seq`, heard once. Its frame may be on its way.
    ahead: u64,
}

impl Heads {
    /// Watches at most `max` dialogs; over it, further ones learn of a lost frame from the next one.
    pub(crate) fn new(max: usize) -> Heads {
        Heads { dialogs: BTreeMap::new(), max, forgot_at: 0 }
    }

    /// Every session of these users here was told `seq`.
    pub(crate) fn told(&mut self, now: i64, dialog: (AppId, DialogId), seq: u64, users: &[u64]) {
        if self.dialogs.len() >= self.max && !self.dialogs.contains_key(&dialog) {
            return;
        }
        let told = self.dialogs.entry(dialog).or_insert(Told { seq, users: BTreeSet::new(), at: now, ahead: 0 });
        told.seq = told.seq.max(seq);
        told.users.extend(users);
        told.at = now;
    }

    /// A dialog's head was published. Gives the number whose frame was lost, and whose sessions miss it, once: what was ahead at
    /// an earlier publication and is so still.
    pub(crate) fn published(&mut self, dialog: (AppId, DialogId), seq: u64) -> Option<(u64, Vec<u64>)> {
        let told = self.dialogs.get_mut(&dialog)?;
        let lost = told.ahead;
        told.ahead = seq;
        if lost <= told.seq {
            return None;
        }
        told.seq = lost;
        Some((lost, told.users.iter().copied().collect()))
    }

    /// Forgets now and then what was quiet for long.
    pub(crate) fn forget(&mut self, now: i64) {
        if now - self.forgot_at >= PAUSE_MS {
            self.forgot_at = now;
            self.dialogs.retain(|_, told| now - told.at <= WATCHED_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: (AppId, DialogId) = (AppId(905), DialogId([0xa1; 12]));

    #[test]
    fn a_head_that_stays_ahead_is_a_lost_frame_and_one_whose_frame_comes_is_none() {
        let mut heads = Heads::new(10);
        assert_eq!(heads.published(D, 4), None, "nobody here was told of it");
        heads.told(0, D, 5, &[34]);
        heads.told(0, D, 6, &[78]);
        assert_eq!(heads.published(D, 6), None);
        assert_eq!(heads.published(D, 7), None, "its frame may be on its way");
        heads.told(0, D, 7, &[34]);
        assert_eq!(heads.published(D, 8), None);
        assert_eq!(heads.published(D, 9), Some((8, vec![34, 78])));
        assert_eq!(heads.published(D, 9), Some((9, vec![34, 78])));
        assert_eq!(heads.published(D, 9), None, "once");
    }

    #[test]
    fn what_is_watched_is_bounded_and_forgotten() {
        let mut heads = Heads::new(1);
        heads.told(0, D, 1, &[34]);
        heads.told(0, (AppId(906), D.1), 1, &[34]);
        assert_eq!(heads.dialogs.len(), 1);
        heads.forget(120_000);
        assert_eq!(heads.dialogs.len(), 1);
        heads.forget(130_001);
        assert!(heads.dialogs.is_empty());
    }
}
