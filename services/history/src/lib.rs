//! The message log: what was said in each dialog, in which order, and what each member has read, received and hidden of it.
//!
//! - `log`: the port `MessageLog` and its engines. Appends, edits and moves of members are durable when answered.
//! - [`ranges`], [`member`], [`head`]: the values that are kept, and what changes them. Open, like [`unread`], so that tests of
//!   the whole can say what must be so.
//! - `unread`, `page`, `filter`, `gap`, `edit`: what follows from them. These decide and never wait; `queries` reads
//!   what they ask for.
//! - `reactions`: who reacted to a row, and with what.
//! - `offline`: the queue for private messages outside the log.
//! - `posted`: what the durable log is told of both, for alerts.
//!
//! Invariants:
//! - The rows of a dialog are numbered densely from 1, in the order in which its owner appended them.
//! - Nothing is counted up and down: unread counts come from the log and the members' states alone.
//! - All that is kept of a member only grows, so that a mark can come twice, late, or in any order.
//!
//! It does not order messages, know who is a member, or tell anybody: `dialog` does.

mod edit;
mod error;
mod filter;
mod gap;
pub mod head;
mod log;
pub mod member;
mod metrics;
mod offline;
mod options;
#[cfg(test)]
mod oracle;
mod page;
mod posted;
mod queries;
pub mod ranges;
mod reactions;
mod rpc;
mod service;
pub mod unread;

pub use options::Options;
pub use service::{Parts, Service};

/// The tables on ScyllaDB.
pub const TABLES: &[natter_db::cql::Migration] = &[log::cql::TABLES, offline::cql::TABLES, reactions::cql::TABLES];
