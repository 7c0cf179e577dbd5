//! Tables and keys of the embedded log. Numbers are big-endian, so that a scan meets rows in their order.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_db::Table;
use natter_proto::{AppId, DialogId, MessageId};

use crate::log::DialogKey;

/// app, dialog, seq -> `event.v1.Message`.
pub const MESSAGES: Table = Table("messages");
/// app, id, dialog, sender -> `history.v1.IdRow`; of an alias, the greatest number and seq in place of the sender: a message that
/// has the id is met before all whose clients gave it, and no other takes its place.
pub const MESSAGE_IDS: Table = Table("message_ids");
/// app, dialog -> `history.v1.DialogHead`.
pub const HEADS: Table = Table("heads");
/// app, dialog, user -> `history.v1.MemberState`; with a spill number behind it, older ranges of the same member.
pub const MEMBER_STATE: Table = Table("member_state");
/// app, dialog, stamp -> `event.v1.Change`.
pub const CHANGES: Table = Table("changes");

/// Bytes of a dialog's prefix: app and dialog.
const DIALOG: usize = 8 + 12;

pub fn dialog(key: DialogKey) -> Vec<u8> {
    join([&key.app.0.to_be_bytes(), &key.dialog.0])
}

/// Key of a row by its place, of a change by its stamp, of a member by its user.
pub fn numbered(key: DialogKey, number: u64) -> Vec<u8> {
    join([&key.app.0.to_be_bytes(), &key.dialog.0, &number.to_be_bytes()])
}

pub fn spill(key: DialogKey, user: u64, spill: u32) -> Vec<u8> {
    join([&key.app.0.to_be_bytes(), &key.dialog.0, &user.to_be_bytes(), &spill.to_be_bytes()])
}

/// The user of a key of [`MEMBER_STATE`], whether of the first row or of a spilled one.
pub fn user_of(key: &[u8]) -> Option<u64> {
    let bytes = key.get(DIALOG..DIALOG + 8)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

pub fn ids(app: AppId, id: MessageId) -> Vec<u8> {
    join([&app.0.to_be_bytes(), &id.0])
}

pub fn ids_in(app: AppId, id: MessageId, dialog: DialogId) -> Vec<u8> {
    join([&app.0.to_be_bytes(), &id.0, &dialog.0])
}

pub fn id(key: DialogKey, id: &[u8], sender: u64) -> Vec<u8> {
    join([&key.app.0.to_be_bytes(), id, &key.dialog.0, &sender.to_be_bytes()])
}

pub fn alias(key: DialogKey, alias: &[u8], seq: u64) -> Vec<u8> {
    join([&key.app.0.to_be_bytes(), alias, &key.dialog.0, &u64::MAX.to_be_bytes(), &seq.to_be_bytes()])
}

/// The dialog of a key of [`MESSAGE_IDS`].
pub fn dialog_of(key: &[u8]) -> Option<DialogId> {
    DialogId::try_from(key.get(DIALOG..DIALOG + 12)?).ok()
}

fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}
