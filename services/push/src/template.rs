//! What an alert says: the templates of an app, and the built-in one. Small sources of minijinja, written by tenants.
//!
//! [`mod@script`] runs one source within bounds, [`mod@variables`] is what it sees, [`mod@samples`] is what it is tried on before it
//! is kept.
//!
//! Invariants:
//! - A source costs a bounded time and a bounded memory, whatever is in it. It reads nothing but its variables.
//! - There is always something to say: where a template breaks, or says nothing, the built-in one stands in.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod samples;
mod script;
mod variables;

use natter_proto::push::v1::{Content, DialogType, Priority, Privacy, Settings, Template, Variant};

use self::script::{Fault, Script};
use crate::occasion::{Occasion, is_message};

/// Bytes of a source.
const TITLE_SOURCE_MAX: usize = 1_024;
const BODY_SOURCE_MAX: usize = 4_096;
/// Bytes of what it says. What is over is cut; providers carry less.
const TITLE_BYTES_MAX: usize = 512;
const BODY_BYTES_MAX: usize = 8 * 1_024;
/// Bytes of a plain word.
const WORD_BYTES_MAX: usize = 128;

/// Of an app without templates, and of one whose template broke.
const BUILT_IN_TITLE: &str = "{% if dialog.type != 'private' %}{{ dialog.name }}{% endif %}";
const BUILT_IN_BODY: &str = "{% if sender.name %}{{ sender.name }}: {% endif %}\
{% if text %}{{ text }}\
{% elif attachment.count > 1 %}{{ attachment.count }} attachments\
{% elif attachment.count %}{{ attachment.kind|capitalize }}\
{% else %}New message{% endif %}";
/// Of a call, and of a contact request: an app's words for messages do not fit them.
const BUILT_IN_CALL: &str = "{% if sender.name %}{{ sender.name }} is calling{% else %}Incoming call{% endif %}";
const BUILT_IN_REQUEST: &str =
    "{% if sender.name %}{{ sender.name }} wants to be your contact{% else %}New contact request{% endif %}";
/// So many templates are built in.
const BUILT_INS: usize = 3;
/// What is said if nothing else can be.
const LAST_RESORT: &str = "New message";
const SOUND: &str = "default";

/// The templates of an app, ready to be used.
pub struct Templates {
    /// The built-in ones, the app's own if it has one, and its variants.
    all: Vec<Ready>,
}

/// One template. What could not be read breaks whenever it is used.
struct Ready {
    dialog: DialogType,
    content: Content,
    title: Result<Script, Fault>,
    body: Result<Script, Fault>,
    sound: String,
    category: Option<String>,
    high: bool,
}

/// What an alert says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saying {
    pub title: Option<String>,
    pub body: String,
    pub sound: String,
    pub category: Option<String>,
    pub high: bool,
    /// Why the built-in template stood in. Nothing of the message is in it.
    pub remark: Option<String>,
}

/// What is wrong with settings: where, and what.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {text}")]
pub struct Wrong {
    pub field: String,
    pub text: String,
}

/// The built-in template, as an app could put it.
pub fn built_in() -> Template {
    let (title, body, sound) = (BUILT_IN_TITLE.to_owned(), BUILT_IN_BODY.to_owned(), SOUND.to_owned());
    Template { title, body, sound, ..Template::default() }
}

impl Templates {
    pub fn new(settings: &Settings) -> Templates {
        let of_all = |template: Template| Variant { template: Some(template), ..Variant::default() };
        let says = |content: Content, body: &str| {
            let template = Template { title: String::new(), body: body.to_owned(), ..built_in() };
            Variant { content: content.into(), ..of_all(template) }
        };
        let built_ins: [Variant; BUILT_INS] =
            [of_all(built_in()), says(Content::Call, BUILT_IN_CALL), says(Content::ContactRequest, BUILT_IN_REQUEST)];
        let own = settings.template.clone().map(of_all);
        let all = built_ins.into_iter().chain(own).chain(settings.variants.iter().cloned());
        Templates { all: all.map(Ready::new).collect() }
    }

    /// What is to be said. Never fails.
    pub fn say(&self, occasion: &Occasion) -> Saying {
        let variables = variables::of(occasion);
        match chosen(&self.all, occasion).say(&variables) {
            Ok(saying) => saying,
            Err(fault) => Saying { remark: Some(fault.to_string()), ..self.built_in(occasion, &variables) },
        }
    }

