//! The rules of one bound session, pure: stanzas, frames, answers and timers come in, [`Action`]s come out. Nothing here waits,
//! sends or looks at a clock; `actor.rs` does that.
//!
//! Invariants:
//! - Nothing is written unasked before the first presence (contract xmpp 1.3, 1.6).
//! - Of each dialog every number is written once and in order; a jump is filled from history first (design.md 6).
//! - What waits for the client is bounded: unproved, held, in the line. Over a bound the session is cut off and owed a debt.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod again;
mod attention;
mod backlog;
mod contacts;
mod discovery;
mod draining;
mod frames;
mod holes;
mod iq;
mod kept;
mod life;
mod management;
mod messages;
mod names;
mod outcomes;
mod places;
mod posts;
mod presence;
mod privacy;
mod resume;
mod returning;
mod rooms;
mod telling;
mod tidings;
mod watching;
mod ways;

use std::collections::VecDeque;
use std::sync::Arc;

use natter_proto::event::v1::{SessionRef, Shown};
use natter_proto::presence::v1::Entrance;
use natter_proto::{AppId, DialogId, UserId};
use natter_trace::Recorder;
use natter_xmpp::{Element, Framing, Kind, Stanza, StreamFault, ns};

pub(crate) use action::{Action, Answer, Call, Changes, Ending, Farewell, Queue, Returned, Stretch};
pub(crate) use again::Whereabouts;
pub(crate) use holes::Head;
pub(crate) use kept::{AGAIN_MS, KeptStream};
pub(crate) use posts::Job;
pub(crate) use rooms::Ask;
pub(crate) use watching::{Answered, Query};

use crate::acks::{Acks, Place};
use crate::options::Options;
use crate::proof::{Means, Proof};
use crate::stanza::{self, Spelling};
use attention::Attention;
use backlog::{Backlog, Behind};
use contacts::Contacts;
use draining::Draining;
use kept::{Back, Keeping};
use names::Names;
use places::Places;
use posts::Posts;
use resume::Resume;
use rooms::Rooms;
use tidings::Tidings;
use watching::Watching;

/// Who a session belongs to and what its client is, fixed at the bind.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub app: AppId,
    pub user: UserId,
    /// Key of the app's private dialogs.
    pub pair_key: Vec<u8>,
    /// Domain of every address that the client is told: the name it came by, if that is its app's own, else the installation's.
    pub host: Arc<str>,
    /// `34-905@HOST/RESOURCE`.
    pub address: String,
    /// Names the session to other services.
    pub session: SessionRef,
    /// The token the stream was opened with, if it was not the password.
    pub token: Option<String>,
    /// As operators know the token; empty without one.
    pub token_id: Vec<u8>,
    pub framing: Framing,
    /// SASL PLAIN came with an authzid: SDK 1.x and its sibling (contract xmpp 5).
    pub has_authzid: bool,
    /// Most sessions of the app, as presence is told; 0: as many as of any.
    pub app_sessions_max: u64,
    pub origin: String,
    /// The address it came from, its agent, and what operators are shown of it besides.
    pub entrance: Arc<Entrance>,
}

/// What the rules are told of the world at each step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub now: i64,
    /// Bytes that may be written to the client now without risk to the buffer's bound.
    pub room: usize,
}

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No presence yet: frames are held.
    Bound,
    /// Announced as available; what the client missed is being gathered.
    Returning,
    /// Frames are written as they come.
    Live,
    /// What is missing is being fetched; frames are held.
    Filling(Hole),
    /// At its end: nothing has an effect any more.
    Ended,
}

/// What is missing to a live session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hole {
    /// Rows of a dialog.
    Rows { dialog: DialogId, behind: Behind },
    /// Changes of a dialog up to this stamp.
    Changes { dialog: DialogId, upto: u64 },
    /// Kept messages up to this place.
    Kept { upto: u64 },
}

/// How long a bound session is taken for one that will be available at once, milliseconds (contract xmpp 1.6).
const BOUND_MS: i64 = 2_000;

