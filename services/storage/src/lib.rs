//! Attachments: files that users upload, their rows, the quota of each app, and the end of what is not finished.
//!
//! The REST door comes in over `natter.storage.v1.Storage`; bytes always pass through here, in chunks, and are never whole in
//! memory. The rules are pure files: [`mod@blob`] (what a blob may be and become), [`mod@room`] (how much may be under way).
//! The calls in `calls/` read, ask the rules, take one step of the rows and answer. Two ports: [`mod@store`] keeps the rows,
//! [`mod@bytes`] the content, each content under a name of its own (an object) that only its row knows.
//!
//! A blob is made, gets its content by one upload, and is complete when its owner says so with the right size.
//!
//! Invariants:
//! - An upload is answered when its content (file and directory entry) and then its row are durable.
//! - A row never names an object that is not there; an object that no row names is on a list, and is removed.
//! - Content never changes: a blob takes one upload, of two at once the last to begin.
//! - The bytes of an app are counted before its rows weigh them, or in the same step, and never over the quota, however many uploads
//!   end at once.
//! - No name from outside becomes part of a path.
//!
//! Not here: multipart, headers, tokens (the REST door). Who knows the uid of a complete blob may ask for it; the door decides.

mod blob;
mod bytes;
mod calls;
mod error;
mod ids;
mod metrics;
mod options;
mod room;
mod rpc;
mod service;
mod store;

pub use bytes::{S3Options, look};
pub use options::Options;
pub use service::{Parts, Place, Service};

/// The tables of this service on ScyllaDB, in the order in which they are made.
pub const TABLES: [natter_db::cql::Migration; 1] = [store::TABLES];
