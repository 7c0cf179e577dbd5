//! What an alert is about, as templates see it: a message, a contact request, a call, or a sample of one. What may not leave is taken out here.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::dialog::v1::DialogKind;
use natter_proto::event::v1::extension::Value as Said;
use natter_proto::event::v1::{Attachment, CallKind, Extension, Message};
use natter_proto::push::v1::{Content, DialogType, Privacy, Sample};
use serde_json::{Value, json};

/// Bytes of a text that templates see: more than any provider carries.
const TEXT_BYTES_MAX: usize = 8 * 1_024;
/// Of a name.
const NAME_BYTES_MAX: usize = 512;

/// What an alert is about. Empty: there is none, or it may not leave.
#[derive(Clone, PartialEq, Debug)]
pub struct Occasion {
    pub sender: u64,
    pub sender_name: String,
    /// Lower-case hex. Calls and contact requests are in none.
    pub dialog: String,
    pub dialog_name: String,
    pub kind: DialogType,
    pub text: String,
    /// The kind of each.
    pub attachments: Vec<String>,
    pub unread: u64,
    /// The keys of the app.
    pub extension: Vec<(String, Value)>,
    pub content: Content,
    /// Of a call, if it says so.
    pub call: CallKind,
}

/// What is known of a message besides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// Lower-case hex.
    pub dialog: String,
    pub dialog_name: String,
    pub kind: DialogType,
    /// Of the sender.
    pub name: String,
    /// Unread messages of the one who is alerted.
    pub unread: u64,
}

impl Occasion {
    pub fn of(message: &Message, about: &About) -> Occasion {
        let attachments: Vec<String> = message.attachments.iter().map(kind_of).collect();
        Occasion {
            sender: message.sender,
            sender_name: beginning(&about.name, NAME_BYTES_MAX),
            dialog: about.dialog.clone(),
            dialog_name: beginning(&about.dialog_name, NAME_BYTES_MAX),
            kind: about.kind,
            text: beginning(message.body.as_deref().unwrap_or_default(), TEXT_BYTES_MAX),
            content: content_of(&attachments),
            attachments,
            unread: about.unread,
            extension: message.extensions.iter().filter_map(key_of).collect(),
            call: CallKind::Unspecified,
        }
    }

    /// That `sender` asks to be a contact. He may say nothing beside.
    pub fn of_request(sender: u64, about: &About) -> Occasion {
        let message = Message { sender, ..Message::default() };
        let about = About { dialog: String::new(), dialog_name: String::new(), kind: DialogType::Private, ..about.clone() };
        Occasion { content: Content::ContactRequest, ..Occasion::of(&message, &about) }
    }

    /// That `sender` calls.
    pub fn of_call(sender: u64, call: CallKind, about: &About) -> Occasion {
        Occasion { content: Content::Call, call, ..Occasion::of_request(sender, about) }
    }

    /// A sample. What is wrong with it, if it is none.
    pub fn of_sample(sample: &Sample) -> Result<Occasion, &'static str> {
        if !is_message(sample.content()) {
            let about = About { name: sample.sender_name.clone(), unread: sample.unread, ..About::default() };
            return Ok(match sample.content() {
                Content::Call => Occasion::of_call(sample.sender, sample.call(), &about),
                _ => Occasion::of_request(sample.sender, &about),
            });
        }
        let extension = match sample.extension.as_str() {
            "" => Vec::new(),
            text => match serde_json::from_str(text) {
                Ok(Value::Object(keys)) => keys.into_iter().collect(),
                _ => return Err("is no JSON object"),
            },
        };
        Ok(Occasion {
            sender: sample.sender,
            sender_name: beginning(&sample.sender_name, NAME_BYTES_MAX),
            dialog: "0".repeat(24),
            dialog_name: beginning(&sample.dialog_name, NAME_BYTES_MAX),
            kind: match sample.dialog() {
                DialogType::Unspecified => DialogType::Private,
                kind => kind,
            },
            text: beginning(&sample.text, TEXT_BYTES_MAX),
            content: content_of(&sample.attachments),
            attachments: sample.attachments.clone(),
            unread: sample.unread,
            extension,
            call: CallKind::Unspecified,
        })
    }

    /// What may leave of it.
    pub fn within(self, privacy: Privacy) -> Occasion {
        let without_text = Occasion { text: String::new(), attachments: Vec::new(), extension: Vec::new(), ..self.clone() };
        match privacy {
            Privacy::Unspecified | Privacy::Text => self,
            Privacy::Sender => without_text,
            Privacy::Nothing => Occasion {
                sender: 0,
                sender_name: String::new(),
                dialog_name: String::new(),
                call: CallKind::Unspecified,
                ..without_text
            },
        }
    }
}

/// As settings name it.
pub fn type_of(kind: DialogKind) -> DialogType {
    match kind {
        DialogKind::Unspecified => DialogType::Unspecified,
        DialogKind::Private => DialogType::Private,
        DialogKind::Group => DialogType::Group,
        DialogKind::Public | DialogKind::Broadcast => DialogType::Public,
    }
}

/// Whether it is in a dialog.
pub fn is_message(content: Content) -> bool {
    !matches!(content, Content::Call | Content::ContactRequest)
}

fn content_of(attachments: &[String]) -> Content {
    if attachments.is_empty() { Content::Text } else { Content::Attachment }
}

/// What was attached (contract rest 5.1), in one word for each kind that apps tell apart.
fn kind_of(attachment: &Attachment) -> String {
    let kind = attachment.attributes.iter().find(|attribute| attribute.name == "type");
    let word = match kind.map_or("", |kind| kind.value.as_str()) {
        "photo" | "image" => "photo",
        "video" => "video",
        "audio" | "voice" => "audio",
        "location" => "location",
        _ => "attachment",
    };
    word.to_owned()
}

