//! The message object (contract rest 5.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Attachment, Extension, Message, extension};
use natter_proto::history::v1::Reaction;
use serde_json::{Map, Value, json};

use super::date;
use crate::readers::Readers;

/// Names an app cannot use for its own keys: those the server understands itself, and those of the object.
const RESERVED: [&str; 22] = [
    "_id",
    "attachments",
    "chat_dialog_id",
    "created_at",
    "date_sent",
    "delivered_ids",
    "dialog_id",
    "edited_at",
    "markable",
    "message",
    "message_id",
    "reactions",
    "read",
    "read_ids",
    "recipient_id",
    "save_to_history",
    "send_to_chat",
    "sender_id",
    "silent",
    "updated_at",
    "views_count",
    "",
];

/// Whether a key of a message is not the app's own.
pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key)
}

/// The message object. Custom keys stand at the top level: as text if they came over XMPP, typed if they came over REST.
pub(crate) fn message(row: &Message, dialog: &[u8], readers: &Readers) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("_id", hex(&row.id).into());
    put("chat_dialog_id", hex(dialog).into());
    put("message", json!(row.body));
    put("sender_id", row.sender.into());
    put("recipient_id", row.recipient.into());
    put("date_sent", row.date_sent.into());
    put("created_at", date(row.created_at).into());
    put("updated_at", date(row.updated_at).into());
    put("read_ids", json!(readers.read));
    put("delivered_ids", json!(readers.delivered));
    let read = row.recipient != 0 && readers.read.contains(&row.recipient);
    put("read", u8::from(read).into());
    put("views_count", 0.into());
    put("attachments", row.attachments.iter().map(attachment).collect());
    put("reactions", Value::Null);
    for extension in row.extensions.iter().filter(|extension| !is_reserved(&extension.key)) {
        put(&extension.key, custom(extension));
    }
    Value::Object(object)
}

/// The value of `reactions` of a message that has any: those of the viewer, and how many there are of each.
pub(crate) fn reactions(all: &[Reaction], viewer: u64) -> Value {
    let own: Vec<&str> = all.iter().filter(|one| one.users.contains(&viewer)).map(|one| one.reaction.as_str()).collect();
    let total: Map<String, Value> = all.iter().map(|one| (one.reaction.clone(), one.users.len().into())).collect();
    json!({"own": own, "total": total})
}

fn attachment(attachment: &Attachment) -> Value {
    attachment.attributes.iter().map(|attribute| (attribute.name.clone(), Value::from(attribute.value.as_str()))).collect()
}

fn custom(extension: &Extension) -> Value {
    match &extension.value {
        None => Value::from(""),
        Some(extension::Value::Text(text)) => Value::from(text.as_str()),
        Some(extension::Value::Nested(nested)) => {
            nested.extensions.iter().map(|inner| (inner.key.clone(), custom(inner))).collect()
        }
        // What cannot be parsed was not written by this door; its text is still better than nothing.
        Some(extension::Value::Json(text)) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
    }
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
