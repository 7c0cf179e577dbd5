//! What an alert says of a message: the sender's name and his text, or what he attached. The one place where this is decided
//! while an app has no templates.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::extension::Value as Said;
use natter_proto::event::v1::{Attachment, Message};
use serde_json::{Value, json};

use crate::provider::Alert;

/// What is known of the message besides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// Lower-case hex.
    pub dialog: String,
    /// Of a group; empty: it has none, or is none.
    pub dialog_name: String,
    pub is_group: bool,
    /// Of the sender.
    pub name: String,
    /// Unread messages of the one who is alerted.
    pub unread: Option<u64>,
    /// Unix milliseconds.
    pub expires_at: i64,
}

/// The alert of a message.
pub fn alert(message: &Message, about: &About) -> Alert {
    let id = hex(&message.id);
    let said = match message.body.as_deref() {
        Some(body) if !body.is_empty() => body.to_owned(),
        _ => attached(&message.attachments),
    };
    let is_named = about.is_group && !about.dialog_name.is_empty();
    let mut data = vec![
        ("dialog_id".to_owned(), Value::from(about.dialog.clone())),
        ("message_id".to_owned(), Value::from(id.clone())),
        ("user_id".to_owned(), Value::from(message.sender)),
    ];
    let keys = message.extensions.iter().filter_map(|extension| {
        let value = match extension.value.as_ref()? {
            Said::Text(text) => json!(text),
            Said::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Said::Nested(_) => return None,
        };
        Some((extension.key.clone(), value))
    });
    let keys: Vec<_> = keys.filter(|(key, _)| !data.iter().any(|(taken, _)| taken == key)).collect();
    data.extend(keys);
    Alert {
        text: if about.name.is_empty() { said } else { format!("{}: {said}", about.name) },
        title: is_named.then(|| about.dialog_name.clone()),
        collapse: format!("{}-{id}", about.dialog),
        badge: about.unread,
        sound: Some("default".to_owned()),
        thread: Some(about.dialog.clone()),
        expires_at: Some(about.expires_at),
        high: true,
        data,
        ..Alert::default()
    }
}

/// What was attached, by its kind (contract rest 5.1).
fn attached(attachments: &[Attachment]) -> String {
    let kind = |attachment: &Attachment| {
        let kind = attachment.attributes.iter().find(|attribute| attribute.name == "type");
        match kind.map_or("", |kind| kind.value.as_str()) {
            "photo" | "image" => "Photo",
            "video" => "Video",
            "audio" | "voice" => "Audio",
            "location" => "Location",
            _ => "Attachment",
        }
    };
    match attachments {
        [one] => kind(one).to_owned(),
        many => format!("{} attachments", many.len()),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use natter_proto::event::v1::{Attribute, Extension, Nested};

    use super::*;

    #[test]
    fn a_private_message_is_its_senders_name_and_text() {
        let alert = alert(&message("hi"), &about());
        assert_eq!((alert.text.as_str(), alert.title), ("Romeo: hi", None));
        assert_eq!(alert.badge, Some(7));
        let nameless = super::alert(&message("hi"), &About { name: String::new(), ..about() });
        assert_eq!(nameless.text, "hi");
    }

    #[test]
    fn a_group_is_named_above_it_if_it_has_a_name() {
        let group = About { is_group: true, dialog_name: "Verona".into(), ..about() };
        let named = alert(&message("hi"), &group);
        assert_eq!((named.text.as_str(), named.title.as_deref()), ("Romeo: hi", Some("Verona")));
        assert_eq!(alert(&message("hi"), &About { dialog_name: String::new(), ..group }).title, None);
    }

    #[test]
    fn what_is_attached_is_named_where_nothing_is_said() {
        for (kinds, text) in [
            (&["photo"][..], "Romeo: Photo"),
            (&["video"], "Romeo: Video"),
            (&["pdf"], "Romeo: Attachment"),
            (&["photo", "photo"], "Romeo: 2 attachments"),
        ] {
            let attachments = kinds
                .iter()
                .map(|kind| Attachment { attributes: vec![Attribute { name: "type".into(), value: (*kind).into() }] });
            let message = Message { body: None, attachments: attachments.collect(), ..message("") };
            assert_eq!(alert(&message, &about()).text, text);
        }
    }

    #[test]
    fn the_keys_of_the_app_go_along_and_take_no_other_keys_place() {
        let said = |key: &str, value| Extension { key: key.into(), value: Some(value), ..Extension::default() };
        let extensions = vec![
            said("mood", Said::Text("5".into())),
            said("deep", Said::Nested(Nested::default())),
            said("typed", Said::Json("{\"a\":1}".into())),
            said("dialog_id", Said::Text("forged".into())),
        ];
        let alert = alert(&Message { extensions, ..message("hi") }, &about());
        let expected =
            json!([["dialog_id", "aa11"], ["message_id", "0102"], ["user_id", 34], ["mood", "5"], ["typed", {"a": 1}]]);
        assert_eq!(json!(alert.data), expected);
    }

    #[test]
    fn every_attempt_at_a_message_has_the_same_collapse_id_and_no_other_message_has_it() {
        let of = |message: &Message, about: &About| alert(message, about).collapse;
        let again = About { unread: Some(9), expires_at: 9, name: "R".into(), ..about() };
        assert_eq!(of(&message("hi"), &about()), of(&message("edited"), &again));
        assert_ne!(of(&message("hi"), &about()), of(&Message { id: vec![1, 3], ..message("hi") }, &about()));
        assert_ne!(of(&message("hi"), &about()), of(&message("hi"), &About { dialog: "bb".into(), ..about() }));
        let longest = of(&Message { id: vec![0xff; 12], ..message("hi") }, &About { dialog: "f".repeat(24), ..about() });
        assert!(longest.len() <= 64 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    fn message(body: &str) -> Message {
        Message { id: vec![1, 2], sender: 34, body: Some(body.into()), ..Message::default() }
    }

    fn about() -> About {
        About { dialog: "aa11".into(), name: "Romeo".into(), unread: Some(7), ..About::default() }
    }
}
