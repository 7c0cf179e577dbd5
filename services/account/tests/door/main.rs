//! The account service at its gRPC door, on the memory engine, with paused time.
#![allow(clippy::unwrap_used)]

mod chat;
mod identity;
mod keys;
mod kit;
mod lists;
mod resets;
mod sessions;
mod users;
