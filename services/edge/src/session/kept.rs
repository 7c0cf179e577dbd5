//! What a resumable stream leaves for another edge, and a session made of it there (decision 0034). What is not here a resumed client
//! goes on without: who was told what of typing and contacts, and names of messages it has acknowledged.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_proto::event::v1::{SessionRef, Shown};
use natter_proto::history::v1::From;
use natter_proto::presence::v1::SessionRecord;
use natter_proto::{DialogId, MessageId, UserId};
use natter_trace::Recorder;
use natter_xmpp::Framing;
use prost::Message;

use super::places::Places;
use super::resume::{Resume, Sent};
use super::{Action, Call, Identity, Moment, Session, Stage, milliseconds};
use crate::acks::Acks;
use crate::options::Options;
use crate::proof::{Means, Told};
use crate::streams::{Stored, Update};

/// How long a restored session waits for the connection it was made for, milliseconds.
const ATTACH_MS: u64 = 10_000;
/// How often what is kept of a quiet stream is kept again, milliseconds.
pub(crate) const AGAIN_MS: i64 = 60_000;

/// What stands before the stanzas of a kept stream.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamHead {
    /// What it proved, and which session it was.
    #[prost(message, optional, tag = "1")]
    pub record: Option<SessionRecord>,
    #[prost(string, tag = "2")]
    pub address: String,
    #[prost(string, tag = "3")]
    pub host: String,
    #[prost(bool, tag = "4")]
    pub websocket: bool,
    #[prost(bytes = "vec", tag = "5")]
    pub seed: Vec<u8>,
    #[prost(bool, tag = "6")]
    pub carbons: bool,
    /// It had sent a presence.
    #[prost(bool, tag = "7")]
    pub available: bool,
    #[prost(message, optional, tag = "8")]
    pub shown: Option<Shown>,
    /// Place of the first stanza of the client that is not counted, and how many are.
    #[prost(uint64, tag = "9")]
    pub base: u64,
    #[prost(uint32, tag = "10")]
    pub handled: u32,
    /// Stanzas that the client has acknowledged: the first that is kept is the next one.
    #[prost(uint32, tag = "11")]
    pub acknowledged: u32,
    /// Posts of the session itself.
    #[prost(message, repeated, tag = "12")]
    pub posted: Vec<From>,
    #[prost(uint64, tag = "13")]
    pub kept_upto: u64,
    #[prost(bytes = "vec", repeated, tag = "14")]
    pub rooms: Vec<Vec<u8>>,
    #[prost(uint64, repeated, tag = "15")]
    pub watched: Vec<u64>,
    /// It is told of changes of the contact list.
    #[prost(bool, tag = "16")]
    pub interested: bool,
    /// Ids of messages of the client that are not answered.
    #[prost(bytes = "vec", repeated, tag = "17")]
    pub carried: Vec<Vec<u8>>,
}

/// A stanza that was written and is not acknowledged.
#[derive(Clone, PartialEq, Message)]
struct StreamStanza {
    #[prost(string, tag = "1")]
    text: String,
    /// 1 a row, 2 one whose proof says that the user has it, 3 a change, 4 a kept message, else nothing with a number.
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(bytes = "vec", tag = "3")]
    dialog: Vec<u8>,
    /// In its dialog, or its place in the queue.
    #[prost(uint64, tag = "4")]
    number: u64,
    /// How its client named the message, if in a form of its own; then `dialog` is that of the message, and this its id.
    #[prost(string, tag = "5")]
    name: String,
    #[prost(bytes = "vec", tag = "6")]
    message: Vec<u8>,
}

/// A stream claimed from another edge.
#[derive(Debug)]
pub(crate) struct KeptStream {
    id: String,
    head: StreamHead,
    stanzas: Vec<Sent>,
}

/// That a session's stream is kept elsewhere too.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    is_known: bool,
    /// As it was kept at last, but for what time alone changes.
    head: Vec<u8>,
    again_at: i64,
}

/// What a session brings along from where it was.
#[derive(Debug)]
pub(super) struct Back {
    available: bool,
    owed: Box<SessionRecord>,
    rooms: Vec<DialogId>,
}

