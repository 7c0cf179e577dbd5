//! The unmodified SDK packages against a real process, running the chat guide's snippets. Each major runs every check.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod stage;

mod chat;
mod groups;
mod rest;
mod returning;
mod users;
