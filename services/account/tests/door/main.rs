//! The account service at its gRPC door, on the memory engine, with paused time.
#![allow(clippy::unwrap_used)]

mod apps;
mod archives;
mod bans;
mod chat;
mod endings;
mod identity;
mod keys;
mod kit;
mod lists;
mod names;
mod origins;
mod overrides;
mod reports;
mod resets;
mod sessions;
mod tokens;
mod trials;
mod users;
