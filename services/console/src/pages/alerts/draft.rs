//! Alert settings as a form has them: what stands in its fields, what that means to the push service, and at which field and line
//! a refusal belongs. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{DialogType, Privacy, Settings, Template};

use super::editor::{ANY, DIALOGS, Editor};
use super::sample::SampleFields;
use crate::error::Refusal;
use crate::pages::form::Entered;

const PRIVACIES: [(&str, Privacy); 3] = [("text", Privacy::Text), ("sender", Privacy::Sender), ("nothing", Privacy::Nothing)];
/// No two variants are for the same: more than these are none that a page sent.
const VARIANTS_MAX: usize = 13;

/// The settings in the fields of a form.
pub struct Draft {
    pub is_on: bool,
    /// Also of calls.
    pub has_calls: bool,
    pub privacy: &'static str,
    /// By [`DIALOGS`]: whether there are alerts of such.
    pub dialogs: [bool; DIALOGS.len()],
    /// The template of all other alerts first, then the variants.
    pub editors: Vec<Editor>,
    pub sample: SampleFields,
    pub wrong: Option<Wrong>,
}

/// What was refused.
pub struct Wrong {
    /// The id of the field; empty: it is about no field of the form.
    pub id: String,
    pub sentence: String,
    /// The line of the source that is wrong, from 1, and what stands there.
    pub line: Option<(usize, String)>,
}

impl Draft {
    /// The fields of what is in force. `built_in` stands where an app has no template of its own.
    pub fn of(settings: &Settings, built_in: &Template) -> Draft {
        let is_taken = |kind: DialogType| settings.dialogs.is_empty() || settings.dialogs().any(|taken| taken == kind);
        let own = Editor::of("template".to_owned(), settings.template.as_ref().unwrap_or(built_in));
        let variants = settings.variants.iter().enumerate();
        let variants = variants.map(|(place, variant)| Editor::of_variant(prefix(place), variant));
        Draft {
            is_on: !settings.off,
            has_calls: settings.calls,
            privacy: PRIVACIES.iter().find(|(_, privacy)| *privacy == settings.privacy()).map_or("text", |(word, _)| word),
            dialogs: DIALOGS.map(|(_, kind, _)| is_taken(kind)),
            editors: std::iter::once(own).chain(variants).collect(),
            sample: SampleFields::ours(),
            wrong: None,
        }
    }

    /// The fields as they were sent.
    pub fn entered(entered: &Entered) -> Draft {
        let variants = (0..VARIANTS_MAX).map(prefix).take_while(|prefix| entered.has(&format!("{prefix}-body")));
        let variants = variants.map(|prefix| Editor { is_variant: true, ..Editor::entered(prefix, entered) });
        let own = Editor::entered("template".to_owned(), entered);
        let privacy = entered.text("privacy");
        Draft {
            is_on: entered.is_on("enabled"),
            has_calls: entered.is_on("calls"),
            privacy: PRIVACIES.iter().find(|(word, _)| *word == privacy).map_or("text", |(word, _)| word),
            dialogs: DIALOGS.map(|(word, ..)| entered.is_on(&format!("dialog-{word}"))),
            editors: std::iter::once(own).chain(variants).collect(),
            sample: SampleFields::entered(entered),
            wrong: None,
        }
    }

    /// What the fields mean. A template that is the built-in one is none of the app's own.
    ///
    /// # Errors
    /// No type of dialogs was chosen.
    pub fn settings(&self, built_in: &Template) -> Result<Settings, Refusal> {
        if self.dialogs == [false; DIALOGS.len()] {
            return Err(Refusal::malformed("dialogs", "need one type at least; to alert of none, switch alerts off"));
        }
        let is_all = self.dialogs == [true; DIALOGS.len()];
        let taken = DIALOGS.iter().zip(self.dialogs).filter(|(_, is_taken)| *is_taken && !is_all);
        let own = self.editors.iter().find(|editor| !editor.is_variant).map(Editor::template);
        let is_built_in = |template: &Template| {
            Editor::of(String::new(), template).template() == Editor::of(String::new(), built_in).template()
        };
        Ok(Settings {
            off: !self.is_on,
            privacy: PRIVACIES.iter().find(|(word, _)| *word == self.privacy).map_or(0, |(_, privacy)| (*privacy).into()),
            dialogs: taken.map(|((_, kind, _), _)| (*kind).into()).collect(),
            template: own.filter(|template| !is_built_in(template)),
            variants: self.editors.iter().filter(|editor| editor.is_variant).map(Editor::variant).collect(),
            calls: self.has_calls,
        })
    }

    /// One more variant: the first that there is none of, as all other alerts look.
    pub fn add(&mut self) {
        let named =
            |dialog, content| move |editor: &Editor| editor.is_variant && (editor.dialog, editor.content) == (dialog, content);
        let contents = [ANY, "attachment", "text"];
        let all = contents.into_iter().flat_map(|content| ["group", "public", "private", ANY].map(|dialog| (dialog, content)));
        let others = ["contact_request", "call"].map(|content| (ANY, content));
        let mut free = all
            .chain(others)
            .filter(|(dialog, content)| (*dialog, *content) != (ANY, ANY) && !self.editors.iter().any(named(*dialog, *content)));
        if let (Some((dialog, content)), Some(own)) = (free.next(), self.editors.first().cloned()) {
            self.editors.push(Editor { dialog, content, is_variant: true, is_open: true, ..own });
            self.number();
        }
    }

