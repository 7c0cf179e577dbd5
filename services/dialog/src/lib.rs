//! Dialogs: who is in one, in which order its messages stand, which of them were said before. The only service that orders
//! messages: one actor per live dialog, and whoever wants something of a dialog asks it.
//!
//! An actor has four beats: **decide** (the rules, pure) - **store** (history's log; the answer is awaited) - **apply** (the
//! state moves) - **tell** (frames for live sessions on the bus; the sender's ack last). All posts that wait go through the
//! beats together and are appended once.
//!
//! The parts, in the order a message meets them: `rpc` (decode, find the actor, ask, encode), `actor` (the beats), `dialog`
//! (the rules), `frames` (what is told). Beside them `store` (what is kept of dialogs), `pairs` (which two users a private
//! dialog is of), `barring` (whom privacy lists keep from speaking in one), `list` (a user's dialogs, as queries), `search` (an app's, for its operators), `apps` (what an app
//! says of its dialogs: how fast it may send, what admins may, what members see), `heads` (the hint that heals a lost last frame).
//!
//! Invariants:
//! - Numbers of a dialog are dense from 1 and dates never go back. A number is given out only with its row stored.
//! - Nobody is told what is not stored (or kept, for a message outside history), and no sender hears an ack before that.
//! - The same message sent again is the same message: same id, same number, acked again.
//! - Where the outcome of an append is unknown, the actor ends: the next one reads the log. It never guesses its number.
//! - What a privacy list keeps off is refused before it is stored, and makes no dialog (decision 0013).
//! - What is told may be lost or come twice; the log is the truth.
//!
//! It is not the log (history), knows no session (presence, edge) and no XML. What differs by kind is decided in few places:
//! `Kind`, `rights`, `group`, the recipient of a message (`Draft::recipient`) and how a dialog comes into being (`actor/load.rs`).
//! Who is in a room is presence's; that he may be there is asked here.

mod actor;
mod apps;
mod barring;
mod dialog;
mod error;
mod frames;
mod heads;
mod lapses;
mod list;
mod metrics;
mod options;
mod pairs;
mod rpc;
mod search;
mod service;
mod shared;
mod store;

pub use options::Options;
pub use service::{Parts, Service};

/// The tables of this service.
pub const TABLES: &[natter_db::cql::Migration] = &[store::TABLES];
