//! What a template sees.
//!
//! | variable | is |
//! |---|---|
//! | `sender.name`, `sender.id` | who said it |
//! | `dialog.name`, `dialog.type`, `dialog.id` | where; the type is `private`, `group` or `public` |
//! | `text` | what was said |
//! | `attachment.count`, `attachment.kind` | what is attached: `photo`, `video`, `audio`, `location` or `attachment` |
//! | `call.kind` | how somebody calls: `audio` or `video`; empty if the call does not say, and of what is no call |
//! | `unread` | messages that the one who is alerted has not read |
//! | `extension.KEY` | a key that the app put into the message; undefined where it did not |
//!
//! Names and texts are always defined, and empty where there is none.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use minijinja::Value;
use minijinja::value::Serde;
use natter_proto::push::v1::DialogType;
use serde_json::{Map, json};

use crate::occasion::Occasion;
use crate::text::call_word;

pub fn of(occasion: &Occasion) -> Value {
    let Occasion { sender, sender_name, dialog, dialog_name, kind, text, attachments, unread, extension, call, .. } = occasion;
    let kind = match kind {
        DialogType::Unspecified | DialogType::Private => "private",
        DialogType::Group => "group",
        DialogType::Public => "public",
    };
    let extension: Map<String, serde_json::Value> = extension.iter().cloned().collect();
    Value::from(Serde(json!({
        "sender": { "name": sender_name, "id": sender },
        "dialog": { "name": dialog_name, "type": kind, "id": dialog },
        "text": text,
        "attachment": { "count": attachments.len(), "kind": kind_of_all(attachments) },
        "call": { "kind": call_word(*call).unwrap_or_default() },
        "unread": unread,
        "extension": extension,
    })))
}

/// The kind of all of them; of different ones, that they are attachments.
fn kind_of_all(attachments: &[String]) -> &str {
    match attachments {
        [] => "",
        [first, rest @ ..] if rest.iter().all(|kind| kind == first) => first,
        _ => "attachment",
    }
}
