//! What is missing to a live session, and how it gets it: rows by their numbers, changes by their stamps, kept messages by their
//! places. While something is fetched nothing else is written, so order holds (design.md 6).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Change, Frame, Message};
use natter_proto::history::v1::KeptRow;
use natter_proto::{DialogId, STORING_MS};
use natter_xmpp::StreamFault;

use super::backlog::{Behind, Item};
use super::places::Judgement;
use super::{Action, Call, Changes, Ending, Hole, Moment, Queue, Session, Stage, Stretch};

/// The newest numbers of a dialog, as its owner publishes them (design.md 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub seq: u64,
    pub stamp: u64,
    /// When the newest row or change was made, unix milliseconds.
    pub at: i64,
    /// When the newest row was told, unix milliseconds; 0: nobody knows.
    pub told_at: i64,
}

impl Session {
    /// The owner of a dialog says that these are its newest numbers, and no frame brought them here.
    pub(crate) fn head(&mut self, at: Moment, dialog: DialogId, head: Head) {
        if !self.begin(at) {
            return;
        }
        if let Judgement::Hole { after } = self.places.judge(dialog, head.seq + 1, head.at) {
            self.backlog.miss_rows(dialog, Behind::new(after, head.seq + 1, head.told_at));
        }
        if let Judgement::Hole { .. } = self.places.judge_stamp(dialog, head.stamp + 1, head.at) {
            self.backlog.miss_changes(dialog, head.stamp);
        }
        self.finish(at);
    }

    /// A frame says which change of its dialog was the newest then, and when it was made. The first one of a dialog says where to
    /// begin.
    pub(super) fn stamped(&mut self, now: i64, dialog: DialogId, frame: &Frame) {
        match self.places.judge_stamp(dialog, frame.stamp + 1, frame.changed_at) {
            Judgement::Hole { .. } => self.backlog.miss_changes(dialog, frame.stamp),
            Judgement::Next => self.places.skipped_stamp(now, dialog, frame.stamp),
            Judgement::Repeat => {}
        }
    }

    /// Begins to fetch the next thing that is missing; false if nothing is.
    pub(super) fn fetch_missing(&mut self) -> bool {
        if let Some((dialog, behind)) = self.backlog.next_behind() {
            self.fill(dialog, Behind { above: self.places.last(dialog).or(behind.above), ..behind });
        } else if let Some((dialog, upto)) = self.backlog.next_unchanged() {
            self.fill_changes(dialog, upto);
        } else if let Some(upto) = self.backlog.next_unkept() {
            self.fill_kept(upto);
        } else {
            return false;
        }
        true
    }

    // === asking ===

    pub(super) fn fill(&mut self, dialog: DialogId, behind: Behind) {
        let since = self.places.since();
        // Of a dialog of which nothing was told, what was told before the session began is not missing; nor in what follows of the hole.
        let from = behind.from.or(behind.above.is_none().then_some(since));
        self.stage = Stage::Filling(Hole::Rows { dialog, behind: Behind { from, ..behind } });
        let since = since - STORING_MS;
        self.out.push_back(Action::Call(Call::Fill { dialog, above: behind.above, since }));
    }

    pub(super) fn fill_changes(&mut self, dialog: DialogId, upto: u64) {
        self.stage = Stage::Filling(Hole::Changes { dialog, upto });
        let (above, since) = (self.places.stamp(dialog), self.places.since() - STORING_MS);
        self.out.push_back(Action::Call(Call::Changes { dialog, above, since }));
    }

    pub(super) fn fill_kept(&mut self, upto: u64) {
        self.stage = Stage::Filling(Hole::Kept { upto });
        self.out.push_back(Action::Call(Call::Kept { above: self.kept_upto }));
    }

    // === answers ===

