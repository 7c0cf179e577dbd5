//! What is told to the durable log of what became durable: of messages that somebody may have to be alerted of, where they are. An
//! entry lies in the batch of its rows, so it is there exactly when they are.
//!
//! Only messages are appended or kept as messages: of edits, removals, reactions, marks and system messages nothing is told.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Message, Posted, PostedRow};
use natter_proto::{DialogId, UserId};
use natter_telemetry::is_kept;
use prost::Message as _;

/// The entry for rows of a dialog's log, written by the span that `traceparent` names; none if nobody is to be alerted of any.
pub fn of_rows(dialog: DialogId, rows: &[Message], traceparent: String) -> Option<Vec<u8>> {
    let rows: Vec<PostedRow> = rows.iter().filter(|row| alerts(row)).map(|row| row_of(row, row.seq)).collect();
    (!rows.is_empty()).then(|| Posted { dialog: dialog.to_vec(), rows, traceparent, ..Posted::default() }.encode_to_vec())
}

/// The entry for a message outside the log, at its place in the queue of `user`; none if nobody is to be alerted of it.
pub fn of_frame(user: UserId, frame: &Frame, place: u64) -> Option<Vec<u8>> {
    let Some(Told::Message(message)) = &frame.told else { return None };
    let rows = vec![row_of(message, place)];
    let traceparent = if is_kept(&frame.traceparent) { frame.traceparent.clone() } else { String::new() };
    let dialog = frame.dialog.clone();
    alerts(message).then(|| Posted { dialog, rows, kept_for: user.0, traceparent, ..Posted::default() }.encode_to_vec())
}

/// A message with a body or an attachment (contract xmpp 3.2) that its sender did not send silently, and that was to be delivered.
fn alerts(message: &Message) -> bool {
    let says = message.body.as_ref().is_some_and(|body| !body.is_empty()) || !message.attachments.is_empty();
    says && !(message.silent || message.stored_only || message.removed)
}

fn row_of(message: &Message, place: u64) -> PostedRow {
    let Message { id, sender, recipient, created_at: at, .. } = message;
    PostedRow { id: id.clone(), place, sender: *sender, recipient: *recipient, at: *at }
}
