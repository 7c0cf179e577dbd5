//! How far a session was told in each dialog: a repeat is dropped, a jump is a hole to fill, and what was proved is what a
//! later session may build on (design.md 6, 9). Rows are told by their number, changes of rows by their stamp.

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
    /// Something above `after` is missing; nothing of this dialog was told yet if it is `None`.
    Hole { after: Option<u64> },
}

/// Told and proved numbers by dialog.
#[derive(Debug)]
pub(crate) struct Places {
    dialogs: BTreeMap<DialogId, Place>,
    /// Stamps of changes, of dialogs of which one was heard.
    stamps: BTreeMap<DialogId, Place>,
    /// The newest row from before the session began that it was told of a dialog, until it is told something live of it.
    before: BTreeMap<DialogId, u64>,
    /// Posts of this very session: nobody tells it of them.
    posted: VecDeque<(DialogId, u64)>,
    /// Messages without a number that were told last.
    unsaved: VecDeque<(DialogId, Vec<u8>)>,
    since: i64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    told: u64,
    proved: u64,
    at: i64,
}

impl Places {
    /// The list is complete from `since` (unix milliseconds) on.
    pub(crate) fn new(since: i64) -> Places {
        let (dialogs, stamps, before) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Places { dialogs, stamps, before, posted: VecDeque::new(), unsaved: VecDeque::new(), since }
    }

    /// Since when (unix milliseconds) every dialog of which something was told is remembered.
    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// Compares a number with what was told. `previous_at`: when the row before it was told (made, where nobody knows that), unix
    /// milliseconds; of a dialog of which nothing was told, a row told since the session began is missing.
    pub(crate) fn judge(&self, dialog: DialogId, seq: u64, previous_at: i64) -> Judgement {
        let told = self.last(dialog);
        if told.or(self.before.get(&dialog).copied()).is_some_and(|told| seq <= told) {
            return Judgement::Repeat;
        }
        let is_posted = |number| self.posted.contains(&(dialog, number));
        match told {
            Some(told) if (told + 1..seq).all(is_posted) => Judgement::Next,
            // An own post before it says nothing of what stands before that.
            None if previous_at < self.since => Judgement::Next,
            after => Judgement::Hole { after },
        }
    }

    /// Compares the stamp of a change with those that were told. `changed_at`: when the change before it was made, unix
    /// milliseconds; of a dialog of which no stamp is known, a change made since the session began is missing.
    pub(crate) fn judge_stamp(&self, dialog: DialogId, stamp: u64, changed_at: i64) -> Judgement {
        match self.stamps.get(&dialog).map(|place| place.told) {
            Some(told) if stamp <= told => Judgement::Repeat,
            Some(told) if stamp > told + 1 => Judgement::Hole { after: Some(told) },
            None if stamp > 1 && changed_at >= self.since => Judgement::Hole { after: None },
            _ => Judgement::Next,
        }
    }

    /// A row of a list, told at `told_at` (unix milliseconds; made, where nobody knows that), was told or need not be. False: it
    /// says how far the session is.
    ///
    /// In a dialog that goes on from no debt, a row from before the session began says nothing of those after it: they may have
    /// been told to an earlier session, and are not missing to this one.
    pub(crate) fn is_before(&mut self, dialog: DialogId, seq: u64, told_at: i64) -> bool {
        let is_before = told_at < self.since && self.last(dialog).is_none();
        if is_before {
            let newest = self.before.entry(dialog).or_default();
            *newest = seq.max(*newest);
        }
        is_before
    }

