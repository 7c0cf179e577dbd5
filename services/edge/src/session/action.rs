//! What the rules of a session ask for, and the answers they get.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Change, Message, Shown};
use natter_proto::history::v1::{GapChange, GapRow, KeptRow, Range};
use natter_proto::presence::v1::{Present, SessionRecord, SessionState};
use natter_proto::{Code, DialogId, Failure};
use natter_xmpp::StreamFault;

use super::{Answered, Ask, Job, Query, Whereabouts};

/// One thing to do, in order.
#[derive(PartialEq, Debug)]
pub(crate) enum Action {
    /// Write this XML.
    Write(String),
    /// Send a WebSocket ping with this payload.
    Ping(u64),
    /// The client was asked for a sign of life: silence from here on counts.
    ExpectLife,
    /// Stop or go on reading the client.
    Pause(bool),
    /// A frame could not be held and has no number to be fetched by.
    Lost,
    /// Say so when the client has taken most of what was written.
    WhenRoom,
    /// Ask another service.
    Call(Call),
    /// The stream may be resumed under this id from now on.
    Resumable(String),
    /// It may no longer.
    NotResumable(String),
    /// The session is over. Nothing follows.
    End(Box<Farewell>),
}

/// How a session ends.
#[derive(PartialEq, Debug)]
pub(crate) struct Farewell {
    /// Told to the client before its stream is closed.
    pub fault: Option<StreamFault>,
    /// The connection is dropped without a word: the client takes nothing more.
    pub cut: bool,
    pub state: SessionState,
    pub record: SessionRecord,
}

/// What an end means for what the client may have missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// The client said goodbye: nothing is owed.
    Goodbye,
    /// It may have missed something.
    Vanished,
    /// The same, and it does not take what is written.
    Cut,
}

/// A question to another service.
#[derive(PartialEq, Debug)]
pub(crate) enum Call {
    /// To the dialog. Answered by [`Answer::Job`] with the same number.
    Job { number: u64, job: Job },
    /// Several of one dialog that [go together](Job::goes_together), in their order. Answered by [`Answer::Batch`] with the same numbers.
    Batch(Vec<(u64, Job)>),
    /// To the room of a dialog. Answered by [`Answer::Room`] with the same number.
    Room { number: u64, dialog: DialogId, ask: Ask },
    /// To presence. Answered by [`Answer::Presence`] with the same number.
    Presence { number: u64, query: Query },
    /// Announces the session as available, then gathers what it missed; `owed`: what it goes on from if presence has no debt for it.
    /// Answered by [`Answer::Returned`].
    Return { record: Box<SessionRecord>, shown: Option<Shown>, owed: Option<Box<SessionRecord>> },
    /// The session is available still, and shows something else.
    Show(Option<Shown>),
    /// Announces the session once more, to whoever took its app over. Answered by [`Answer::Again`].
    Again(Box<Whereabouts>),
    /// Announces the session as one that frames do not reach; `owed`: it has not proved what it got, and may be owed it.
    Withdraw { owed: Option<SessionRecord> },
    /// The rows of a dialog above a number, or all that was stored or changed since the session began (`since`, unix
    /// milliseconds). Answered by [`Answer::Filled`].
    Fill { dialog: DialogId, above: Option<u64>, since: i64 },
    /// The changes of a dialog above a stamp, or if none is known those made since the session began (`since`, unix
    /// milliseconds). Answered by [`Answer::Changed`].
    Changes { dialog: DialogId, above: Option<u64>, since: i64 },
    /// Messages kept above a place. Answered by [`Answer::Kept`].
    Kept { above: u64 },
    /// The user has received these. Answered by [`Answer::Delivered`].
    Delivered { dialog: DialogId, ranges: Vec<Range> },
    /// Keeps the session's proofs.
    Record(SessionRecord),
    /// Kept messages up to this place have arrived.
    Drop { upto: u64 },
    /// The list paid for by the debt has arrived.
    Settle,
    /// Whether the user may still be connected; keeps the token alive. Answered, by [`Answer::Barred`], only if he may not.
    Touch,
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub(crate) enum Answer {
    /// The number the message got, 0 for none.
    Job {
        number: u64,
        answer: Result<u64, Failure>,
    },
    /// The same of each.
    Batch(Vec<(u64, Result<u64, Failure>)>),
    /// Users in the room, ascending: besides the one who entered, or all.
    Room {
        number: u64,
        answer: Result<Vec<u64>, Failure>,
    },
    Presence {
        number: u64,
        answer: Result<Answered, Failure>,
    },
    Again(Result<(), Failure>),
    /// A failure: no frames reach the session, or what it missed could not be read.
    Returned(Result<Box<Returned>, Failure>),
    /// Nothing if history did not answer: what is missing is not known then.
    Filled {
        dialog: DialogId,
        stretch: Option<Stretch>,
    },
    /// Nothing if history did not answer.
    Changed {
        dialog: DialogId,
        changes: Option<Changes>,
    },
    /// Nothing if history did not answer.
    Kept(Option<Queue>),
    /// `kept`: whether it was taken.
    Delivered {
        dialog: DialogId,
        ranges: Vec<Range>,
        kept: bool,
    },
    /// The user may be connected no more.
    Barred(Code),
}

/// The visible rows of a dialog above a number, ascending.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    pub rows: Vec<Message>,
    /// There are others behind these.
    pub more: bool,
    /// Changes of older rows, if it was asked what happened since a time.
    pub changes: Vec<Change>,
}

/// Changes of a dialog, ascending.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub changes: Vec<Change>,
    /// There are others behind these.
    pub more: bool,
}

/// What is kept for the user outside the log, above a place.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub rows: Vec<KeptRow>,
    /// There are others behind these.
    pub more: bool,
    /// Newest place at that time.
    pub upto: u64,
}

/// What a returning session missed.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// The debt it took.
    pub debt: Option<SessionRecord>,
    pub rows: Vec<GapRow>,
    pub changes: Vec<GapChange>,
    pub kept: Queue,
    /// Users who wait for an answer to their request for presence.
    pub requests: Vec<u64>,
    /// Sessions of contacts that are there.
    pub present: Vec<Present>,
}
