//! Hops: what happened to a message on its way, noted where it happened and kept elsewhere, for whoever asks why somebody did not
//! get it.
//!
//! The idea: of most messages nobody asks. So one of some is traced, chosen by its place in its dialog, by which every process
//! chooses the same ones without being told; and all of an app that somebody is looking into.
//!
//! The parts: [`Recorder`], the handle of whoever has messages in hand; `choice` (pure), which messages are traced.
//!
//! Invariants:
//! - Noting never waits, never fails and never allocates for a message that is not traced.
//! - What waits to be published is bounded. Over it hops are dropped and counted in `natter_trace_dropped_total`.
//! - A hop names a message and says nothing of what is in it.

mod choice;
mod options;
mod recorder;

pub use natter_proto::trace::v1::{Hop, Kind};
pub use options::Options;
pub use recorder::{Place, Recorder};