fn key_of(extension: &Extension) -> Option<(String, Value)> {
    let value = match extension.value.as_ref()? {
        Said::Text(text) => json!(text),
        Said::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Said::Nested(_) => return None,
    };
    Some((extension.key.clone(), value))
}

fn beginning(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::event::v1::{Attribute, Nested};

    use super::*;

    #[test]
    fn a_message_is_told_by_its_text_its_attachments_and_the_keys_of_the_app() {
        let said = |key: &str, value| Extension { key: key.into(), value: Some(value), ..Extension::default() };
        let extensions = vec![
            said("mood", Said::Text("5".into())),
            said("deep", Said::Nested(Nested::default())),
            said("typed", Said::Json("{\"a\":1}".into())),
        ];
        let message = Message { sender: 34, body: Some("hi".into()), extensions, ..Message::default() };
        let told = Occasion::of(&message, &About { name: "Romeo".into(), unread: 7, ..About::default() });
        assert_eq!((told.text.as_str(), told.sender_name.as_str(), told.unread), ("hi", "Romeo", 7));
        assert_eq!(json!(told.extension), json!([["mood", "5"], ["typed", {"a": 1}]]));
        assert_eq!(told.content, Content::Text);
        let kinds = ["image", "voice", "video", "location", "pdf"];
        let attachments =
            kinds.map(|kind| Attachment { attributes: vec![Attribute { name: "type".into(), value: kind.into() }] }).to_vec();
        let told = Occasion::of(&Message { attachments, ..message }, &About::default());
        assert_eq!(told.attachments, ["photo", "audio", "video", "location", "attachment"]);
        assert_eq!(told.content, Content::Attachment, "also with a text");
    }

    #[test]
    fn what_is_longer_than_any_provider_carries_is_cut_at_a_character() {
        let message = Message { body: Some("ü".repeat(9_000)), ..Message::default() };
        let told = Occasion::of(&message, &About { name: format!("x{}", "ü".repeat(300)), ..About::default() });
        assert_eq!(told.text, "ü".repeat(4_096));
        assert_eq!(told.sender_name.len(), 511);
    }

    #[test]
    fn a_contact_request_is_told_by_who_asks_alone() {
        let sample = Sample {
            content: Content::ContactRequest.into(),
            sender: 34,
            sender_name: "Romeo".into(),
            dialog_name: "Verona".into(),
            text: "hi".into(),
            attachments: vec!["photo".into()],
            unread: 7,
            ..Sample::default()
        };
        let about = About { name: "Romeo".into(), unread: 7, dialog: "aa".into(), ..About::default() };
        let told = Occasion::of_sample(&sample).unwrap();
        assert_eq!(told, Occasion::of_request(34, &about));
        assert_eq!((told.content, told.sender_name.as_str(), told.unread), (Content::ContactRequest, "Romeo", 7));
        assert_eq!((told.dialog.as_str(), told.text.as_str(), told.attachments.len()), ("", "", 0));
        let bare = told.within(Privacy::Nothing);
        assert_eq!((bare.sender, bare.sender_name.as_str(), bare.content), (0, "", Content::ContactRequest));
    }

    #[test]
    fn a_call_is_told_by_who_calls_and_its_kind() {
        let video = CallKind::Video;
        let sample = Sample {
            content: Content::Call.into(),
            sender: 34,
            sender_name: "Romeo".into(),
            call: video.into(),
            ..Sample::default()
        };
        let about = About { name: "Romeo".into(), dialog: "aa".into(), ..About::default() };
        let told = Occasion::of_call(34, video, &about);
        assert_eq!(Occasion::of_sample(&sample).unwrap(), told);
        assert_eq!(
            (told.content, told.call, told.sender_name.as_str(), told.dialog.as_str()),
            (Content::Call, video, "Romeo", "")
        );
        assert_eq!(told.clone().within(Privacy::Sender), told);
        let bare = told.within(Privacy::Nothing);
        assert_eq!((bare.sender, bare.sender_name.as_str(), bare.call), (0, "", CallKind::Unspecified));
        let message = Sample { content: Content::Unspecified.into(), ..sample };
        assert_eq!(Occasion::of_sample(&message).unwrap().call, CallKind::Unspecified);
    }

    #[test]
    fn what_may_not_leave_is_not_there() {
        let sample = Sample {
            dialog: DialogType::Group.into(),
            sender: 34,
            sender_name: "Romeo".into(),
            dialog_name: "Verona".into(),
            text: "hi".into(),
            attachments: vec!["photo".into()],
            unread: 7,
            extension: r#"{"mood": 5}"#.into(),
            ..Sample::default()
        };
        let whole = Occasion::of_sample(&sample).unwrap();
        assert_eq!((whole.extension.len(), whole.kind), (1, DialogType::Group));
        for all in [Privacy::Text, Privacy::Unspecified] {
            assert_eq!(whole.clone().within(all), whole);
        }
        let sender = whole.clone().within(Privacy::Sender);
        let bare = Occasion { text: String::new(), attachments: vec![], extension: vec![], ..whole };
        assert_eq!(sender, bare);
        let nothing = Occasion { sender: 0, sender_name: String::new(), dialog_name: String::new(), ..bare };
        assert_eq!(sender.within(Privacy::Nothing), nothing);
        for wrong in ["[1]", "{", "5"] {
            assert!(Occasion::of_sample(&Sample { extension: wrong.into(), ..sample.clone() }).is_err());
        }
    }
}
