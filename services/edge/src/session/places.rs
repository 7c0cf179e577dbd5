//! How far a session was told in each dialog: a repeat is dropped, a jump is a hole to fill, and what was proved is what a
//! later session may build on (design.md 6, 9).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, VecDeque};

use natter_proto::DialogId;
use natter_proto::history::v1::From;

/// How long a dialog stays on the list after something was told of it, milliseconds.
const LISTED_MS: i64 = 120_000;
/// Numbers of own posts remembered, all dialogs together.
const POSTED_MAX: usize = 64;
/// Messages without a number remembered, all dialogs together.
const UNSAVED_MAX: usize = 64;
/// Dialogs remembered that are no longer on the list, so that a hole in them is seen when they go on.
const QUIET_MAX: usize = 64;

/// What a number means for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Judgement {
    /// The next one, or the first of its dialog.
    Next,
    /// Told before.
    Repeat,
    /// Something above `after` is missing.
    Hole { after: u64 },
}

/// Told and proved numbers by dialog.
#[derive(Debug)]
pub(crate) struct Places {
    dialogs: BTreeMap<DialogId, Place>,
    /// Posts of this very session: nobody tells it of them.
    posted: VecDeque<(DialogId, u64)>,
    /// Messages without a number that were told last.
    unsaved: VecDeque<(DialogId, Vec<u8>)>,
    since: i64,
}

#[derive(Debug)]
struct Place {
    told: u64,
    proved: u64,
    at: i64,
}

impl Places {
    /// The list is complete from `since` (unix milliseconds) on.
    pub(crate) fn new(since: i64) -> Places {
        Places { dialogs: BTreeMap::new(), posted: VecDeque::new(), unsaved: VecDeque::new(), since }
    }

    /// Compares a number with what was told.
    pub(crate) fn judge(&self, dialog: DialogId, seq: u64) -> Judgement {
        let Some(place) = self.dialogs.get(&dialog) else { return Judgement::Next };
        if seq <= place.told {
            return Judgement::Repeat;
        }
        let mut next = place.told + 1;
        while next < seq && self.posted.contains(&(dialog, next)) {
            next += 1;
        }
        if next == seq { Judgement::Next } else { Judgement::Hole { after: place.told } }
    }

    /// `seq` was told, or need not be.
    pub(crate) fn told(&mut self, now: i64, dialog: DialogId, seq: u64) {
        let place = self.dialogs.entry(dialog).or_insert(Place { told: 0, proved: seq.saturating_sub(1), at: now });
        place.told = place.told.max(seq);
        place.at = now;
        let told = place.told;
        self.posted.retain(|(of, number)| *of != dialog || *number > told);
    }

    /// `seq` and what lies below it need not be told: own, hidden or not for this user. Nothing waits to be proved for it.
    pub(crate) fn skipped(&mut self, now: i64, dialog: DialogId, seq: u64) {
        let all_proved = self.dialogs.get(&dialog).is_none_or(|place| place.proved == place.told);
        self.told(now, dialog, seq);
        if all_proved {
            self.proved(dialog, seq);
        }
    }

    /// This session posted `seq` itself.
    pub(crate) fn posted(&mut self, dialog: DialogId, seq: u64) {
        if self.last(dialog).is_some_and(|told| seq <= told) || self.is_posted(dialog, seq) {
            return;
        }
        if self.posted.len() == POSTED_MAX {
            self.posted.pop_front();
        }
        self.posted.push_back((dialog, seq));
    }

    /// Whether this session posted `seq` itself, as far as it remembers.
    pub(crate) fn is_posted(&self, dialog: DialogId, seq: u64) -> bool {
        self.posted.contains(&(dialog, seq))
    }

    /// Notes a message without a number; false if it was told lately. It may come twice: kept while the session came and told
    /// when it was there, or told again by a dialog that does not know that it did.
    pub(crate) fn hears(&mut self, dialog: DialogId, id: &[u8]) -> bool {
        if self.unsaved.iter().any(|(of, heard)| *of == dialog && heard == id) {
            return false;
        }
        if self.unsaved.len() == UNSAVED_MAX {
            self.unsaved.pop_front();
        }
        self.unsaved.push_back((dialog, id.to_vec()));
        true
    }

    /// All up to `seq` is proved.
    pub(crate) fn proved(&mut self, dialog: DialogId, seq: u64) {
        if let Some(place) = self.dialogs.get_mut(&dialog) {
            place.proved = place.proved.max(seq);
        }
    }

    /// Takes over what an older session had proved.
    pub(crate) fn inherit(&mut self, now: i64, proofs: &[From]) {
        for proof in proofs {
            let Ok(dialog) = DialogId::try_from(proof.dialog.as_slice()) else { continue };
            self.dialogs.entry(dialog).or_insert(Place { told: proof.seq, proved: proof.seq, at: now });
        }
    }

    /// The proofs for the session's record, and since when they are complete: without dialogs that were quiet for two minutes
    /// and have nothing unproved. When there are too many of those they are forgotten.
    pub(crate) fn record(&mut self, now: i64) -> (Vec<From>, i64) {
        let edge = now - LISTED_MS;
        let is_listed = |place: &Place| place.at > edge || place.proved < place.told;
        if self.dialogs.values().filter(|place| !is_listed(place)).count() > QUIET_MAX {
            self.dialogs.retain(|_, place| is_listed(place));
        }
        self.since = self.since.max(edge);
        let listed = self.dialogs.iter().filter(|(_, place)| is_listed(place));
        let proofs = listed.map(|(dialog, place)| From { dialog: dialog.to_vec(), seq: place.proved });
        (proofs.collect(), self.since)
    }

    /// The last number told of a dialog.
    pub(crate) fn last(&self, dialog: DialogId) -> Option<u64> {
        self.dialogs.get(&dialog).map(|place| place.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: DialogId = DialogId([0xa1; 12]);

    #[test]
    fn repeats_and_holes_are_seen() {
        let mut places = Places::new(0);
        assert_eq!(places.judge(D, 41), Judgement::Next, "the first of a dialog");
        places.told(0, D, 41);
        assert_eq!(places.judge(D, 41), Judgement::Repeat);
        assert_eq!(places.judge(D, 42), Judgement::Next);
        assert_eq!(places.judge(D, 44), Judgement::Hole { after: 41 });
    }

    #[test]
    fn own_posts_are_no_hole() {
        let mut places = Places::new(0);
        places.told(0, D, 41);
        places.posted(D, 42);
        places.posted(D, 43);
        assert_eq!(places.judge(D, 44), Judgement::Next);
        assert_eq!(places.judge(D, 45), Judgement::Hole { after: 41 });
        places.told(0, D, 44);
        assert!(!places.is_posted(D, 43));
    }

    #[test]
    fn the_record_holds_proofs_not_what_was_told() {
        let mut places = Places::new(0);
        places.told(0, D, 41);
        places.told(0, D, 42);
        assert_eq!(places.record(0), (vec![From { dialog: D.to_vec(), seq: 40 }], 0));
        places.proved(D, 41);
        assert_eq!(places.record(600_000), (vec![From { dialog: D.to_vec(), seq: 41 }], 480_000), "42 is unproved");
        places.proved(D, 42);
        assert_eq!(places.record(600_001), (Vec::new(), 480_001));
        assert_eq!(places.judge(D, 44), Judgement::Hole { after: 42 }, "off the list, but not forgotten");
    }
}