    /// One variant fewer.
    pub fn remove(&mut self, prefix: &str) {
        self.editors.retain(|editor| !editor.is_variant || editor.prefix != prefix);
        self.number();
    }

    pub fn is_full(&self) -> bool {
        self.editors.len() > VARIANTS_MAX
    }

    fn number(&mut self) {
        let variants = self.editors.iter_mut().filter(|editor| editor.is_variant);
        variants.enumerate().for_each(|(place, editor)| editor.prefix = prefix(place));
    }

    /// Puts a refusal at its field, and at its line.
    pub fn refuse(&mut self, refusal: &Refusal) {
        let (field, text) = (refusal.field(), refusal.to_string());
        let place = place_of(field).filter(|(number, _)| *number < self.editors.len());
        let mut wrong = match (place, field) {
            (Some((number, part)), _) => {
                let editor = &mut self.editors[number];
                editor.is_open = true;
                let label = Editor::label(part);
                let label = if editor.is_variant { format!("{label} for {}", editor.name()) } else { label.to_owned() };
                let line = line_of(&text).and_then(|line| Some((line, editor.source(part)?.lines().nth(line - 1)?.to_owned())));
                Wrong { id: editor.id(part), sentence: said(&label, &text), line }
            }
            (None, "privacy") => Wrong { id: "privacy-text".into(), sentence: said("What may leave", &text), line: None },
            (None, "dialogs") => Wrong { id: "dialog-private".into(), sentence: said("The dialogs", &text), line: None },
            (None, field) => match SampleFields::label(field) {
                Some(label) => Wrong { id: SampleFields::id(field), sentence: said(label, &text), line: None },
                None => Wrong { id: String::new(), sentence: crate::pages::form::sentence(refusal), line: None },
            },
        };
        if wrong.id.is_empty() {
            wrong.line = None;
        }
        self.wrong = Some(wrong);
    }

    /// Types of dialogs: as they are sent, in words, and whether there are alerts of such.
    pub fn taken(&self) -> Vec<(&'static str, &'static str, bool)> {
        DIALOGS.iter().zip(self.dialogs).map(|((word, _, words), is_taken)| (*word, *words, is_taken)).collect()
    }

    /// The id of the field that was refused; empty: none was.
    pub fn wrong_id(&self) -> &str {
        self.wrong.as_ref().map_or("", |wrong| &wrong.id)
    }

    /// What is said of it.
    pub fn sentence(&self) -> &str {
        self.wrong.as_ref().map_or("", |wrong| &wrong.sentence)
    }

    /// Whether this field was refused.
    pub fn is_wrong(&self, id: &str) -> bool {
        self.wrong.as_ref().is_some_and(|wrong| wrong.id == id)
    }
}

fn prefix(place: usize) -> String {
    format!("variant{place}")
}

/// Which editor is meant, and which of its fields, by a name such as `variants[1].template.body`.
fn place_of(field: &str) -> Option<(usize, &str)> {
    if let Some(part) = field.strip_prefix("template.") {
        return Some((0, part));
    }
    let (number, part) = field.strip_prefix("variants[")?.split_once("].")?;
    Some((number.parse::<usize>().ok()?.checked_add(1)?, part.strip_prefix("template.").unwrap_or(part)))
}

/// The line that an error begins with: `line 2: ...`.
fn line_of(text: &str) -> Option<usize> {
    let (line, _) = text.strip_prefix("line ")?.split_once(':')?;
    line.parse().ok().filter(|line| *line > 0)
}

