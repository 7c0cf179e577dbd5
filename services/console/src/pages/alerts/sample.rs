//! The message that a preview and a test are made of, as a form has it. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Sample;

use super::editor::{CONTENTS, DIALOGS};
use crate::error::Refusal;
use crate::pages::form::Entered;

/// Whose the message is. Templates see it as `sender.id`.
const SENDER: u64 = 34;
/// What it is, if it is no message: as fields say it, in words.
const OTHERS: [(&str, &str); 3] =
    [("contact_request", "a contact request"), ("call", "a video call"), ("audio_call", "an audio call")];
const MESSAGE: &str = "message";
/// Attachments of a sample. A message has no more in earnest.
const ATTACHMENTS_MAX: usize = 10;

/// The fields, as they are shown.
pub struct SampleFields {
    pub content: &'static str,
    pub dialog: &'static str,
    pub sender_name: String,
    pub dialog_name: String,
    pub text: String,
    /// Kinds, with spaces between them.
    pub attachments: String,
    pub unread: String,
    /// The keys of the app: a JSON object, or nothing.
    pub extension: String,
}

impl SampleFields {
    /// A message as people write them.
    pub fn ours() -> SampleFields {
        SampleFields {
            content: MESSAGE,
            dialog: "private",
            sender_name: "Romeo".to_owned(),
            dialog_name: "Verona".to_owned(),
            text: "But soft, what light through yonder window breaks?".to_owned(),
            attachments: String::new(),
            unread: "3".to_owned(),
            extension: String::new(),
        }
    }

    /// What was entered; without any of it, ours.
    pub fn entered(entered: &Entered) -> SampleFields {
        if !entered.has("sample-text") {
            return SampleFields::ours();
        }
        let text = |field: &str| entered.text(&format!("sample-{field}")).to_owned();
        let (content, dialog) = (text("content"), text("dialog"));
        SampleFields {
            content: OTHERS.iter().find(|(word, _)| *word == content).map_or(MESSAGE, |(word, _)| word),
            dialog: DIALOGS.iter().find(|(word, ..)| *word == dialog).map_or("private", |(word, ..)| word),
            sender_name: text("sender_name"),
            dialog_name: text("dialog_name"),
            text: entered.raw("sample-text").replace("\r\n", "\n"),
            attachments: text("attachments"),
            unread: text("unread"),
            extension: text("extension"),
        }
    }

    /// The message. In a private dialog the dialog has no name.
    ///
    /// # Errors
    /// A number that is none, or too many attachments.
    pub fn sample(&self) -> Result<Sample, Refusal> {
        let attachments: Vec<String> =
            self.attachments.split([' ', ',']).filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
        if attachments.len() > ATTACHMENTS_MAX {
            return Err(Refusal::malformed("attachments", format!("are too many (maximum is {ATTACHMENTS_MAX})")));
        }
        let unread = match self.unread.as_str() {
            "" => 0,
            digits => digits.parse().map_err(|_| Refusal::malformed("unread", "must be a whole number"))?,
        };
        let (content, call) = match self.content {
            "audio_call" => ("call", CallKind::Audio),
            "call" => ("call", CallKind::Video),
            content => (content, CallKind::Unspecified),
        };
        Ok(Sample {
            dialog: DIALOGS.iter().find(|(word, ..)| *word == self.dialog).map_or(0, |(_, kind, _)| (*kind).into()),
            sender: SENDER,
            sender_name: self.sender_name.clone(),
            dialog_name: if self.dialog == "private" { String::new() } else { self.dialog_name.clone() },
            text: self.text.clone(),
            attachments,
            unread,
            extension: self.extension.clone(),
            content: CONTENTS.iter().find(|(word, ..)| *word == content).map_or(0, |(_, kind, _)| (*kind).into()),
            call: call.into(),
        })
    }

    /// As people call the field that a refusal names.
    pub fn label(field: &str) -> Option<&'static str> {
        match field {
            "attachments" => Some("Attachments"),
            "unread" => Some("Unread messages"),
            "extension" => Some("Keys of the app"),
            _ => None,
        }
    }

    pub fn id(field: &str) -> String {
        format!("sample-{field}")
    }

    /// What can be chosen: as it is sent, and in words.
    pub fn contents(&self) -> Vec<(&'static str, &'static str)> {
        std::iter::once((MESSAGE, "a message")).chain(OTHERS).collect()
    }

    pub fn dialogs(&self) -> Vec<(&'static str, &'static str)> {
        DIALOGS.map(|(word, _, words)| (word, words)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::push::v1::{Content, DialogType};

    use super::*;

    #[test]
    fn what_was_entered_is_the_message_and_what_is_no_number_is_named() {
        let pairs = |more: &[(&str, &str)]| {
            let text = ("sample-text".to_owned(), "a\r\nb".to_owned());
            Entered::of(
                std::iter::once(text)
                    .chain(more.iter().map(|(name, value)| (format!("sample-{name}"), (*value).to_owned())))
                    .collect(),
            )
        };
        let all = [
            ("dialog", "group"),
            ("sender_name", "R"),
            ("dialog_name", "V"),
            ("attachments", "photo, video"),
            ("unread", "7"),
            ("extension", "{}"),
        ];
        let sample = SampleFields::entered(&pairs(&all)).sample().unwrap();
        assert_eq!((sample.dialog(), sample.sender_name.as_str(), sample.dialog_name.as_str()), (DialogType::Group, "R", "V"));
        assert_eq!((sample.text.as_str(), sample.unread, sample.extension.as_str()), ("a\nb", 7, "{}"));
        assert_eq!(sample.attachments, ["photo", "video"]);
        assert_eq!(sample.content(), Content::Unspecified, "of a message it shows by itself");
        for (content, is, call) in [
            ("contact_request", Content::ContactRequest, CallKind::Unspecified),
            ("call", Content::Call, CallKind::Video),
            ("audio_call", Content::Call, CallKind::Audio),
            ("x", Content::Unspecified, CallKind::Unspecified),
        ] {
            let sample = SampleFields::entered(&pairs(&[("content", content)])).sample().unwrap();
            assert_eq!((sample.content(), sample.call()), (is, call));
        }
        for (field, value) in [("unread", "many"), ("unread", "-1"), ("attachments", "a a a a a a a a a a a")] {
            assert_eq!(SampleFields::entered(&pairs(&[(field, value)])).sample().unwrap_err().field(), field);
        }
        let ours = SampleFields::entered(&Entered::default()).sample().unwrap();
        assert_eq!((ours.sender_name.as_str(), ours.dialog_name.as_str()), ("Romeo", ""), "a private dialog has no name");
    }
}
