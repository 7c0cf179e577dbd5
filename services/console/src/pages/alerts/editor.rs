//! The fields of one template. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{Content, DialogType, Priority, Template, Variant};

use crate::pages::form::Entered;

/// Types of dialogs: as fields say them, as the push service knows them, as people read them.
pub const DIALOGS: [(&str, DialogType, &str); 3] = [
    ("private", DialogType::Private, "private dialogs"),
    ("group", DialogType::Group, "groups"),
    ("public", DialogType::Public, "public dialogs"),
];
/// Contents, in the same way. The last ones are no messages, and have no type of dialog.
pub const CONTENTS: [(&str, Content, &str); 4] = [
    ("text", Content::Text, "texts"),
    ("attachment", Content::Attachment, "attachments"),
    ("contact_request", Content::ContactRequest, "contact requests"),
    ("call", Content::Call, "calls"),
];
/// Whatever the type or the content is.
pub const ANY: &str = "any";

/// The fields of one template.
#[derive(Clone)]
pub struct Editor {
    /// What their names begin with.
    pub prefix: String,
    pub dialog: &'static str,
    pub content: &'static str,
    pub title: String,
    pub body: String,
    pub sound: String,
    pub category: String,
    pub is_high: bool,
    pub is_variant: bool,
    /// Shown unfolded: it was only just added, or something is wrong with it.
    pub is_open: bool,
}

impl Editor {
    /// Those of a template.
    pub fn of(prefix: String, template: &Template) -> Editor {
        let Template { title, body, sound, category, .. } = template.clone();
        let is_high = template.priority() != Priority::Normal;
        let sound = if sound.is_empty() { "default".to_owned() } else { sound };
        let (is_variant, is_open) = (false, false);
        Editor { prefix, dialog: ANY, content: ANY, title, body, sound, category, is_high, is_variant, is_open }
    }

    /// The fields of a variant.
    pub fn of_variant(prefix: String, variant: &Variant) -> Editor {
        let dialog = DIALOGS.iter().find(|(_, kind, _)| *kind == variant.dialog());
        let content = CONTENTS.iter().find(|(_, kind, _)| *kind == variant.content());
        Editor {
            dialog: dialog.map_or(ANY, |(word, ..)| word),
            content: content.map_or(ANY, |(word, ..)| word),
            is_variant: true,
            ..Editor::of(prefix, &variant.template.clone().unwrap_or_default())
        }
    }

    /// Those that were sent.
    pub fn entered(prefix: String, entered: &Entered) -> Editor {
        let text = |part: &str| entered.text(&format!("{prefix}-{part}"));
        // A browser ends the lines of a field as RFC 822 does; as sources, lines end as everywhere.
        let source = |part: &str| entered.raw(&format!("{prefix}-{part}")).replace("\r\n", "\n");
        let word = |part: &str, known: &[&'static str]| known.iter().find(|word| **word == text(part)).copied().unwrap_or(ANY);
        Editor {
            dialog: word("dialog", &DIALOGS.map(|(word, ..)| word)),
            content: word("content", &CONTENTS.map(|(word, ..)| word)),
            title: source("title"),
            body: source("body"),
            sound: text("sound").to_owned(),
            category: text("category").to_owned(),
            is_high: text("priority") != "normal",
            is_variant: false,
            is_open: entered.is_on(&format!("{prefix}-open")),
            prefix,
        }
    }

    /// What they mean.
    pub fn template(&self) -> Template {
        let priority = if self.is_high { Priority::High } else { Priority::Normal };
        let Editor { title, body, sound, category, .. } = self.clone();
        Template { title, body, sound, category, priority: priority.into() }
    }

    /// The same of a variant.
    pub fn variant(&self) -> Variant {
        let dialog = DIALOGS.iter().find(|(word, ..)| *word == self.dialog).map_or(0, |(_, kind, _)| (*kind).into());
        let content = CONTENTS.iter().find(|(word, ..)| *word == self.content).map_or(0, |(_, kind, _)| (*kind).into());
        Variant { dialog, content, template: Some(self.template()) }
    }

    /// The id and the name of one of its fields.
    pub fn id(&self, part: &str) -> String {
        format!("{}-{part}", self.prefix)
    }

    /// What it is for, in words.
    pub fn name(&self) -> String {
        let content = CONTENTS.iter().find(|(word, ..)| *word == self.content).map(|(.., words)| *words);
        let dialog = DIALOGS.iter().find(|(word, ..)| *word == self.dialog).map(|(.., words)| *words);
        match (content, dialog) {
            _ if !self.is_variant => "all other alerts".to_owned(),
            (Some(content), Some(dialog)) => format!("{content} in {dialog}"),
            (Some(words), None) | (None, Some(words)) => words.to_owned(),
            (None, None) => "nothing in particular".to_owned(),
        }
    }

    /// What people call a field.
    pub fn label(part: &str) -> &'static str {
        match part {
            "title" => "Title",
            "body" => "Body",
            "sound" => "Sound",
            "category" => "Category",
            "priority" => "Priority",
            "content" => "Content",
            _ => "Type of dialog",
        }
    }

    /// Its sources: the field, what it is called, how many lines are shown, and what stands in it.
    pub fn sources(&self) -> [(&'static str, &'static str, u8, &str); 2] {
        [("title", Editor::label("title"), 2, &self.title), ("body", Editor::label("body"), 5, &self.body)]
    }

    /// Its plain words, in the same way.
    pub fn words(&self) -> [(&'static str, &'static str, &str); 2] {
        [("sound", Editor::label("sound"), &self.sound), ("category", Editor::label("category"), &self.category)]
    }

    /// A source by its field.
    pub fn source(&self, part: &str) -> Option<&str> {
        match part {
            "title" => Some(&self.title),
            "body" => Some(&self.body),
            _ => None,
        }
    }

    /// What can be chosen of this: as it is sent, and in words.
    pub fn dialogs(&self) -> Vec<(&'static str, &'static str)> {
        std::iter::once((ANY, "any type")).chain(DIALOGS.map(|(word, _, words)| (word, words))).collect()
    }

    pub fn contents(&self) -> Vec<(&'static str, &'static str)> {
        std::iter::once((ANY, "any content")).chain(CONTENTS.map(|(word, _, words)| (word, words))).collect()
    }
}