    /// The rows of a hole, written like a list: as the client takes them. What history leaves out (hidden, removed) is not
    /// missing.
    pub(super) fn filled(&mut self, now: i64, dialog: DialogId, stretch: Option<Stretch>) {
        let Stage::Filling(Hole::Rows { dialog: awaited, behind }) = self.stage else { return };
        if awaited != dialog {
            return;
        }
        let Some(Stretch { rows, more, changes }) = stretch else { return self.unanswered(now) };
        self.stage = Stage::Live;
        let last = rows.last().map(|row| row.seq);
        let told = told_at(&rows, &behind);
        let rows: Vec<_> =
            rows.into_iter().zip(told).filter(|(_, told_at)| behind.from.is_none_or(|from| *told_at >= from)).collect();
        match last {
            // Nothing of it is missing, so the frame that waits would ask for the same again.
            Some(last) if more && rows.is_empty() => self.fill(dialog, Behind { above: Some(last), ..behind }),
            Some(last) if more => self.backlog.miss_rows(dialog, Behind { above: Some(last), ..behind }),
            _ if rows.is_empty() => self.places.skipped(now, dialog, behind.upto - 1),
            _ => {}
        }
        let mut items: Vec<Item> = Vec::with_capacity(rows.len() + changes.len());
        // A row of a group that comes late says so (contract xmpp 4.3).
        let delayed = |row: &Message| (row.recipient == 0).then_some(row.created_at);
        items.extend(rows.into_iter().map(|(row, told_at)| {
            let delayed = delayed(&row);
            Item::Row { dialog, delayed, row: Box::new(row), told_at }
        }));
        for change in changes {
            items.push(Item::Change { dialog, stamp: change.stamp, change: Some(Box::new(change)) });
        }
        self.backlog.list_first(items);
    }

    /// The changes of a dialog.
    pub(super) fn changed(&mut self, now: i64, dialog: DialogId, changes: Option<Changes>) {
        let Stage::Filling(Hole::Changes { dialog: awaited, upto }) = self.stage else { return };
        if awaited != dialog {
            return;
        }
        let Some(Changes { changes, more }) = changes else { return self.unanswered(now) };
        self.stage = Stage::Live;
        // Later ones come by frames that are here, or on their way.
        let missing = changes.into_iter().filter(|change| change.stamp <= upto);
        let item = |change: Change| Item::Change { dialog, stamp: change.stamp, change: Some(Box::new(change)) };
        let mut items: Vec<Item> = missing.map(item).collect();
        if more {
            self.backlog.miss_changes(dialog, upto);
        } else {
            // What is kept no more is not missing.
            items.push(Item::Change { dialog, change: None, stamp: upto });
        }
        self.backlog.list_first(items);
    }

    /// Kept messages.
    pub(super) fn queue_read(&mut self, now: i64, queue: Option<Queue>) {
        let Stage::Filling(Hole::Kept { upto }) = self.stage else { return };
        let Some(Queue { rows, more, .. }) = queue else { return self.unanswered(now) };
        self.stage = Stage::Live;
        let mut items: Vec<Item> = rows.into_iter().filter_map(kept_item).collect();
        items.push(if more { Item::MoreKept { upto } } else { Item::KeptUpto(upto) });
        self.backlog.list_first(items);
    }

    /// The stream ends and all of it is owed: going on would be a silent loss.
    fn unanswered(&mut self, now: i64) {
        self.end(now, Some(StreamFault::InternalError), Ending::Vanished);
    }
}

/// When rows were told, ascending as they are: the row behind one says so, or shares its append with it. Where nobody says it, when it
/// was made.
fn told_at(rows: &[Message], behind: &Behind) -> Vec<i64> {
    let mut told = vec![0; rows.len()];
    let mut next: Option<(&Message, i64)> = None;
    for (row, told) in rows.iter().zip(&mut told).rev() {
        let said = match next.filter(|(next, _)| next.seq == row.seq + 1) {
            _ if row.seq + 1 >= behind.upto => behind.told_at,
            Some((next, _)) if next.previous_told_at > 0 => next.previous_told_at,
            Some((next, next_told_at)) if next.created_at == row.created_at => next_told_at,
            _ => 0,
        };
        *told = said.max(row.created_at);
        next = Some((row, *told));
    }
    told
}

fn kept_item(kept: KeptRow) -> Option<Item> {
    let KeptRow { place, kept_at, frame } = kept;
    Some(Item::Kept { place, frame: Box::new(frame?), kept_at })
}