    /// `seq` was told, or need not be.
    pub(crate) fn told(&mut self, now: i64, dialog: DialogId, seq: u64) {
        tell(&mut self.dialogs, now, dialog, seq);
        self.before.remove(&dialog);
        let told = self.last(dialog).unwrap_or_default();
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

    /// The change with this stamp was told.
    pub(crate) fn told_stamp(&mut self, now: i64, dialog: DialogId, stamp: u64) {
        tell(&mut self.stamps, now, dialog, stamp);
    }

    /// Changes up to this stamp need not be told.
    pub(crate) fn skipped_stamp(&mut self, now: i64, dialog: DialogId, stamp: u64) {
        let all_proved = self.stamps.get(&dialog).is_none_or(|place| place.proved == place.told);
        self.told_stamp(now, dialog, stamp);
        if all_proved {
            self.proved_stamp(dialog, stamp);
        }
    }

    /// The newest stamp told of a dialog.
    pub(crate) fn stamp(&self, dialog: DialogId) -> Option<u64> {
        self.stamps.get(&dialog).map(|place| place.told)
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

    /// Those posts.
    pub(crate) fn own(&self) -> impl Iterator<Item = (DialogId, u64)> {
        self.posted.iter().copied()
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
        prove(&mut self.dialogs, dialog, seq);
    }

    /// All changes up to `stamp` are proved.
    pub(crate) fn proved_stamp(&mut self, dialog: DialogId, stamp: u64) {
        prove(&mut self.stamps, dialog, stamp);
    }

    /// Takes over what an older session had proved.
    pub(crate) fn inherit(&mut self, now: i64, proofs: &[From]) {
        let place = |number| Place { told: number, proved: number, at: now };
        for proof in proofs {
            let Ok(dialog) = DialogId::try_from(proof.dialog.as_slice()) else { continue };
            self.dialogs.entry(dialog).or_insert(place(proof.seq));
            if let Some(stamp) = proof.stamp {
                self.stamps.entry(dialog).or_insert(place(stamp));
            }
        }
    }

    /// The proofs for the session's record, and since when they are complete: without dialogs that were quiet for two minutes
    /// and have nothing unproved. When there are too many of those they are forgotten.
    pub(crate) fn record(&mut self, now: i64) -> (Vec<From>, i64) {
        let edge = now - LISTED_MS;
        let is_listed = |place: &Place| place.at > edge || place.proved < place.told;
        for places in [&mut self.dialogs, &mut self.stamps] {
            if places.values().filter(|place| !is_listed(place)).count() > QUIET_MAX {
                places.retain(|_, place| is_listed(place));
            }
        }
        self.since = self.since.max(edge);
        let listed =
            self.dialogs.iter().filter(|(dialog, place)| is_listed(place) || self.stamps.get(dialog).is_some_and(is_listed));
        let stamp = |dialog| self.stamps.get(dialog).map(|place: &Place| place.proved);
        let proofs = listed.map(|(dialog, place)| From { dialog: dialog.to_vec(), seq: place.proved, stamp: stamp(dialog) });
        (proofs.collect(), self.since)
    }

    /// The last number told of a dialog.
    pub(crate) fn last(&self, dialog: DialogId) -> Option<u64> {
        self.dialogs.get(&dialog).map(|place| place.told)
    }
}

fn tell(places: &mut BTreeMap<DialogId, Place>, now: i64, dialog: DialogId, number: u64) {
    let place = places.entry(dialog).or_insert(Place { told: 0, proved: number.saturating_sub(1), at: now });
    place.told = place.told.max(number);
    place.at = now;
}

fn prove(places: &mut BTreeMap<DialogId, Place>, dialog: DialogId, number: u64) {
    if let Some(place) = places.get_mut(&dialog) {
        place.proved = place.proved.max(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: DialogId = DialogId([0xa1; 12]);

    #[test]
    fn repeats_and_holes_are_seen() {
        let mut places = Places::new(1_000);
        assert_eq!(places.judge(D, 41, 999), Judgement::Next, "the first since the session began");
        assert_eq!(places.judge(D, 41, 1_000), Judgement::Hole { after: None });
        places.told(0, D, 41);
        assert_eq!(places.judge(D, 41, 0), Judgement::Repeat);
        assert_eq!(places.judge(D, 42, 0), Judgement::Next);
        assert_eq!(places.judge(D, 44, 0), Judgement::Hole { after: Some(41) });
    }

    #[test]
    fn a_row_from_before_the_session_says_nothing_of_those_after_it() {
        let mut places = Places::new(1_000);
        assert!(places.is_before(D, 5, 999));
        assert_eq!(places.judge(D, 5, 0), Judgement::Repeat);
        assert_eq!(places.judge(D, 9, 999), Judgement::Next, "6 to 8 are from before it too");
        assert_eq!(places.judge(D, 9, 1_000), Judgement::Hole { after: None });
        assert!(!places.is_before(D, 9, 1_000));
        places.told(0, D, 9);
        assert!(!places.is_before(D, 8, 999), "it is somewhere");
        assert_eq!(places.judge(D, 11, 0), Judgement::Hole { after: Some(9) });
    }

    #[test]
    fn own_posts_are_no_hole() {
        let mut places = Places::new(0);
        places.told(0, D, 41);
        places.posted(D, 42);
        places.posted(D, 43);
        assert_eq!(places.judge(D, 44, 0), Judgement::Next);
        assert_eq!(places.judge(D, 45, 0), Judgement::Hole { after: Some(41) });
        places.told(0, D, 44);
        assert!(!places.is_posted(D, 43));
        let mut places = Places::new(0);
        places.posted(D, 42);
        assert_eq!(places.judge(D, 43, 5), Judgement::Hole { after: None }, "41 may be missing");
    }

    #[test]
    fn stamps_begin_where_the_session_did_and_are_dense_from_there() {
        let mut places = Places::new(1_000);
        assert_eq!(places.judge_stamp(D, 7, 1_000), Judgement::Hole { after: None });
        assert_eq!(places.judge_stamp(D, 1, 1_000), Judgement::Next, "there is none before it");
        assert_eq!(places.judge_stamp(D, 7, 999), Judgement::Next);
        places.told_stamp(0, D, 7);
        assert_eq!(places.judge_stamp(D, 7, 0), Judgement::Repeat);
        assert_eq!(places.judge_stamp(D, 8, 0), Judgement::Next);
        assert_eq!(places.judge_stamp(D, 9, 0), Judgement::Hole { after: Some(7) });
    }

    #[test]
    fn the_record_holds_proofs_not_what_was_told() {
        let mut places = Places::new(0);
        places.told(0, D, 41);
        places.told(0, D, 42);
        assert_eq!(places.record(0), (vec![proof(40, None)], 0));
        places.proved(D, 41);
        assert_eq!(places.record(600_000), (vec![proof(41, None)], 480_000), "42 is unproved");
        places.proved(D, 42);
        assert_eq!(places.record(600_001), (Vec::new(), 480_001));
        assert_eq!(places.judge(D, 44, 0), Judgement::Hole { after: Some(42) }, "off the list, but not forgotten");
        places.told_stamp(600_000, D, 3);
        assert_eq!(places.record(600_002), (vec![proof(42, Some(2))], 480_002), "its change is unproved");
    }

    fn proof(seq: u64, stamp: Option<u64>) -> From {
        From { dialog: D.to_vec(), seq, stamp }
    }
}
