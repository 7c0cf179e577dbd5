//! What is kept of alerts: those that are due some time, and the journal of what was decided and tried. Engines lie in `alerts/`,
//! and `alerts/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - A step is taken wholly or not at all; or, where it is more than one write, what it puts is kept before anything goes, and taken again
//!   it has the effect of one. When it is answered it outlives the process; with a machine that has
//!   the store to itself it may be lost, wholly.
//! - Of each app at most so many alerts wait. A step over it takes the oldest away, and notes how many.

use natter_actor::Clock;
use natter_bus::{Entry, Log};
use natter_db::{Db, Error};
use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Note;
use natter_proto::{DialogId, MessageId};
use natter_rpc::async_trait;

use crate::decision::Reason;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;
mod rows;

pub use cql::{Bounds, TABLES};

/// The engine for where rows are kept. `boot`: by chance, once per process; `first_number`: above those of earlier processes of the same
/// millisecond.
pub fn open(db: &Db, log: &Log, clock: &Clock, (boot, first_number): (u64, u64), bounds: &Bounds) -> Box<dyn Alerts> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone(), log.clone(), bounds.queue_max, first_number)),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), clock.clone(), boot, bounds)),
    }
}

/// An alert that waits: a message, an event, a contact request or a call, and whom it is for. A reference: neither text nor device.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Due {
    pub app: u64,
    /// Unix milliseconds.
    pub at: i64,
    pub user: u64,
    pub dialog: DialogId,
    /// Seq in the dialog's log, place in the user's queue, id of the event, who asks, or the beginning of the call's id.
    pub place: u64,
    pub source: Source,
    pub message: MessageId,
    pub sender: u64,
    /// When the message was made, unix milliseconds.
    pub said_at: i64,
    /// How often it was tried to send it.
    pub attempts: u32,
    /// Subscriptions that need no further attempt.
    pub done: Vec<u64>,
    /// Of what decided that there is an alert, if its trace is kept; else empty.
    pub traceparent: String,
}

/// Where what an alert is about is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// A message, in the log of its dialog.
    Log,
    /// A message outside it, in the queue of the user.
    Queue,
    /// An event. It has no dialog.
    Event,
    /// A contact request, in the contact list of who asks. It has no dialog.
    Request,
    /// A call, in the log alone. It has no dialog.
    Call(CallKind),
}

/// What changes together.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Step {
    pub app: u64,
    /// Of the durable log, looked at. If the log is in the same store they are forgotten in the step; else whoever read them is done
    /// with them when it is taken.
    pub entries: Vec<Entry>,
    /// Alerts that wait no more.
    pub gone: Vec<Due>,
    /// Alerts that wait.
    pub put: Vec<Due>,
    pub notes: Vec<Note>,
}

/// Of whom or what the journal is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    User(u64),
    Message(DialogId, MessageId),
}

/// Alerts of all apps. [`ready`](Alerts::ready) has to be `Ok` once before anything else.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Finds what an earlier process left, where one process has all apps to itself. Cheap when it was done.
    async fn ready(&self) -> Result<(), Error>;
    /// Apps of which an alert may wait that nobody here knows of, because many processes share them.
    async fn apps(&self) -> Result<Vec<u64>, Error>;
    /// Finds what waits of an app that fell to this process. Cheap when it was done; whatever else touches the app does it as well.
    async fn adopt(&self, app: u64) -> Result<(), Error>;
    /// Forgets what is known of apps that are another process's: what is kept of them stays.
    fn leave(&self, owns: &dyn Fn(u64) -> bool);
    /// Takes a step. How many alerts were dropped by it because too many waited.
    async fn take(&self, step: Step) -> Result<u64, Error>;
    /// Apps of which an alert may be due, and from when on, unix milliseconds.
    fn next(&self) -> Vec<(u64, i64)>;
    /// The oldest alerts of an app that are due at `now`, at most `limit`.
    async fn due(&self, app: u64, now: i64, limit: usize) -> Result<Vec<Due>, Error>;
    /// Alerts of an app that are due after `now` and not after `upto`, the oldest first, at most `limit`.
    async fn later(&self, app: u64, now: i64, upto: i64, limit: usize) -> Result<Vec<Due>, Error>;
    /// A page of the journal, newest first, above nothing or behind `before`; and where to go on, empty at the end.
    async fn notes(&self, app: u64, about: About, before: &[u8], limit: usize) -> Result<(Vec<Note>, Vec<u8>), Error>;
    /// Removes from a page of the journal, behind `after`, what was noted before `before`, unless it ends by itself. Where to go on; nothing at the end.
    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, Error>;
    /// Forgets a page of what there is of a user, or of an app. How many alerts and notes went, and the larger number of rows
    /// that were looked at; fewer than `max`: nothing is left.
    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<(usize, usize, usize), Error>;
}

/// What is noted of an alert that was dropped because too many waited.
fn dropped_note(due: &Due) -> Note {
    Note {
        at: due.said_at,
        dialog: due.dialog.to_vec(),
        message: due.message.to_vec(),
        user: due.user,
        reason: Reason::Dropped.word().to_owned(),
        sender: due.sender,
        ..Note::default()
    }
}
