//! The frames in which a dialog tells the sessions of its members what happened. Pure.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Change, Frame, MarkKind, Marker, Message, SessionRef, Typing, change};
use natter_proto::{MessageId, UserId};

use crate::dialog::marks::Mark;
use crate::dialog::post::Source;
use crate::dialog::{Dialog, Key};

/// A message for every member; the edges make the copies of the sender's other sessions out of it.
pub fn message(dialog: &Dialog, message: Message, source: Source) -> Frame {
    let Source { origin, traceparent } = source;
    let (to, stamp) = (dialog.members.ids(), dialog.stamp());
    Frame { to, origin, traceparent, stamp, told: Some(Told::Message(message)), ..about(dialog.key) }
}

/// The message of a frame that [`message`] made.
pub fn into_message(frame: Frame) -> Message {
    match frame.told {
        Some(Told::Message(message)) => message,
        _ => unreachable!("the frame was made of a message"),
    }
}

/// A status for the author; of a read one the reader's other sessions learn too (contract xmpp 3.4).
pub fn marker(key: Key, mark: &Mark, id: MessageId, author: UserId) -> Frame {
    let mut to = vec![author.0];
    to.extend((mark.kind == MarkKind::Read).then_some(mark.user.0));
    let marker = Marker {
        kind: mark.kind as i32,
        message_id: id.to_vec(),
        user: mark.user.0,
        resource: mark.origin.as_ref().map(|origin| origin.resource.clone()).unwrap_or_default(),
        stanza_id: mark.stanza_id.clone(),
        author: author.0,
        domain: String::new(),
        named: mark.named.clone(),
    };
    Frame { to, origin: mark.origin.clone(), told: Some(Told::Marker(marker)), ..about(key) }
}

/// Somebody types, or has stopped.
pub fn typing(key: Key, to: UserId, origin: Option<SessionRef>, typing: Typing) -> Frame {
    Frame { to: vec![to.0], origin, told: Some(Told::Typing(typing)), ..about(key) }
}

/// A row was removed for all by a user.
pub fn removal(dialog: &Dialog, row: &Message, user: UserId, stamp: u64, at: i64) -> Frame {
    let change = Change {
        stamp,
        seq: row.seq,
        message_id: row.id.clone(),
        user: user.0,
        what: Some(change::What::Removed(true)),
        at,
        silent: false,
        recipient: row.recipient,
    };
    Frame { to: dialog.members.ids(), stamp, told: Some(Told::Change(change)), ..about(dialog.key) }
}

fn about(key: Key) -> Frame {
    Frame { app: key.app.0, dialog: key.dialog.to_vec(), ..Frame::default() }
}
