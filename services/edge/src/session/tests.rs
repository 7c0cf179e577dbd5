//! The rules of a session by values: stanzas, frames and answers in, actions out.

#![allow(clippy::unwrap_used)]

mod again;
mod attention;
mod calls;
mod changes;
mod contacts;
mod discovery;
mod elsewhere;
mod groups;
mod headlines;
mod holes;
mod hosts;
mod incoming;
mod iq;
mod kit;
mod life;
mod outgoing;
mod privacy;
mod returning;
mod rooms;
mod watching;
mod ways;
