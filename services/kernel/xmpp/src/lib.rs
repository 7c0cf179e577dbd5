//! XMPP as a state machine: bytes to stanzas and back, within limits.
//!
//! The idea: the edge owns sockets, this crate owns the grammar. [`StreamReader`] takes bytes (TCP) or frames
//! (WebSocket, RFC 7395) and gives [`StreamEvent`]s; [`Element`] is the tree both sides speak; its writer gives the
//! one spelling of XML that every SDK build reads (`contract xmpp 0.1`). [`Jid`], [`Stanza`], [`Plain`] read the small
//! grammars inside.
//!
//! What it is not: it opens no socket, looks at no clock, draws no random number, knows no user and no dialog.
//!
//! Invariants:
//! - One strict parser: what is accepted here is well-formed, namespace-well-formed UTF-8 XML 1.0 without DTD,
//!   processing instruction, comment or own entity. What is written from a tree is parsed back to the same tree.
//! - Names are such as every edition of XML 1.0 takes, read and written.
//! - Limits are counted on parser events, before there is a tree to hold what goes over them ([`Limits`]).
//! - A reader that waits for the next stanza holds next to no heap (`examples/speed.rs` measures it).
//! - Only the trees made here are written: prefixes of the client never come back out.

mod carriage;
mod element;
mod fault;
#[cfg(feature = "testing")]
pub mod fuzz;
mod jid;
mod limits;
mod names;
mod negotiation;
pub mod ns;
mod read;
mod sasl;
mod scope;
mod stanza;
mod stanza_error;
mod stream;
mod tree;
mod write;

pub use element::{Element, Elements, Node};
pub use fault::StreamFault;
pub use jid::{Jid, JidError};
pub use limits::Limits;
pub use negotiation::{close, features, mechanisms, open, sasl_failure, see_other_host, stream_header};
pub use sasl::{Plain, PlainError};
pub use stanza::{Kind, Stanza, bound, delay, result};
pub use stanza_error::{Condition, StanzaError};
pub use stream::{Framing, StreamEvent, StreamReader};
pub use write::{STREAM_CLOSE, escape_attribute, escape_text, is_name};