impl KeptStream {
    /// Nothing if anything is missing.
    pub(crate) fn read(id: String, stored: Stored) -> Option<KeptStream> {
        let head = StreamHead::decode(stored.head.as_slice()).ok()?;
        let by_age = |(ordinal, bytes): (u32, Vec<u8>)| (ordinal.wrapping_sub(head.acknowledged), bytes);
        let stanzas: BTreeMap<u32, Vec<u8>> = stored.stanzas.into_iter().map(by_age).collect();
        // The first is the one after those that were acknowledged.
        let is_whole = stanzas.keys().copied().eq(1..=u32::try_from(stanzas.len()).ok()?);
        if !is_whole || head.seed.len() != 24 || head.record.as_ref()?.session.is_none() {
            return None;
        }
        let read = |bytes: &Vec<u8>| StreamStanza::decode(bytes.as_slice()).ok().map(sent);
        let stanzas = stanzas.values().map(read).collect::<Option<_>>()?;
        Some(KeptStream { id, head, stanzas })
    }

    /// The session that had it.
    pub(crate) fn session(&self) -> Option<&SessionRef> {
        self.record()?.session.as_ref()
    }

    /// What that had proved.
    pub(crate) fn record(&self) -> Option<&SessionRecord> {
        self.head.record.as_ref()
    }

    pub(crate) fn head(&self) -> &StreamHead {
        &self.head
    }

    /// Whether a client that has so many of its stanzas can go on with it, over this framing: what is kept is spelled for one.
    pub(crate) fn fits(&self, framing: Framing, handled: u32) -> bool {
        let is_spelled_so = self.head.websocket == (framing == Framing::WebSocket);
        is_spelled_so && handled.wrapping_sub(self.head.acknowledged) as usize <= self.stanzas.len()
    }
}

impl Session {
    // === at the edge that has the stream ===

    /// What is written is kept elsewhere too, from here on.
    pub(crate) fn keep_elsewhere(&mut self) {
        if let Some(resume) = &mut self.resume {
            resume.note_changes();
            self.keeping = Some(Keeping::default());
        }
    }

    /// It is kept here only.
    pub(crate) fn unkept(&mut self) {
        self.keeping = None;
    }

    pub(super) fn keep_again_at(&self) -> Option<i64> {
        self.keeping.as_ref().filter(|_| self.resume.is_some()).map(|keeping| keeping.again_at)
    }

    /// What is to be kept before anything more is written. Nothing if all is.
    pub(crate) fn update_to_keep(&mut self, now: i64) -> Option<Update> {
        self.keeping.as_ref()?;
        let mut head = self.stream_head(now)?;
        let full = head.encode_to_vec();
        if let Some(record) = &mut head.record {
            (record.seen_at, record.since) = (0, 0);
        }
        let timeless = head.encode_to_vec();
        let (keeping, resume) = (self.keeping.as_mut()?, self.resume.as_mut()?);
        let (added, removed) = resume.take_changes();
        let changed = !added.is_empty() || !removed.is_empty() || timeless != keeping.head;
        if !changed && keeping.again_at > now {
            return None;
        }
        let is_new = !std::mem::replace(&mut keeping.is_known, true);
        (keeping.head, keeping.again_at) = (timeless, now + AGAIN_MS);
        let added = added.into_iter().map(|(ordinal, sent)| (ordinal, stanza(sent).encode_to_vec())).collect();
        Some(Update { is_new, head: full, added, removed })
    }

    fn stream_head(&mut self, now: i64) -> Option<StreamHead> {
        let acknowledged = self.resume.as_ref()?.acknowledged();
        let posted = self.places.own().map(|(dialog, seq)| From { dialog: dialog.to_vec(), seq, stamp: None });
        Some(StreamHead {
            address: self.me.address.clone(),
            host: self.me.host.to_string(),
            websocket: self.me.framing == Framing::WebSocket,
            seed: self.seed.to_vec(),
            carbons: self.carbons,
            available: self.stage != Stage::Bound,
            shown: self.shown.clone(),
            base: self.acks.base(),
            handled: self.acks.handled(),
            acknowledged,
            posted: posted.collect(),
            kept_upto: self.kept_upto,
            rooms: self.rooms.inside().map(|dialog| dialog.to_vec()).collect(),
            watched: self.watching.users().map(|user| user.0).collect(),
            interested: self.contacts.is_interested(),
            carried: self.posts.ids().cloned().collect(),
            record: Some(self.record(now)),
        })
    }

    /// Another edge has claimed the stream: it goes on there.
    pub(crate) fn moved(&mut self, at: Moment) {
        if self.begin(at) {
            self.end(at.now, None, super::Ending::Vanished);
        }
    }

    // === at the edge that claimed it ===