    fn built_in(&self, occasion: &Occasion, variables: &minijinja::Value) -> Saying {
        chosen(&self.all[..BUILT_INS], occasion).say(variables).unwrap_or_else(|_| Saying {
            title: None,
            body: LAST_RESORT.to_owned(),
            sound: SOUND.to_owned(),
            category: None,
            high: true,
            remark: None,
        })
    }

    /// Tries every template on every sample that it can meet.
    pub fn check(&self, settings: &Settings) -> Result<(), Wrong> {
        let own = settings.template.iter().map(|_| "template".to_owned());
        let variants = (0..settings.variants.len()).map(|place| format!("variants[{place}].template"));
        for (ready, field) in self.all.iter().skip(BUILT_INS).zip(own.chain(variants)) {
            ready.check(&field, settings.privacy())?;
        }
        Ok(())
    }
}

/// The most special one: named by both, else by its content, else by the type, else the app's own, else the built-in one. Of what
/// is no message: only such as are named by its content.
fn chosen<'a>(all: &'a [Ready], occasion: &Occasion) -> &'a Ready {
    let Occasion { kind, content, .. } = occasion;
    let fits = |ready: &&Ready| match (ready.content, ready.dialog) {
        (named, _) if named == Content::Unspecified && !is_message(*content) => false,
        (named, _) if named != Content::Unspecified && named != *content => false,
        (_, dialog) => dialog == DialogType::Unspecified || dialog == *kind,
    };
    let special = |ready: &&Ready| (ready.content != Content::Unspecified, ready.dialog != DialogType::Unspecified);
    // Of equals the last: the app's own comes behind the built-in one.
    all.iter().filter(fits).max_by_key(special).unwrap_or(&all[0])
}

impl Ready {
    fn new(variant: Variant) -> Ready {
        let (dialog, content) = (variant.dialog(), variant.content());
        let template = variant.template.unwrap_or_default();
        let high = template.priority() != Priority::Normal;
        let Template { title, body, sound, category, .. } = template;
        Ready {
            dialog,
            content,
            title: Script::new(&title, TITLE_SOURCE_MAX),
            body: Script::new(&body, BODY_SOURCE_MAX),
            sound: if sound.is_empty() { SOUND.to_owned() } else { sound },
            category: Some(category).filter(|category| !category.is_empty()),
            high,
        }
    }

    fn say(&self, variables: &minijinja::Value) -> Result<Saying, Fault> {
        let title = self.title.as_ref().map_err(Fault::clone)?.run(variables, TITLE_BYTES_MAX)?;
        let body = self.body.as_ref().map_err(Fault::clone)?.run(variables, BODY_BYTES_MAX)?;
        if body.trim().is_empty() {
            return Err(Fault::nothing_said());
        }
        Ok(Saying {
            title: Some(title.trim().to_owned()).filter(|title| !title.is_empty()),
            body: body.trim().to_owned(),
            sound: self.sound.clone(),
            category: self.category.clone(),
            high: self.high,
            remark: None,
        })
    }

    fn check(&self, field: &str, privacy: Privacy) -> Result<(), Wrong> {
        let wrong = |part: &str, text: String| Wrong { field: format!("{field}.{part}"), text };
        let title = self.title.as_ref().map_err(|fault| wrong("title", fault.told()))?;
        let body = self.body.as_ref().map_err(|fault| wrong("body", fault.told()))?;
        word(&self.sound).map_err(|text| wrong("sound", text))?;
        word(self.category.as_deref().unwrap_or_default()).map_err(|text| wrong("category", text))?;
        let keys: Vec<String> = title.extension_keys().into_iter().chain(body.extension_keys()).collect();
        for sample in samples::of(self.dialog, self.content, &keys) {
            let variables = variables::of(&sample.occasion.within(privacy));
            let tried = |fault: &Fault| format!("{} (tried on {})", fault.told(), sample.name);
            title.run(&variables, TITLE_BYTES_MAX).map_err(|fault| wrong("title", tried(&fault)))?;
            let said = body.run(&variables, BODY_BYTES_MAX).map_err(|fault| wrong("body", tried(&fault)))?;
            if said.trim().is_empty() {
                return Err(wrong("body", tried(&Fault::nothing_said())));
            }
        }
        Ok(())
    }
}

fn word(text: &str) -> Result<(), String> {
    if text.len() > WORD_BYTES_MAX {
        return Err(format!("is too long (maximum is {WORD_BYTES_MAX} bytes)"));
    }
    if text.chars().any(char::is_control) {
        return Err("is invalid".to_owned());
    }
    Ok(())
}

#[cfg(test)]
#[path = "template/tests.rs"]
mod tests;
