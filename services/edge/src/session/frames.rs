//! Frames for a session: what is told live, in order, without repeats and without holes. How it is written is in `telling.rs`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use natter_proto::event::v1::frame::Told as FrameTold;
use natter_proto::event::v1::{Frame, Message, SessionRef};
use natter_proto::{DialogId, STORING_MS};

use super::backlog::{Behind, Item, numbered};
use super::places::Judgement;
use super::telling::Way;
use super::{Action, Ending, Moment, Session, Stage};
use crate::proof::Told;
use crate::shared::SharedFrame;

impl Session {
    /// A frame for the session's user came to this edge.
    pub(crate) fn frame(&mut self, at: Moment, frame: Arc<SharedFrame>) {
        // Who is not on the line when it is told is not told of a call later either.
        if !self.begin(at) || (is_call(&frame) && !self.is_on_the_line()) {
            return;
        }
        if self.is_own(&frame) && !matches!(frame.told, Some(FrameTold::Change(_))) {
            self.own(at.now, &frame);
        } else {
            self.queue(at.now, frame);
        }
        self.finish(at);
    }

    /// Writes a frame, behind those that wait.
    pub(super) fn queue(&mut self, now: i64, frame: Arc<SharedFrame>) {
        if self.stage == Stage::Live && self.backlog.is_empty() && self.may_write() {
            self.deliver(now, frame);
        } else if !self.backlog.hold(frame.clone()) {
            self.overflow(now, &frame);
        }
    }

    /// A frame that cannot be held. While something else is in the way it can be fetched later; a client that is told live and
    /// proves nothing reads, if at all, slower than it is told, and is owed a debt.
    fn overflow(&mut self, now: i64, frame: &Frame) {
        if self.draining.is_some() {
            self.end(now, None, Ending::Vanished);
        } else if self.stage == Stage::Live && self.backlog.list.is_empty() {
            self.end(now, None, Ending::Cut);
        } else if !self.backlog.miss(frame) {
            self.out.push_back(Action::Lost);
        }
    }

    /// What is not written to one that is about to end is told by the edge that it goes to.
    fn may_write(&self) -> bool {
        self.draining.is_none() && self.proof.has_room()
    }

    /// The client is there, and is told at once, or behind what it is being told.
    fn is_on_the_line(&self) -> bool {
        self.attached && matches!(self.stage, Stage::Live | Stage::Filling(_))
    }

    /// Writes what may be written: first the list, then frames, then what is missing is fetched.
    pub(super) fn flow(&mut self, now: i64) {
        while self.stage == Stage::Live && self.may_write() {
            if !self.backlog.list.is_empty() {
                if self.room == 0 {
                    self.out.push_back(Action::WhenRoom);
                    return;
                }
                let item = self.backlog.list.pop_front();
                item.into_iter().for_each(|item| self.listed(now, item));
            } else if let Some(frame) = self.backlog.next_frame() {
                self.deliver(now, frame);
            } else if !self.fetch_missing() {
                return;
            }
        }
    }

    /// The session caused this frame itself: it only moves its place (contract xmpp 3.3, never an echo).
    fn own(&mut self, now: i64, frame: &Frame) {
        let Some((dialog, message)) = numbered(frame) else { return };
        match self.places.judge(dialog, message.seq, frame.previous_at) {
            // It was made before this session began, and says nothing of what this one is told.
            Judgement::Next if frame.again && self.places.last(dialog).is_none() => {}
            // Of a dialog that was never told nobody knows yet what the frames that wait will bring.
            Judgement::Next if self.places.last(dialog).is_some() || self.is_up_to_date() => {
                self.places.skipped(now, dialog, message.seq);
                self.stamped(now, dialog, frame);
                self.tidings.moved();
            }
            Judgement::Repeat => {}
            judgement => {
                self.places.posted(dialog, message.seq);
                if let (Judgement::Hole { after }, true) = (judgement, self.is_up_to_date()) {
                    self.backlog.miss_rows(dialog, before(frame, message, after));
                }
            }
        }
    }

    /// Every frame that came was written.
    fn is_up_to_date(&self) -> bool {
        self.stage == Stage::Live && self.backlog.is_empty() && !self.backlog.is_behind()
    }

