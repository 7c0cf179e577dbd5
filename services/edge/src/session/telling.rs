//! What is written to a session of all that is told to its user: rows, unsaved messages, statuses, chat states, changes,
//! reactions, headlines, signals of calls. Of a private dialog the user's own are copies (contract xmpp 3.8); of a group everybody
//! gets the same.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::DialogId;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::{Change, Headline, MarkKind, Marker, Message, Reaction, Typing};
use natter_xmpp::Framing;

use super::Session;
use crate::proof::Told;
use crate::shared::SharedFrame;
use crate::stanza::{self, Envelope, Sender, Spelled, Spelling};

/// How a message came here.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// By a frame, as it was said.
    Live(&'a SharedFrame),
    /// From a list. `delayed`: when it was stored (unix milliseconds), if that is to be told. `told_at`: when the sessions that were
    /// there then were told of it, or when it was made.
    Listed { resource: &'a str, delayed: Option<i64>, told_at: i64 },
}

/// Bytes of a headline's id that is remembered.
const ID_BYTES_MAX: usize = 128;
/// Where a headline stands for [`Places::hears`](super::places::Places::hears): it is about no dialog.
const NO_DIALOG: DialogId = DialogId([0; 12]);

impl Session {
    /// Writes a row of history and moves the place of its dialog.
    pub(super) fn row(&mut self, now: i64, dialog: DialogId, row: &Message, way: Way<'_>) {
        let is_group = row.recipient == 0;
        let own = row.sender == self.me.user.0 && !is_group;
        let is_before = matches!(way, Way::Listed { told_at, .. } if self.places.is_before(dialog, row.seq, told_at));
        let is_known = own && (self.places.is_posted(dialog, row.seq) || self.posts.carry(row));
        if row.removed || row.stored_only || is_known || (own && !self.takes_carbons()) {
            if !is_before {
                self.places.skipped(now, dialog, row.seq);
            }
            return;
        }
        if !is_before {
            self.places.told(now, dialog, row.seq);
        }
        self.names.note(dialog, row);
        let text = self.spell(dialog, row, way);
        // In a group only a marker says that somebody has received something.
        self.tell(now, text, Told::Row { dialog, seq: row.seq, delivers: !own && !is_group });
        self.note_written(now, dialog, row.seq);
    }

    /// A message without a number. `place`: in the queue of this session's user, if it lies there.
    pub(super) fn unstored(&mut self, now: i64, dialog: DialogId, message: &Message, way: Way<'_>, place: Option<u64>) {
        let Some(told) = self.take_place(place) else { return };
        let own = message.sender == self.me.user.0 && message.recipient != 0;
        let is_content = message.body.is_some() || !message.attachments.is_empty();
        if own && !(self.takes_carbons() && is_content) {
            return;
        }
        if self.places.hears(dialog, &message.id) {
            self.names.note(dialog, message);
            let text = self.spell(dialog, message, way);
            self.tell(now, text, told);
        } else if place.is_some() {
            // The same once more, under a place of its own.
            self.told(now, told);
        }
    }

    /// A system message for this user (contract xmpp 3.10), and its place in the queue.
    pub(super) fn headline(&mut self, now: i64, headline: &Headline, delayed: Option<i64>, place: Option<u64>) {
        let Some(told) = self.take_place(place) else { return };
        let name = format!("{} {}", headline.user, headline.stanza_id);
        if !(1..=ID_BYTES_MAX).contains(&headline.stanza_id.len()) || self.places.hears(NO_DIALOG, name.as_bytes()) {
            let text = stanza::headline(Self::spelling(&self.me), headline, self.me.user.0, delayed);
            self.tell(now, text, told);
        } else if place.is_some() {
            self.told(now, told);
        }
    }

    /// A signal of a call (contract xmpp 11): each one, for clients ring by sending the same again.
    pub(super) fn call_signal(&mut self, now: i64, signal: &Headline) {
        let text = stanza::headline(Self::spelling(&self.me), signal, self.me.user.0, None);
        self.tell(now, text, Told::Unstored);
    }

    /// Moves on to a place in the queue. Nothing if that was told before.
    fn take_place(&mut self, place: Option<u64>) -> Option<Told> {
        let Some(place) = place else { return Some(Told::Unstored) };
        if place <= self.kept_upto {
            return None;
        }
        self.kept_upto = place;
        Some(Told::Kept { place })
    }

    fn spell(&self, dialog: DialogId, message: &Message, way: Way<'_>) -> String {
        let spelling = Self::spelling(&self.me);
        let (resource, delayed) = match way {
            Way::Live(frame) => (frame.origin.as_ref().map_or("", |origin| origin.resource.as_str()), None),
            Way::Listed { resource, delayed, .. } => (resource, delayed),
        };
        let envelope = Envelope { from: Sender { user: message.sender, resource }, dialog, delayed };
        match way {
            Way::Live(frame) if message.recipient == 0 => {
                self.spell_once(frame, |spelling| stanza::group_message(spelling, envelope, message))
            }
            Way::Listed { .. } if message.recipient == 0 => {
                stanza::group_message(spelling, envelope, message).addressed_to(&self.me.address)
            }
            _ if message.sender == self.me.user.0 => stanza::carbon(spelling, &self.me.address, envelope, message),
            _ => stanza::message(spelling, envelope, message),
        }
    }

    /// The stanza of a group's frame: made by the first session of the edge that needs it.
    pub(super) fn spell_once(&self, frame: &SharedFrame, spell: impl Fn(Spelling<'_>) -> Spelled) -> String {
        let spelling = Self::spelling(&self.me);
        frame.spelled(self.me.framing, &self.me.host, || spell(spelling), |spelled| spelled.addressed_to(&self.me.address))
    }

    /// For the author as it is; `displayed` also as a copy for the reader's other sessions (contract xmpp 3.4).
    pub(super) fn marker(&mut self, now: i64, dialog: Option<DialogId>, marker: &Marker) {
        let user = self.me.user.0;
        let copy = match () {
            () if marker.author == user => None,
            () if marker.user == user && marker.kind() == MarkKind::Read && self.takes_carbons() => {
                Some(self.me.address.as_str())
            }
            () => return,
        };
        let text = stanza::marker(Self::spelling(&self.me), marker, dialog, copy);
        self.tell(now, text, Told::Unstored);
    }

    /// A chat state, never for the one whose it is (contract xmpp 3.5).
    pub(super) fn typing(&mut self, now: i64, dialog: Option<DialogId>, typing: &Typing, frame: &SharedFrame) {
        let text = match dialog.filter(|_| frame.group) {
            Some(dialog) if typing.user != self.me.user.0 => {
                self.spell_once(frame, |spelling| stanza::group_typing(spelling, dialog, typing))
            }
            None if typing.recipient == self.me.user.0 => stanza::typing(Self::spelling(&self.me), typing),
            _ => return,
        };
        self.tell(now, text, Told::Unstored);
    }

    /// An edit or removal: in a group for all, in a private dialog for the other of the two, and as a copy for the other sessions
    /// of who made it (contract xmpp 3.6, 3.8). Without a frame it comes from history.
    pub(super) fn change(&mut self, now: i64, dialog: DialogId, change: &Change, frame: Option<&SharedFrame>) {
        let is_group = change.recipient == 0;
        let own = change.user == self.me.user.0 && !is_group;
        let is_known = matches!(change.what, Some(What::Edited(_) | What::Removed(true)));
        let is_from_here = own && change.resource == self.me.session.resource;
        if change.silent || !is_known || is_from_here || (own && !self.takes_carbons()) {
            return self.places.skipped_stamp(now, dialog, change.stamp);
        }
        self.places.told_stamp(now, dialog, change.stamp);
        let spelling = Self::spelling(&self.me);
        let text = match frame {
            Some(frame) if is_group => self.spell_once(frame, |spelling| stanza::group_change(spelling, change, dialog)),
            None if is_group => stanza::group_change(spelling, change, dialog).addressed_to(&self.me.address),
            _ if own => stanza::change(spelling, change, dialog, change.recipient, Some(&self.me.address)),
            _ => stanza::change(spelling, change, dialog, self.me.user.0, None),
        };
        self.tell(now, text, Told::Change { dialog, stamp: change.stamp });
    }

    /// Reactions of a user to a message (contract xmpp 3.7).
    pub(super) fn reaction(&mut self, now: i64, dialog: DialogId, reaction: &Reaction, frame: &SharedFrame) {
        let spelling = Self::spelling(&self.me);
        let own = reaction.user == self.me.user.0;
        let text = match () {
            () if frame.group => self.spell_once(frame, |spelling| stanza::group_reaction(spelling, reaction, dialog)),
            () if own && !self.takes_carbons() => return,
            () if own => stanza::reaction(spelling, reaction, dialog, reaction.recipient, Some(&self.me.address)),
            () => stanza::reaction(spelling, reaction, dialog, self.me.user.0, None),
        };
        self.tell(now, text, Told::Unstored);
    }

    pub(super) fn tell(&mut self, now: i64, text: String, told: Told) {
        self.write(text);
        let named = self.names.take_new();
        if let Some(resume) = &mut self.resume {
            resume.note(told, named);
        }
        self.told(now, told);
    }

    /// Copies were asked for, and the client can read them: 1.x on Node makes an empty message of each (contract xmpp 3.8).
    fn takes_carbons(&self) -> bool {
        self.carbons && !(self.me.framing == Framing::Tcp && self.me.has_authzid)
    }
}