/// One bound session.
pub(crate) struct Session {
    me: Identity,
    options: Arc<Options>,
    /// Notes the ways of messages; what it does with that is no concern of the rules.
    trace: Recorder,
    stage: Stage,
    /// There is a connection. A resumable session lives without one for a while.
    attached: bool,
    /// The edge ends, or is emptied: the session ends as soon as it may.
    draining: Option<Draining>,
    carbons: bool,
    /// The id of the carbons request was that of SDK 2.x to 6.x (contract xmpp 5).
    is_sdk: bool,
    /// Its `<enable/>` asked for resumption: a standard client.
    wants_resumption: bool,
    /// The client is not read.
    paused: bool,
    acks: Acks,
    /// The stanza that is being handled, unless something it asks for is to be stored first.
    handled: Option<Place>,
    proof: Proof,
    posts: Posts,
    backlog: Backlog,
    places: Places,
    names: Names,
    rooms: Rooms,
    tidings: Tidings,
    watching: Watching,
    contacts: Contacts,
    attention: Attention,
    /// What its last presence showed.
    shown: Option<Shown>,
    /// Place of the last kept message that was told.
    kept_upto: u64,
    /// Frames reach it.
    reachable: bool,
    /// What is stored from then on (unix milliseconds) comes by frames.
    told_from: i64,
    /// The client became unavailable while its list was being gathered, or a hole filled.
    leaves: bool,
    resume: Option<Resume>,
    /// Its stream is kept for other edges.
    keeping: Option<Keeping>,
    /// It was at another edge, and its client is not here yet.
    back: Option<Back>,
    /// Random, for the ids made here and the id of a resumable stream.
    seed: [u8; 24],
    last_pair: Option<(UserId, DialogId)>,
    touch_at: i64,
    /// Until when the session counts as reachable without a presence (contract xmpp 1.6).
    withdraw_at: Option<i64>,
    detached_until: Option<i64>,
    /// Who asked it to be announced again at last.
    asked_by: Option<Arc<str>>,
    /// When the announcement that failed is made again.
    again_at: Option<i64>,
    room: usize,
    out: VecDeque<Action>,
}

impl Session {
    /// A session just bound. `seed` is random and secret.
    pub(crate) fn new(me: Identity, options: Arc<Options>, trace: Recorder, now: i64, seed: [u8; 24]) -> Session {
        let means = if me.framing == Framing::WebSocket { Means::Ping } else { Means::Nothing };
        // Sessions that began together do not ask together.
        let touch_at = now + seconds(options.touch_s) * (768 + i64::from(seed[0])) / 1_024;
        Session {
            stage: Stage::Bound,
            attached: true,
            draining: None,
            carbons: false,
            is_sdk: false,
            wants_resumption: false,
            paused: false,
            acks: Acks::default(),
            handled: None,
            proof: Proof::new(means, options.unproved_max, milliseconds(options.proof_pause_ms)),
            posts: Posts::new(options.posts_max),
            backlog: Backlog::new(options.held_frames_max),
            places: Places::new(now),
            names: Names::default(),
            rooms: Rooms::default(),
            tidings: Tidings::default(),
            watching: Watching::default(),
            contacts: Contacts::default(),
            attention: Attention::default(),
            shown: None,
            kept_upto: 0,
            reachable: true,
            told_from: now,
            leaves: false,
            resume: None,
            keeping: None,
            back: None,
            seed,
            last_pair: None,
            touch_at,
            withdraw_at: Some(now + BOUND_MS),
            detached_until: None,
            asked_by: None,
            again_at: None,
            room: 0,
            out: VecDeque::new(),
            me,
            options,
            trace,
        }
    }

    /// The way to the dialogs keeps no order.
    pub(crate) fn post_one_by_one(&mut self) {
        self.posts.one_by_one();
    }

    pub(crate) fn me(&self) -> &Identity {
        &self.me
    }

    /// Takes the next thing to do. Empty it after every call of another method.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    /// What a first-level element of the client is for.
    pub(crate) fn kind_of(&self, element: &Element) -> stanza::Kind {
        stanza::Kind::of(element, self.me.app, self.me.user)
    }

