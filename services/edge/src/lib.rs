//! The chat door: XMPP over WebSocket and TCP, for the unmodified SDK and for standard clients.
//!
//! The idea: a connection is a task that owns its socket (`pump.rs`), a bound session is an actor (`actor.rs`) around pure rules
//! (`session.rs`), and between the two stands a line bounded in bytes (`line.rs`). XMPP stops here: behind the edge a message is
//! a proto whose body and unknown children travel as they are.
//!
//! On the way in: `listener.rs` accepts, `connection.rs` negotiates by the rules of `negotiation.rs`, `transport.rs` with `tcp.rs`
//! and `ws.rs` frames; `session.rs` decides about each stanza and `calls.rs` asks the dialog, also about rooms (`session/rooms.rs`). On the way out: `inbox.rs` takes
//! frames off the bus, and the heads that show which were lost (`heads.rs`), the session's rules compare numbers (`session/places.rs`) and `stanza/write.rs` spells.
//!
//! Invariants:
//! - `<a/>` is sent when everything before its `<r/>` is durable or refused, never before (`acks.rs`).
//! - `from` is written by the edge, whatever the client wrote.
//! - A session sees each number of a dialog once and in order; what it did not prove to have is owed to its successor.
//! - A client that does not read costs at most the line's bound; then it is cut off.
//! - Of a stream that other edges may resume nothing is written before it is kept for them (`keeper.rs`).
//! - What a group says is spelled once per framing, however many sessions of this edge hear it (`shared.rs`).
//! - What is advertised can be used, and nothing else is advertised (`session/discovery.rs`).
//! - Messages and statuses wait for nobody to look; typing and who comes and goes may (`session/attention.rs`).
//! - A stranger costs what a stranger may send, over WebSocket too (`allowance.rs`).

mod acks;
mod actor;
mod address;
mod allowance;
mod calls;
mod claim;
mod connection;
mod drains;
mod errands;
mod error;
mod heads;
mod inbox;
mod keeper;
mod line;
mod listener;
#[cfg(feature = "testing")]
mod memory;
mod metrics;
mod negotiation;
mod options;
mod proof;
mod pump;
mod service;
mod session;
mod shared;
mod stanza;
mod stanza_error;
mod streams;
mod table;
mod tally;
mod tcp;
mod transport;
mod ws;

pub use drains::{Drains, State};
pub use error::Error;
#[cfg(feature = "testing")]
pub use memory::{Knocker, MemoryDoor};
pub use options::Options;
pub use service::{Doors, Parts, Service};
pub use streams::Streams;

/// The kinds of stanzas that sessions tell apart, by the names they are counted under.
pub fn stanza_kinds() -> impl Iterator<Item = &'static str> {
    stanza::Kind::ALL.into_iter().map(stanza::Kind::name)
}
