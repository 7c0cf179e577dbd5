//! Frames for a session: what is told live, in order, without repeats and without holes.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use natter_proto::DialogId;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told as FrameTold;
use natter_proto::event::v1::{Change, Frame, Headline, MarkKind, Marker, Message, SessionRef, Typing};
use natter_xmpp::Framing;

use super::backlog::{Behind, Item, numbered};
use super::places::Judgement;
use super::{Action, Ending, Moment, Session, Stage};
use crate::proof::Told;
use crate::stanza::{self, Envelope, Sender};

impl Session {
    /// A frame for the session's user came to this edge.
    pub(crate) fn frame(&mut self, at: Moment, frame: Arc<Frame>) {
        if !self.begin(at) {
            return;
        }
        if self.is_own(&frame) {
            self.own(at.now, &frame);
        } else if self.stage == Stage::Live && self.backlog.is_empty() && self.proof.has_room() {
            self.deliver(at.now, frame);
        } else if !self.backlog.hold(frame.clone()) {
            self.overflow(at.now, &frame);
        }
        self.finish(at);
    }

    /// A frame that cannot be held. While something else is in the way it can be fetched later; a client that is told live and
    /// proves nothing reads, if at all, slower than it is told, and is owed a debt.
    fn overflow(&mut self, now: i64, frame: &Frame) {
        if self.stage == Stage::Live && self.backlog.list.is_empty() {
            self.end(now, None, Ending::Cut);
        } else if !self.backlog.miss(frame) {
            self.out.push_back(Action::Lost);
        }
    }

    /// Writes what may be written: first the list, then frames, then what is missing is fetched.
    pub(super) fn flow(&mut self, now: i64) {
        while self.stage == Stage::Live && self.proof.has_room() {
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
            // Of a dialog that was never told nobody knows yet what the frames that wait will bring.
            Judgement::Next if self.places.last(dialog).is_some() || self.is_up_to_date() => {
                self.places.skipped(now, dialog, message.seq);
                self.stamped(now, dialog, frame.stamp);
                self.tidings.moved();
            }
            Judgement::Repeat => {}
            judgement => {
                self.places.posted(dialog, message.seq);
                if let (Judgement::Hole { after }, true) = (judgement, self.is_up_to_date()) {
                    self.backlog.miss_rows(dialog, Behind { above: after, upto: message.seq });
                }
            }
        }
    }

    /// Every frame that came was written.
    fn is_up_to_date(&self) -> bool {
        self.stage == Stage::Live && self.backlog.is_empty() && !self.backlog.is_behind()
    }

    fn deliver(&mut self, now: i64, frame: Arc<Frame>) {
        // Rooms have no sessions on the wire yet.
        if frame.group {
            return;
        }
        let dialog = DialogId::try_from(frame.dialog.as_slice()).ok();
        let resource = frame.origin.as_ref().map_or("", |origin| origin.resource.as_str());
        let is_for_me = !frame.except.contains(&self.me.user.0);
        match (&frame.told, dialog) {
            (Some(FrameTold::Message(message)), Some(dialog)) if message.seq > 0 => {
                match self.places.judge(dialog, message.seq, frame.previous_at) {
                    Judgement::Next if is_for_me => self.row(now, dialog, message, resource, None),
                    Judgement::Next => self.places.skipped(now, dialog, message.seq),
                    Judgement::Repeat => {}
                    Judgement::Hole { after } => {
                        let behind = Behind { above: after, upto: message.seq };
                        self.backlog.hold_first(frame);
                        return self.fill(dialog, behind);
                    }
                }
                self.stamped(now, dialog, frame.stamp);
            }
            (Some(FrameTold::Change(change)), Some(dialog)) => match self.places.judge_stamp(dialog, change.stamp) {
                Judgement::Next if is_for_me => self.change(now, dialog, change),
                Judgement::Next => self.places.skipped_stamp(now, dialog, change.stamp),
                Judgement::Repeat => {}
                Judgement::Hole { .. } => {
                    let upto = change.stamp - 1;
                    self.backlog.hold_first(frame);
                    self.fill_changes(dialog, upto);
                }
            },
            _ if !is_for_me => {}
            (Some(FrameTold::Message(_)), Some(_)) if self.is_kept_for_me(&frame) && frame.kept > self.kept_upto + 1 => {
                let upto = frame.kept - 1;
                self.backlog.hold_first(frame);
                self.fill_kept(upto);
            }
            (Some(FrameTold::Message(message)), Some(dialog)) => {
                let place = Some(frame.kept).filter(|_| self.is_kept_for_me(&frame));
                self.unstored(now, dialog, message, resource, None, place);
            }
            (Some(FrameTold::Marker(marker)), dialog) => self.marker(now, dialog, marker),
            (Some(FrameTold::Typing(typing)), _) => self.typing(now, typing),
            (Some(FrameTold::Headline(headline)), _) => self.headline(now, headline, None),
            (Some(FrameTold::Message(_) | FrameTold::Change(_)) | None, _) => {}
        }
    }

    /// The message of the frame lies in the queue of this session's user.
    pub(super) fn is_kept_for_me(&self, frame: &Frame) -> bool {
        let is_mine = |told: &FrameTold| matches!(told, FrameTold::Message(message) if message.recipient == self.me.user.0);
        frame.kept > 0 && frame.told.as_ref().is_some_and(is_mine)
    }

