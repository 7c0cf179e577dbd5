//! What is told to the durable log of what became durable: of messages that somebody may have to be alerted of, where they are. An
//! entry lies in the batch of its rows, so it is there exactly when they are.
//!
//! Only messages are appended or kept as messages: of reactions, marks and system messages nothing is told. Where an app has webhooks that
//! want it, also messages of which nobody is alerted are told of, and edits and removals.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Change, Frame, Message, Posted, PostedChange, PostedRow};
use natter_proto::push::v1::WebhookEvent;
use natter_proto::{DialogId, UserId};
use natter_telemetry::is_kept;
use prost::Message as _;

/// The event of webhooks that a message is.
pub const CREATED: u32 = WebhookEvent::MessageCreated as u32;

/// The entry for rows of a dialog's log, written by the span that `traceparent` names; none if nobody is to be alerted of any, and not
/// all are wanted.
pub fn of_rows(dialog: DialogId, rows: &[Message], all: bool, traceparent: String) -> Option<Vec<u8>> {
    let told = rows.iter().filter(|row| alerts(row) || (all && !row.removed));
    let rows: Vec<PostedRow> = told.map(|row| PostedRow { quiet: !alerts(row), ..row_of(row, row.seq) }).collect();
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

/// The event of webhooks that a change of a row is.
pub fn event_of(change: &Change) -> u32 {
    let event = match change.what {
        Some(What::Removed(_)) => WebhookEvent::MessageDeleted,
        Some(What::Edited(_)) | None => WebhookEvent::MessageEdited,
    };
    event as u32
}

/// The entry for a change of a row, for webhooks.
pub fn of_change(dialog: DialogId, change: &Change) -> Vec<u8> {
    let removed = matches!(change.what, Some(What::Removed(_)));
    let Change { stamp, seq, message_id: id, user, at, .. } = change;
    let change = PostedChange { id: id.clone(), seq: *seq, stamp: *stamp, user: *user, at: *at, removed };
    Posted { dialog: dialog.to_vec(), change: Some(change), ..Posted::default() }.encode_to_vec()
}

/// A message with a body or an attachment (contract xmpp 3.2) that its sender did not send silently, and that was to be delivered.
fn alerts(message: &Message) -> bool {
    let says = message.body.as_ref().is_some_and(|body| !body.is_empty()) || !message.attachments.is_empty();
    says && !(message.silent || message.stored_only || message.removed)
}

fn row_of(message: &Message, place: u64) -> PostedRow {
    let Message { id, sender, recipient, created_at: at, .. } = message;
    PostedRow { id: id.clone(), place, sender: *sender, recipient: *recipient, at: *at, quiet: false }
}
