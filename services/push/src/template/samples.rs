//! What a template is tried on before it is kept: each type of dialog and each content that it can meet, with and without what may
//! be missing.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::{Content, DialogType};

use crate::occasion::{Occasion, is_message};

pub struct Sample {
    /// What it is, in words.
    pub name: String,
    pub occasion: Occasion,
}

/// A message in words; the kinds of what is attached to it, and whether something is said beside.
const CONTENTS: [(&str, &[&str], bool); 4] = [
    ("a text", &[], true),
    ("a photo with a text", &["photo"], true),
    ("a photo without a text", &["photo"], false),
    ("two attachments without a text", &["photo", "video"], false),
];

/// The calls there are.
const CALLS: [(&str, CallKind); 3] =
    [("a call", CallKind::Unspecified), ("an audio call", CallKind::Audio), ("a video call", CallKind::Video)];

/// Samples for a template of this type and content. `keys`: those of the app that it may ask for; no message has to have them.
pub fn of(dialog: DialogType, content: Content, keys: &[String]) -> Vec<Sample> {
    if is_message(content) {
        return of_messages(dialog, content, keys).collect();
    }
    let kinds: &[(&str, CallKind)] = match content {
        Content::Call => &CALLS,
        _ => &[("a contact request", CallKind::Unspecified)],
    };
    let sample = |(words, call): &(&str, CallKind), is_full: bool| {
        let bare = sample(DialogType::Private, ("", &[], false), &[], is_full);
        let name = format!("{words}, {}", if is_full { "with a name" } else { "without a name" });
        Sample { name, occasion: Occasion { content, call: *call, dialog: String::new(), ..bare.occasion } }
    };
    kinds.iter().flat_map(|kind| [true, false].map(|is_full| sample(kind, is_full))).collect()
}

fn of_messages(dialog: DialogType, content: Content, keys: &[String]) -> impl Iterator<Item = Sample> {
    let kinds = [DialogType::Private, DialogType::Group, DialogType::Public].into_iter();
    let kinds = kinds.filter(move |kind| matches!(dialog, DialogType::Unspecified) || *kind == dialog);
    let contents = CONTENTS.into_iter().filter(move |(_, attachments, _)| match content {
        Content::Unspecified | Content::Call | Content::ContactRequest => true,
        Content::Text => attachments.is_empty(),
        Content::Attachment => !attachments.is_empty(),
    });
    let keys: Vec<(String, serde_json::Value)> = keys.iter().map(|key| (key.clone(), "5".into())).collect();
    kinds.flat_map(move |kind| {
        let keys = keys.clone();
        contents.clone().flat_map(move |content| [true, false].map(|is_full| sample(kind, content, &keys, is_full)))
    })
}

fn sample(
    kind: DialogType,
    (words, attachments, says): (&str, &[&str], bool),
    keys: &[(String, serde_json::Value)],
    is_full: bool,
) -> Sample {
    let place = match kind {
        DialogType::Unspecified | DialogType::Private => "a private dialog",
        DialogType::Group => "a group",
        DialogType::Public => "a public dialog",
    };
    let names = if is_full { "with all names and keys" } else { "without names and keys" };
    let text = |text: &str| if is_full { text.to_owned() } else { String::new() };
    let occasion = Occasion {
        sender: 34,
        sender_name: text("Romeo"),
        dialog: "5356c64ab35c12bd3b108a41".to_owned(),
        dialog_name: if kind == DialogType::Private { String::new() } else { text("Verona") },
        kind,
        text: if says { "But soft, what light?".to_owned() } else { String::new() },
        content: if attachments.is_empty() { Content::Text } else { Content::Attachment },
        attachments: attachments.iter().map(|kind| (*kind).to_owned()).collect(),
        unread: if is_full { 3 } else { 0 },
        extension: if is_full { keys.to_vec() } else { Vec::new() },
        call: CallKind::Unspecified,
    };
    Sample { name: format!("{words} in {place}, {names}"), occasion }
}