    /// A session that goes on where another one was. It waits for the connection that asked for it ([`Session::resumed`]).
    pub(crate) fn restored(me: Identity, options: Arc<Options>, trace: Recorder, now: i64, stream: KeptStream) -> Session {
        let KeptStream { id, head, stanzas } = stream;
        let mut seed = [0; 24];
        seed.iter_mut().zip(&head.seed).for_each(|(to, from)| *to = *from);
        let record = head.record.unwrap_or_default();
        let dialogs = |ids: Vec<Vec<u8>>| ids.iter().filter_map(|id| DialogId::try_from(id.as_slice()).ok()).collect::<Vec<_>>();
        let mut session = Session::new(me, options, trace, now, seed);
        session.attached = false;
        session.detached_until = Some(now + milliseconds(ATTACH_MS));
        session.wants_resumption = true;
        session.acks = Acks::resumed(head.base, head.handled);
        session.proof.switch(Means::Request);
        (session.carbons, session.shown, session.kept_upto) = (head.carbons, head.shown, head.kept_upto);
        session.watching.watched_before(head.watched.into_iter().map(UserId));
        session.contacts.be_interested(head.interested);
        session.posts.carried_before(head.carried);
        session.places = Places::new(record.since);
        session.places.inherit(now, &record.proofs);
        for From { dialog, seq, .. } in head.posted {
            if let Ok(dialog) = DialogId::try_from(dialog.as_slice()) {
                session.places.posted(dialog, seq);
            }
        }
        for Sent { told, named, .. } in &stanzas {
            match *told {
                Told::Row { dialog, seq, .. } => session.places.told(now, dialog, seq),
                Told::Change { dialog, stamp } => session.places.told_stamp(now, dialog, stamp),
                Told::Kept { place } => session.kept_upto = session.kept_upto.max(place),
                Told::ListEnd | Told::Unstored => {}
            }
            if let Some((name, dialog, id)) = named {
                session.names.remember(name.clone(), *dialog, *id);
            }
        }
        session.resume = Some(Resume::of(id, head.acknowledged, stanzas));
        session.back = Some(Back { available: head.available, owed: Box::new(record), rooms: dialogs(head.rooms) });
        session
    }

    /// The client is there again: what it has is proved, what it gets once more is to be, and what it missed is gathered.
    pub(super) fn come_back(&mut self, at: Moment, back: Back, has: &[Sent], gets: &[Sent]) {
        let has: Vec<Told> = has.iter().map(|sent| sent.told).collect();
        self.proved(&has);
        gets.iter().for_each(|sent| self.proof.told(at.now, sent.told));
        self.tidings.moved();
        if !back.available {
            return;
        }
        for dialog in back.rooms {
            self.enter_again(dialog);
        }
        self.stage = Stage::Returning;
        self.told_from = at.now;
        let (record, shown, owed) = (Box::new(self.record(at.now)), self.shown.clone(), Some(back.owed));
        self.out.push_back(Action::Call(Call::Return { record, shown, owed }));
    }
}

fn stanza(sent: &Sent) -> StreamStanza {
    let (kind, dialog, number) = match sent.told {
        Told::Row { dialog, seq, delivers: false } => (1, dialog.to_vec(), seq),
        Told::Row { dialog, seq, delivers: true } => (2, dialog.to_vec(), seq),
        Told::Change { dialog, stamp } => (3, dialog.to_vec(), stamp),
        Told::Kept { place } => (4, Vec::new(), place),
        Told::ListEnd | Told::Unstored => (0, Vec::new(), 0),
    };
    let (name, dialog, message) = match &sent.named {
        Some((name, of, id)) => (name.clone(), of.to_vec(), id.to_vec()),
        None => (String::new(), dialog, Vec::new()),
    };
    StreamStanza { text: sent.text.clone(), kind, dialog, number, name, message }
}

/// What cannot be read has no number and no name.
fn sent(stanza: StreamStanza) -> Sent {
    let StreamStanza { text, kind, dialog, number, name, message } = stanza;
    let dialog = DialogId::try_from(dialog.as_slice()).ok();
    let told = match (kind, dialog) {
        (1 | 2, Some(dialog)) => Told::Row { dialog, seq: number, delivers: kind == 2 },
        (3, Some(dialog)) => Told::Change { dialog, stamp: number },
        (4, _) => Told::Kept { place: number },
        _ => Told::Unstored,
    };
    let id = MessageId::try_from(message.as_slice()).ok();
    let named = dialog.zip(id).filter(|_| !name.is_empty()).map(|(dialog, id)| (name, dialog, id));
    Sent { text, told, named }
}