fn said(label: &str, text: &str) -> String {
    let joint = if line_of(text).is_some() { "," } else { "" };
    format!("{label}{joint} {}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::push::v1::{Content, Priority, Variant};

    use super::*;

    fn template(body: &str) -> Template {
        Template {
            title: "T".into(),
            body: body.into(),
            sound: "ding".into(),
            category: "C".into(),
            priority: Priority::Normal.into(),
        }
    }

    fn settings() -> Settings {
        let variant = |dialog: DialogType, content: Content, body: &str| Variant {
            dialog: dialog.into(),
            content: content.into(),
            template: Some(template(body)),
        };
        Settings {
            off: true,
            privacy: Privacy::Sender.into(),
            dialogs: vec![DialogType::Group.into(), DialogType::Public.into()],
            template: Some(template("one\ntwo")),
            variants: vec![
                variant(DialogType::Group, Content::Attachment, "a"),
                variant(DialogType::Unspecified, Content::Text, "b\n{{ x }}"),
            ],
            calls: true,
        }
    }

    // What a browser sends of the fields of a draft.
    fn sent(draft: &Draft) -> Entered {
        let mut pairs = vec![("privacy".to_owned(), draft.privacy.to_owned())];
        let mut on = |name: String, is_on: bool| pairs.extend(is_on.then(|| (name, "on".to_owned())));
        on("enabled".into(), draft.is_on);
        on("calls".into(), draft.has_calls);
        DIALOGS.iter().zip(draft.dialogs).for_each(|((word, ..), is_on)| on(format!("dialog-{word}"), is_on));
        for editor in &draft.editors {
            let priority = if editor.is_high { "high" } else { "normal" };
            let body = editor.body.replace('\n', "\r\n");
            for (part, value) in [
                ("dialog", editor.dialog),
                ("content", editor.content),
                ("title", &editor.title),
                ("body", &body),
                ("sound", &editor.sound),
                ("category", &editor.category),
                ("priority", priority),
            ] {
                pairs.push((editor.id(part), value.to_owned()));
            }
        }
        Entered::of(pairs)
    }

    #[test]
    fn what_is_in_force_comes_back_from_its_fields_as_it_was() {
        for settings in [settings(), Settings { privacy: Privacy::Text.into(), ..Settings::default() }] {
            let built_in = template("built in");
            let draft = Draft::of(&settings, &built_in);
            assert_eq!(draft.settings(&built_in).unwrap(), settings);
            assert_eq!(Draft::entered(&sent(&draft)).settings(&built_in).unwrap(), settings);
        }
    }

    #[test]
    fn the_built_in_template_is_no_template_of_ones_own_however_it_says_its_sound() {
        let built_in = Template { sound: String::new(), ..template("built in") };
        let settings =
            Settings { template: Some(Template { sound: "default".into(), ..built_in.clone() }), ..Settings::default() };
        assert_eq!(Draft::of(&settings, &built_in).settings(&built_in).unwrap().template, None);
    }

    #[test]
    fn alerts_of_no_type_at_all_are_refused_and_of_all_types_are_of_all() {
        let built_in = Template::default();
        let mut draft = Draft::of(&settings(), &built_in);
        draft.dialogs = [false; 3];
        let refusal = draft.settings(&built_in).unwrap_err();
        draft.refuse(&refusal);
        assert!(draft.is_wrong("dialog-private"));
        draft.dialogs = [true; 3];
        assert!(draft.settings(&built_in).unwrap().dialogs.is_empty());
    }

    #[test]
    fn variants_are_added_until_there_is_none_left_and_removed_with_the_others_moving_up() {
        let built_in = template("x");
        let mut draft = Draft::of(&Settings::default(), &built_in);
        for _ in 0..20 {
            draft.add();
        }
        assert!(draft.is_full());
        let variants = draft.settings(&built_in).unwrap().variants;
        let mut named: Vec<_> = variants.iter().map(|variant| (variant.dialog, variant.content)).collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!((variants.len(), named.len(), named.contains(&(0, 0))), (13, 13, false));
        assert!(variants.iter().all(|of| of.dialog == 0 || of.content < 3), "calls and contact requests are in no dialog");
        assert!(variants.iter().all(|variant| variant.template == Some(template("x"))));
        let second = draft.editors[2].name();
        draft.remove("variant0");
        assert_eq!((draft.editors.len(), draft.editors[1].name(), draft.editors[1].prefix.as_str()), (13, second, "variant0"));
        draft.remove("template");
        assert_eq!(draft.editors.len(), 13, "that of all other alerts stays");
    }

    #[test]
    fn a_refusal_is_put_at_its_field_and_its_line() {
        for (field, text, id, sentence, line) in [
            (
                "template.body",
                "line 2: undefined value: two",
                "template-body",
                "Body, line 2: undefined value: two.",
                Some((2, "two")),
            ),
            ("template.body", "line 9: x", "template-body", "Body, line 9: x.", None),
            ("template.sound", "is invalid", "template-sound", "Sound is invalid.", None),
            ("variants[1].template.body", "line 2: x", "variant1-body", "Body for texts, line 2: x.", Some((2, "{{ x }}"))),
            (
                "variants[0].dialog",
                "and content are those",
                "variant0-dialog",
                "Type of dialog for attachments in groups and content are those.",
                None,
            ),
            ("variants[7].template.body", "line 2: x", "", "Variants[7].template.body line 2: x.", None),
            ("extension", "is no JSON object", "sample-extension", "Keys of the app is no JSON object.", None),
            ("", "busy", "", "Busy.", None),
        ] {
            let mut draft = Draft::of(&settings(), &Template::default());
            draft.refuse(&Refusal::malformed(field, text));
            let wrong = draft.wrong.as_ref().unwrap();
            let shown = wrong.line.as_ref().map(|(line, text)| (*line, text.as_str()));
            assert_eq!((wrong.id.as_str(), wrong.sentence.as_str(), shown), (id, sentence, line), "{field}");
            assert!(id.is_empty() || draft.is_wrong(id));
            assert!(draft.editors.iter().all(|editor| !editor.is_open || id.starts_with(&editor.prefix)), "{field}");
        }
    }
}