    pub(super) fn deliver(&mut self, now: i64, frame: Arc<SharedFrame>) {
        let dialog = DialogId::try_from(frame.dialog.as_slice()).ok();
        let is_for_me = !frame.is_kept_from(self.me.user.0) && !self.is_own(&frame);
        match (&frame.told, dialog) {
            (Some(FrameTold::Message(message)), Some(dialog)) if message.seq > 0 => {
                match self.places.judge(dialog, message.seq, frame.previous_at) {
                    // It was made long before this session began: if it is owed, then by a debt.
                    Judgement::Next if self.is_of_before(dialog, &frame, message) => return,
                    // Whether the user was in the dialog when it was made, history knows. And what is known of the dialog may be
                    // newer than the frame: a change of this very row may be among it.
                    Judgement::Next if frame.again || self.places.stamp(dialog).is_some_and(|told| frame.stamp < told) => {
                        return self.fill(dialog, Behind::new(Some(message.seq - 1), message.seq + 1, 0));
                    }
                    Judgement::Next if is_for_me => self.row(now, dialog, message, Way::Live(&frame)),
                    Judgement::Next => self.places.skipped(now, dialog, message.seq),
                    Judgement::Repeat => {}
                    Judgement::Hole { after } => {
                        let behind = before(&frame, message, after);
                        self.backlog.hold_first(frame);
                        return self.fill(dialog, behind);
                    }
                }
                self.stamped(now, dialog, &frame);
            }
            (Some(FrameTold::Change(change)), Some(dialog)) => {
                match self.places.judge_stamp(dialog, change.stamp, frame.changed_at) {
                    Judgement::Next if is_for_me => self.change(now, dialog, change, Some(&frame)),
                    Judgement::Next => self.places.skipped_stamp(now, dialog, change.stamp),
                    Judgement::Repeat => {}
                    Judgement::Hole { .. } => {
                        let upto = change.stamp - 1;
                        self.backlog.hold_first(frame);
                        self.fill_changes(dialog, upto);
                    }
                }
            }
            _ if !is_for_me => {}
            _ if self.can_wait(&frame) => self.wait_with(now, frame),
            (Some(FrameTold::Message(_) | FrameTold::Headline(_)), _)
                if self.is_kept_for_me(&frame) && frame.kept > self.kept_upto + 1 =>
            {
                let upto = frame.kept - 1;
                self.backlog.hold_first(frame);
                self.fill_kept(upto);
            }
            (Some(FrameTold::Message(message)), Some(dialog)) => {
                let place = Some(frame.kept).filter(|_| self.is_kept_for_me(&frame));
                self.unstored(now, dialog, message, Way::Live(&frame), place);
            }
            (Some(FrameTold::Headline(headline)), _) => {
                let place = Some(frame.kept).filter(|_| self.is_kept_for_me(&frame));
                self.headline(now, headline, None, place);
            }
            (Some(FrameTold::CallSignal(signal)), _) => self.call_signal(now, signal),
            (Some(FrameTold::Marker(marker)), dialog) => self.marker(now, dialog, marker),
            (Some(FrameTold::Typing(typing)), dialog) => self.typing(now, dialog, typing, &frame),
            (Some(FrameTold::Reaction(reaction)), Some(dialog)) => self.reaction(now, dialog, reaction, &frame),
            (Some(FrameTold::Occupant(occupant)), Some(dialog)) => self.occupant(now, dialog, occupant, &frame),
            (Some(FrameTold::Activity(activity)), _) => self.activity(now, activity),
            (Some(FrameTold::Availability(availability)), _) => self.availability(now, availability),
            (Some(FrameTold::ContactRequest(request)), _) => self.contact_request(now, request),
            (Some(FrameTold::ContactChange(change)), _) => self.contact_change(now, change),
            (_, None) | (None, _) => {}
        }
    }

    /// What the frame tells lies in the queue of this session's user. A headline is told to its recipient alone.
    pub(super) fn is_kept_for_me(&self, frame: &Frame) -> bool {
        let is_mine = match &frame.told {
            Some(FrameTold::Message(message)) => message.recipient == self.me.user.0,
            told => matches!(told, Some(FrameTold::Headline(_))),
        };
        frame.kept > 0 && is_mine
    }

    fn listed(&mut self, now: i64, item: Item) {
        match item {
            Item::Row { dialog, row, delayed, told_at } => {
                if self.places.judge(dialog, row.seq, 0) != Judgement::Repeat {
                    self.row(now, dialog, &row, Way::Listed { resource: "", delayed, told_at });
                }
            }
            Item::Change { dialog, change, stamp } => match change {
                Some(change) if self.places.judge_stamp(dialog, stamp, 0) != Judgement::Repeat => {
                    self.change(now, dialog, &change, None);
                }
                _ => self.places.skipped_stamp(now, dialog, stamp),
            },
            Item::Kept { place, frame, kept_at } => self.kept(now, place, &frame, kept_at),
            Item::MoreKept { upto } => self.fill_kept(upto),
            Item::KeptUpto(upto) => self.kept_upto = self.kept_upto.max(upto),
            Item::End => self.told(now, Told::ListEnd),
        }
    }

    fn kept(&mut self, now: i64, place: u64, frame: &Frame, kept_at: i64) {
        let resource = frame.origin.as_ref().map_or("", |origin| origin.resource.as_str());
        match (&frame.told, DialogId::try_from(frame.dialog.as_slice())) {
            (Some(FrameTold::Message(message)), Ok(dialog)) => {
                let way = Way::Listed { resource, delayed: Some(kept_at), told_at: kept_at };
                self.unstored(now, dialog, message, way, Some(place));
            }
            (Some(FrameTold::Headline(headline)), _) => self.headline(now, headline, Some(kept_at), Some(place)),
            _ => {
                self.kept_upto = self.kept_upto.max(place);
                self.told(now, Told::Kept { place });
            }
        }
    }

    /// A row that is told again, in a dialog of which nothing was told, and older than what it takes to store one: an older session was told
    /// of it. Of a younger one nobody knows whether anybody was; its sender was not answered.
    fn is_of_before(&self, dialog: DialogId, frame: &Frame, message: &Message) -> bool {
        frame.again && self.places.last(dialog).is_none() && message.created_at < self.places.since() - STORING_MS
    }

    /// The session caused this frame, and is told nothing of it. What is said in a group is said to the sender too (contract
    /// xmpp 4.3).
    pub(super) fn is_own(&self, frame: &Frame) -> bool {
        let me = &self.me.session;
        let is_me = |origin: &SessionRef| origin.session == me.session && origin.boot == me.boot && origin.edge == me.edge;
        !frame.group && frame.origin.as_ref().is_some_and(is_me)
    }
}

/// What is missing in front of a row that was told with a frame. One that was told again does not know when the row before it was.
fn before(frame: &Frame, message: &Message, above: Option<u64>) -> Behind {
    Behind::new(above, message.seq, if frame.again { 0 } else { frame.previous_at })
}

/// What is told is a signal of a call.
fn is_call(frame: &Frame) -> bool {
    matches!(frame.told, Some(FrameTold::CallSignal(_)))
}