    /// A first-level element of the client.
    pub(crate) fn stanza(&mut self, at: Moment, element: Element) {
        if !self.begin(at) {
            return;
        }
        if element.ns == ns::SM {
            self.stream_management(at, &element);
        } else if element.ns == ns::CSI {
            self.client_state(at.now, &element);
        } else {
            match Stanza::of(&element).map(|stanza| stanza.kind) {
                Some(Kind::Message) => self.message(element),
                Some(Kind::Iq) => {
                    self.handled = Some(self.acks.stanza(false));
                    self.iq(&element);
                    self.handled();
                }
                Some(Kind::Presence) => {
                    self.handled = Some(self.acks.stanza(false));
                    self.presence(at.now, &element);
                    self.handled();
                }
                None => self.end(at.now, Some(StreamFault::UnsupportedStanzaType), Ending::Vanished),
            }
        }
        self.finish(at);
    }

    /// The stanza is done with, unless something it asks for is to be stored first.
    fn handled(&mut self) {
        if let Some(place) = self.handled.take() {
            self.acks.done(place);
        }
    }

    // === the frame around every step ===

    /// False if the session has ended: nothing has an effect then.
    fn begin(&mut self, at: Moment) -> bool {
        self.room = at.room;
        self.stage != Stage::Ended
    }

    /// What may follow from any step: acks that are due, posts that may start, frames that may flow, questions for proof.
    fn finish(&mut self, at: Moment) {
        if self.stage == Stage::Ended {
            return;
        }
        while let Some(h) = self.acks.answer() {
            self.write_plain(&format!("<a xmlns=\"urn:xmpp:sm:3\" h=\"{h}\"/>"));
        }
        while let Some(call) = self.posts.start_together(at.now) {
            self.out.push_back(Action::Call(call));
        }
        self.ask_rooms();
        self.ask_presence();
        self.pause_if_needed();
        self.leave_if_wanted(at.now);
        self.flow(at.now);
        if self.attached
            && let Some(ordinal) = self.question(at.now)
        {
            self.ask(ordinal);
        }
        self.send_tidings(at.now);
        self.go_on_draining(at.now);
    }

    /// The socket is not read while posts or acks pile up: the bound on what one stream has in here.
    fn pause_if_needed(&mut self) {
        const ENTRIES_MAX: usize = 1_024;
        let pause =
            self.posts.waiting() > 0 || self.acks.waiting() > ENTRIES_MAX || self.rooms.is_busy() || self.watching.is_busy();
        if pause != self.paused {
            self.paused = pause;
            self.out.push_back(Action::Pause(pause));
        }
    }

    // === writing ===

    /// Writes a stanza; it counts for a resumable stream.
    fn write(&mut self, text: String) {
        self.room = self.room.saturating_sub(text.len());
        if let Some(resume) = &mut self.resume
            && !resume.keep(&text)
        {
            self.forget_resumption();
        }
        if self.attached {
            self.out.push_back(Action::Write(text));
        }
    }

    /// Writes an element of stream management, which is no stanza.
    fn write_plain(&mut self, text: &str) {
        if self.attached {
            self.out.push_back(Action::Write(text.to_owned()));
        }
    }

    fn write_element(&mut self, element: &Element) {
        let default_ns = if self.me.framing == Framing::Tcp { ns::CLIENT } else { "" };
        self.write(element.to_xml(default_ns));
    }

    fn spelling(me: &Identity) -> Spelling<'_> {
        Spelling { app: me.app, host: &me.host, framing: me.framing }
    }

    /// The address of a user of this app.
    fn bare(&self, user: u64) -> String {
        format!("{user}-{}@{}", self.me.app, self.me.host)
    }

    /// Asks the client for proof, or for a sign of life.
    fn ask(&mut self, ordinal: u64) {
        match self.proof.means() {
            Means::Ping => self.out.push_back(Action::Ping(ordinal)),
            Means::Request => self.write_plain("<r xmlns=\"urn:xmpp:sm:3\"/>"),
            Means::Nothing => {}
        }
    }
}

fn seconds(seconds: u64) -> i64 {
    milliseconds(seconds.saturating_mul(1_000))
}

fn milliseconds(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