    fn listed(&mut self, now: i64, item: Item) {
        match item {
            Item::Row { dialog, row, delayed } => {
                if self.places.judge(dialog, row.seq, 0) != Judgement::Repeat {
                    self.row(now, dialog, &row, "", delayed);
                }
            }
            Item::Change { dialog, change, stamp } => match change {
                Some(change) if self.places.judge_stamp(dialog, stamp) != Judgement::Repeat => self.change(now, dialog, &change),
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
                return self.unstored(now, dialog, message, resource, Some(kept_at), Some(place));
            }
            (Some(FrameTold::Headline(headline)), _) => self.headline(now, headline, Some(kept_at)),
            _ => {}
        }
        self.kept_upto = self.kept_upto.max(place);
        self.told(now, Told::Kept { place });
    }

    /// Writes a row of history and moves the place of its dialog.
    fn row(&mut self, now: i64, dialog: DialogId, row: &Message, resource: &str, delayed: Option<i64>) {
        let own = row.sender == self.me.user.0;
        let is_known = own && (self.places.is_posted(dialog, row.seq) || self.posts.carry(row));
        if row.removed || row.stored_only || is_known || (own && !self.takes_carbons()) {
            self.places.skipped(now, dialog, row.seq);
            return;
        }
        self.places.told(now, dialog, row.seq);
        self.names.note(dialog, row);
        let text = self.spell(dialog, row, resource, delayed);
        self.tell(now, text, Told::Row { dialog, seq: row.seq, own });
    }

    /// A message without a number. `place`: in the queue of this session's user, if it lies there.
    fn unstored(
        &mut self,
        now: i64,
        dialog: DialogId,
        message: &Message,
        resource: &str,
        delayed: Option<i64>,
        place: Option<u64>,
    ) {
        if place.is_some_and(|place| place <= self.kept_upto) {
            return;
        }
        let told = place.map_or(Told::Unstored, |place| Told::Kept { place });
        self.kept_upto = self.kept_upto.max(place.unwrap_or_default());
        let own = message.sender == self.me.user.0;
        let is_content = message.body.is_some() || !message.attachments.is_empty();
        if own && !(self.takes_carbons() && is_content) {
            return;
        }
        if self.places.hears(dialog, &message.id) {
            self.names.note(dialog, message);
            let text = self.spell(dialog, message, resource, delayed);
            self.tell(now, text, told);
        } else if place.is_some() {
            // The same once more, under a place of its own.
            self.told(now, told);
        }
    }

    fn spell(&self, dialog: DialogId, message: &Message, resource: &str, delayed: Option<i64>) -> String {
        let spelling = Self::spelling(&self.me, &self.options);
        let envelope = Envelope { from: Sender { user: message.sender, resource }, dialog, delayed };
        if message.sender == self.me.user.0 {
            stanza::carbon(spelling, &self.me.address, envelope, message)
        } else {
            stanza::message(spelling, envelope, message)
        }
    }

    /// For the author as it is; `displayed` also as a copy for the reader's other sessions (contract xmpp 3.4).
    fn marker(&mut self, now: i64, dialog: Option<DialogId>, marker: &Marker) {
        let user = self.me.user.0;
        let copy = match () {
            () if marker.author == user => None,
            () if marker.user == user && marker.kind() == MarkKind::Read && self.takes_carbons() => {
                Some(self.me.address.as_str())
            }
            () => return,
        };
        let text = stanza::marker(Self::spelling(&self.me, &self.options), marker, dialog, copy);
        self.tell(now, text, Told::Unstored);
    }

    fn typing(&mut self, now: i64, typing: &Typing) {
        if typing.recipient == self.me.user.0 {
            let text = stanza::typing(Self::spelling(&self.me, &self.options), typing);
            self.tell(now, text, Told::Unstored);
        }
    }

    /// An edit or removal, for the other of the two, and as a copy for the other sessions of who made it (contract xmpp 3.6, 3.8).
    fn change(&mut self, now: i64, dialog: DialogId, change: &Change) {
        let own = change.user == self.me.user.0;
        let is_known = matches!(change.what, Some(What::Edited(_) | What::Removed(true)));
        if change.silent || !is_known || (own && !self.takes_carbons()) {
            return self.places.skipped_stamp(now, dialog, change.stamp);
        }
        self.places.told_stamp(now, dialog, change.stamp);
        let (to, copy) = match own {
            true => (change.recipient, Some(self.me.address.as_str())),
            false => (self.me.user.0, None),
        };
        let text = stanza::change(Self::spelling(&self.me, &self.options), change, dialog, to, copy);
        self.tell(now, text, Told::Change { dialog, stamp: change.stamp });
    }

    fn headline(&mut self, now: i64, headline: &Headline, delayed: Option<i64>) {
        let text = stanza::headline(Self::spelling(&self.me, &self.options), headline, self.me.user.0, delayed);
        self.tell(now, text, Told::Unstored);
    }

    fn tell(&mut self, now: i64, text: String, told: Told) {
        self.write(text);
        self.told(now, told);
    }

    /// Copies were asked for, and the client can read them: 1.x on Node makes an empty message of each (contract xmpp 3.8).
    fn takes_carbons(&self) -> bool {
        self.carbons && !(self.me.framing == Framing::Tcp && self.me.has_authzid)
    }

    pub(super) fn is_own(&self, frame: &Frame) -> bool {
        let me = &self.me.session;
        let is_me = |origin: &SessionRef| origin.session == me.session && origin.boot == me.boot && origin.edge == me.edge;
        frame.origin.as_ref().is_some_and(is_me)
    }
}
