//! The message object (contract rest 5.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Attachment, Extension, Message, extension};
use natter_proto::history::v1::Reaction;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::text::{Date, Hex};
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

/// The message object, as it is written. Custom keys stand at the top level: as text if they came over XMPP, typed if they came over
/// REST; of a key that comes twice the last value counts.
pub(crate) struct Shown<'a> {
    pub row: &'a Message,
    pub dialog: &'a [u8],
    pub readers: Readers,
    pub reactions: Vec<Reaction>,
    /// Whose own reactions are named.
    pub viewer: u64,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Shown { row, dialog, readers, reactions, viewer } = self;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("_id", &Hex(&row.id))?;
        object.serialize_entry("chat_dialog_id", &Hex(dialog))?;
        object.serialize_entry("message", &row.body)?;
        object.serialize_entry("sender_id", &row.sender)?;
        object.serialize_entry("recipient_id", &row.recipient)?;
        object.serialize_entry("date_sent", &row.date_sent)?;
        object.serialize_entry("created_at", &Date(row.created_at))?;
        object.serialize_entry("updated_at", &Date(row.updated_at))?;
        object.serialize_entry("read_ids", &readers.read)?;
        object.serialize_entry("delivered_ids", &readers.delivered)?;
        let read = row.recipient != 0 && readers.read.contains(&row.recipient);
        object.serialize_entry("read", &u8::from(read))?;
        object.serialize_entry("views_count", &0)?;
        object.serialize_entry("attachments", &Each(&row.attachments, attachment))?;
        object.serialize_entry("reactions", &(!reactions.is_empty()).then(|| self::reactions(reactions, *viewer)))?;
        for (n, extension) in row.extensions.iter().enumerate().filter(|(_, extension)| !is_reserved(&extension.key)) {
            let is_same = |other: &&Extension| other.key == extension.key;
            if !row.extensions[..n].iter().any(|other| is_same(&other)) {
                let last = row.extensions[n..].iter().rfind(is_same).unwrap_or(extension);
                object.serialize_entry(&extension.key, &custom(last))?;
            }
        }
        object.end()
    }
}

/// A list whose items are made as they are written.
struct Each<'a, T>(&'a [T], fn(&T) -> Value);

impl<T> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

/// Those of the viewer, and how many there are of each.
fn reactions(all: &[Reaction], viewer: u64) -> Value {
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
