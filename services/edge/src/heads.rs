//! How far this edge was told in each dialog, against the heads that the owners publish: so that a lost last frame is noticed
//! too, and the only one (design.md 6).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::{AppId, DialogId};

use crate::session::Head;

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

#[derive(Default)]
struct Told {
    seq: u64,
    stamp: u64,
    users: BTreeSet<u64>,
    at: i64,
    /// What was published before. Frames of what is ahead of `seq` or `stamp` may be on their way still.
    ahead: Option<Head>,
}

impl Heads {
    /// Watches at most `max` dialogs; over it, further ones learn of a lost frame from the next one.
    pub(crate) fn new(max: usize) -> Heads {
        Heads { dialogs: BTreeMap::new(), max, forgot_at: 0 }
    }

    /// Every session of these users here was told a row (0: no row) and everything that was changed up to `stamp`.
    pub(crate) fn told(&mut self, now: i64, dialog: (AppId, DialogId), seq: u64, stamp: u64, users: &[u64]) {
        let Some(told) = self.watch(dialog) else { return };
        told.seq = told.seq.max(seq);
        told.stamp = told.stamp.max(stamp);
        told.users.extend(users);
        told.at = now;
    }

    /// A dialog's head was published. Gives the numbers whose frames were lost, and whose sessions miss them, once: what was
    /// ahead at an earlier publication and is so still. `members`: those of the dialog with a session here, as far as the head
    /// names them. Who is among them for the first time was told nothing of the dialog, and may miss its head.
    pub(crate) fn published(
        &mut self,
        now: i64,
        dialog: (AppId, DialogId),
        head: Head,
        members: &[u64],
    ) -> Option<(Head, Vec<u64>)> {
        if !self.dialogs.contains_key(&dialog) {
            if members.is_empty() {
                return None;
            }
            self.watch(dialog)?.at = now;
        }
        let told = self.dialogs.get_mut(&dialog)?;
        let newcomers: Vec<u64> = members.iter().copied().filter(|user| told.users.insert(*user)).collect();
        match told.ahead.replace(head) {
            Some(lost) if lost.seq > told.seq || lost.stamp > told.stamp => {
                (told.seq, told.stamp) = (told.seq.max(lost.seq), told.stamp.max(lost.stamp));
                Some((lost, told.users.iter().copied().collect()))
            }
            Some(_) if !newcomers.is_empty() => Some((head, newcomers)),
            _ => None,
        }
    }

    /// The user is no member any more: nothing of the dialog is missing to him.
    pub(crate) fn removed(&mut self, dialog: (AppId, DialogId), user: u64) {
        if let Some(told) = self.dialogs.get_mut(&dialog) {
            told.users.remove(&user);
        }
    }

    fn watch(&mut self, dialog: (AppId, DialogId)) -> Option<&mut Told> {
        let full = self.dialogs.len() >= self.max && !self.dialogs.contains_key(&dialog);
        (!full).then(|| self.dialogs.entry(dialog).or_default())
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
        let published = |heads: &mut Heads, seq, stamp| heads.published(0, D, head(seq, stamp), &[]);
        assert_eq!(published(&mut heads, 4, 0), None, "nobody here is in it");
        heads.told(0, D, 5, 0, &[34]);
        heads.told(0, D, 6, 0, &[78]);
        assert_eq!(published(&mut heads, 6, 0), None);
        assert_eq!(published(&mut heads, 7, 0), None, "its frame may be on its way");
        heads.told(0, D, 7, 0, &[34]);
        assert_eq!(published(&mut heads, 8, 0), None);
        assert_eq!(published(&mut heads, 9, 0), Some((head(8, 0), vec![34, 78])));
        assert_eq!(published(&mut heads, 9, 1), Some((head(9, 0), vec![34, 78])));
        assert_eq!(published(&mut heads, 9, 1), Some((head(9, 1), vec![34, 78])), "a change was lost");
        assert_eq!(published(&mut heads, 9, 1), None, "once");
        heads.told(0, D, 0, 2, &[34]);
        assert_eq!(published(&mut heads, 9, 2), None);
        assert_eq!(published(&mut heads, 9, 2), None);
    }

    #[test]
    fn the_only_frame_of_a_dialog_is_missed_too() {
        let mut heads = Heads::new(10);
        assert_eq!(heads.published(0, D, head(1, 0), &[78]), None);
        assert_eq!(heads.published(0, D, head(1, 0), &[78]), Some((head(1, 0), vec![78])));
        assert_eq!(heads.published(0, D, head(1, 0), &[78]), None, "once");
    }

    #[test]
    fn who_came_after_the_last_frame_misses_the_next_one_too() {
        let mut heads = Heads::new(10);
        heads.told(0, D, 2, 0, &[34]);
        assert_eq!(heads.published(0, D, head(2, 0), &[34]), None);
        assert_eq!(heads.published(0, D, head(3, 0), &[]), None);
        assert_eq!(heads.published(0, D, head(3, 0), &[]), Some((head(3, 0), vec![34])));
        assert_eq!(heads.published(0, D, head(3, 0), &[34, 78]), Some((head(3, 0), vec![78])));
        assert_eq!(heads.published(0, D, head(3, 0), &[34, 78]), None, "once");
    }

    #[test]
    fn nothing_is_missing_to_who_was_removed() {
        let mut heads = Heads::new(10);
        heads.told(0, D, 1, 0, &[34, 78]);
        heads.removed(D, 34);
        heads.removed((AppId(906), D.1), 78);
        heads.published(0, D, head(3, 0), &[]);
        assert_eq!(heads.published(0, D, head(3, 0), &[]), Some((head(3, 0), vec![78])));
    }

    #[test]
    fn what_is_watched_is_bounded_and_forgotten() {
        let mut heads = Heads::new(1);
        heads.told(0, D, 1, 0, &[34]);
        heads.told(0, (AppId(906), D.1), 1, 0, &[34]);
        assert_eq!(heads.published(0, (AppId(906), D.1), head(1, 0), &[34]), None);
        assert_eq!(heads.dialogs.len(), 1);
        heads.forget(120_000);
        assert_eq!(heads.dialogs.len(), 1);
        heads.forget(130_001);
        assert!(heads.dialogs.is_empty());
    }

    fn head(seq: u64, stamp: u64) -> Head {
        Head { seq, stamp, at: 0, told_at: 0 }
    }
}
