//! Who is connected where, what is told to whom, and what is owed to sessions that died.
//!
//! Edges announce their sessions here, and owners of dialogs tell frames to users: presence knows on which edges these are
//! and passes one frame to each. It keeps what sessions have proved to have; a session that dies without a goodbye leaves
//! that as a debt, which the returning client takes once (design: edges, return, storms).
//!
//! The parts: [`Service`] (what starts), `rpc` (the gRPC door), `sessions` (what an announcement changes), `directory` (rules:
//! sessions by user), `rooms` (rules: who is in the room of a dialog), `occupancy` (the two in one step, and who is told),
//! `activity` (rules: who is there and who watches), `watching` (directory and activity in one step, and who is told), `seen`
//! (the port that keeps when users were last there, with its engine), `roster` (rules: contacts), `contacts` (their steps, and
//! who is told), `rosters` (the port that keeps them, with its engine), `privacy` (rules: privacy lists), `defaults` (rules:
//! those that decide, in memory), `blocks` (changes of lists, and what they let through), `lists` (the port that keeps them,
//! with its engines), `fanout` (frames to edges), `speech` (rules: who says what a frame tells), `debt` (rules: what is owed),
//! `debts` (the port that keeps it, with its engine), `erasure` (what goes with a user or an app), `expulsion` (sessions
//! as operators see and end them), `edges` (those that died without a word), `ownership` (rules: which apps are here, and which of them are
//! known), `again` (their taking over), `withheld` (rules: what is not told before they are known), `users` (of whom rows
//! are kept on ScyllaDB, by app).
//!
//! Invariants:
//! - When an announcement is answered, every frame told afterwards reaches the session (or no longer does).
//! - A debt is held by at most one session at a time, and is gone only when that session has proved it, it has expired, or
//!   its client said goodbye.
//! - The directory is memory, of the apps that are here: who takes an app over asks the edges for its sessions, and says of nobody that
//!   he is away before it has them (decision 0033). Records are kept; each one found is a debt, unless its session is announced again.
//! - A session is in a room only while it is announced; one that died stays there for the grace of `grace_s`. The same grace
//!   holds for its user's last activity.
//! - A step of a contact is durable before anybody is told of it; steps of a pair come one after another. A new request that
//!   is kept is in the durable log: whoever alerts reads it there.
//! - A change of a privacy list is durable before it holds, and holds before it is answered: what is judged, or told by a
//!   dialog,
//!   after the answer is judged by it.
//! - Records and last activity are relaxed commits: they survive the process, not the machine.
//!
//! It reads no message but who says it: a frame passes as the bytes it came in. It does not know what a debt contains for the
//! client; the edge asks history.

mod activity;
mod again;
mod archive;
mod blocks;
mod contacts;
mod debt;
mod debts;
mod defaults;
mod directory;
mod edges;
mod erasure;
mod error;
mod expulsion;
mod fanout;
mod lists;
mod metrics;
mod news;
mod occupancy;
mod options;
mod ownership;
mod privacy;
mod rooms;
mod roster;
mod rosters;
mod rpc;
mod seen;
mod service;
mod session;
mod sessions;
mod speech;
mod users;
mod watching;
mod withheld;

pub use options::Options;
pub use rpc::Rpc;
pub use service::{Parts, Service};

/// The tables of presence on ScyllaDB.
pub const TABLES: &[natter_db::cql::Migration] = &[users::TABLES, lists::TABLES, seen::TABLES, rosters::TABLES];
