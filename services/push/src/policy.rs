//! The rules by which the alerts of an app are made: its settings, and their templates ready to be used.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{Content, DialogType, Priority, Privacy, Settings, Template, Variant};

use crate::occasion::{Occasion, is_message};
use crate::template::{Saying, Templates, Wrong};

/// What is in force for an app.
pub struct Policy {
    settings: Settings,
    templates: Templates,
}

impl Policy {
    pub fn new(settings: Settings) -> Policy {
        Policy { templates: Templates::new(&settings), settings }
    }

    /// One on settings that may be kept.
    ///
    /// # Errors
    /// The field that is wrong, and what is wrong with it.
    pub fn checked(settings: Settings) -> Result<Policy, Wrong> {
        let settings = check(settings)?;
        let policy = Policy::new(settings);
        policy.templates.check(&policy.settings)?;
        Ok(policy)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Nobody is alerted of anything but events.
    pub fn is_off(&self) -> bool {
        self.settings.off
    }

    /// Whether there are alerts of such dialogs.
    pub fn takes(&self, kind: DialogType) -> bool {
        self.settings.dialogs.is_empty() || self.settings.dialogs().any(|taken| taken == kind)
    }

    /// Whether there are alerts of calls.
    pub fn takes_calls(&self) -> bool {
        self.settings.calls
    }

    /// What may leave of an occasion, and what is said of it.
    pub fn say(&self, occasion: Occasion) -> (Occasion, Saying) {
        let occasion = occasion.within(self.settings.privacy());
        let saying = self.templates.say(&occasion);
        (occasion, saying)
    }
}

/// The settings as they are kept, their templates aside.
fn check(mut settings: Settings) -> Result<Settings, Wrong> {
    let wrong = |field: String, text: &str| Wrong { field, text: text.to_owned() };
    Privacy::try_from(settings.privacy).map_err(|_| wrong("privacy".into(), "is not one of text, sender, nothing"))?;
    settings.dialogs.sort_unstable();
    settings.dialogs.dedup();
    let is_type = |kind: &i32| DialogType::try_from(*kind).is_ok_and(|kind| kind != DialogType::Unspecified);
    if !settings.dialogs.iter().all(is_type) {
        return Err(wrong("dialogs".into(), "are not of private, group, public"));
    }
    if settings.template.as_ref().is_some_and(|template| !has_priority(template)) {
        return Err(wrong("template.priority".into(), "is not one of high, normal"));
    }
    for (place, variant) in settings.variants.iter().enumerate() {
        let wrong = |field: &str, text: &str| wrong(format!("variants[{place}].{field}"), text);
        let Variant { dialog, content, template } = variant;
        let dialog = DialogType::try_from(*dialog).map_err(|_| wrong("dialog", "is not one of private, group, public"))?;
        let content =
            Content::try_from(*content).map_err(|_| wrong("content", "is not one of text, attachment, call, contact_request"))?;
        let template = template.as_ref().ok_or_else(|| wrong("template", "is required"))?;
        if !has_priority(template) {
            return Err(wrong("template.priority", "is not one of high, normal"));
        }
        if (dialog, content) == (DialogType::Unspecified, Content::Unspecified) {
            return Err(wrong("dialog", "or content is required"));
        }
        if !is_message(content) && dialog != DialogType::Unspecified {
            return Err(wrong("dialog", "is of messages only"));
        }
        // So there are thirteen at most.
        let is_same = |other: &Variant| (other.dialog, other.content) == (variant.dialog, variant.content);
        if settings.variants[..place].iter().any(is_same) {
            return Err(wrong("dialog", "and content are those of an earlier variant"));
        }
    }
    Ok(settings)
}

fn has_priority(template: &Template) -> bool {
    Priority::try_from(template.priority).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::push::v1::Sample;

    use super::*;

    #[test]
    fn settings_that_cannot_mean_anything_are_refused_by_field() {
        let variant = |dialog: i32, content: i32| Variant { dialog, content, template: Some(says("x")) };
        let of = |variants: Vec<Variant>| Settings { variants, ..Settings::default() };
        let odd = Template { priority: 9, ..says("x") };
        for (settings, field) in [
            (Settings { privacy: 9, ..Settings::default() }, "privacy"),
            (Settings { dialogs: vec![1, 0], ..Settings::default() }, "dialogs"),
            (Settings { dialogs: vec![4], ..Settings::default() }, "dialogs"),
            (Settings { template: Some(odd.clone()), ..Settings::default() }, "template.priority"),
            (of(vec![variant(1, 0), variant(9, 0)]), "variants[1].dialog"),
            (of(vec![variant(0, 9)]), "variants[0].content"),
            (of(vec![variant(0, 0)]), "variants[0].dialog"),
            (of(vec![variant(1, 2), variant(1, 1), variant(1, 2)]), "variants[2].dialog"),
            (of(vec![variant(2, 4)]), "variants[0].dialog"),
            (of(vec![variant(0, 3), variant(0, 3)]), "variants[1].dialog"),
            (of(vec![Variant { template: None, ..variant(1, 0) }]), "variants[0].template"),
            (of(vec![Variant { template: Some(odd), ..variant(1, 0) }]), "variants[0].template.priority"),
            (of(vec![Variant { template: Some(says("{{")), ..variant(1, 0) }]), "variants[0].template.body"),
        ] {
            assert_eq!(Policy::checked(settings.clone()).err().map(|wrong| wrong.field).as_deref(), Some(field), "{settings:?}");
        }
        let all = (0..4).flat_map(|dialog| (0..3).map(move |content| (dialog, content))).skip(1);
        let all = all.chain([(0, 3), (0, 4)]);
        assert!(Policy::checked(of(all.map(|(dialog, content)| variant(dialog, content)).collect())).is_ok());
    }

    #[test]
    fn without_types_there_are_alerts_of_all_and_with_them_of_these() {
        let takes = |dialogs: Vec<i32>| {
            let policy = Policy::checked(Settings { dialogs, ..Settings::default() }).unwrap();
            [DialogType::Private, DialogType::Group, DialogType::Public].map(|kind| policy.takes(kind))
        };
        assert_eq!(takes(vec![]), [true; 3]);
        assert_eq!(takes(vec![3, 1, 3]), [true, false, true]);
    }

    #[test]
    fn what_may_not_leave_is_in_no_template() {
        let source = "{{ sender.name }}|{{ dialog.name }}|{{ text }}|{{ attachment.count }}|{{ extension.mood|default('-') }}|{{ sender.id }}";
        let say = |privacy: Privacy| {
            let settings = Settings { privacy: privacy.into(), template: Some(says(source)), ..Settings::default() };
            let sample = Sample {
                dialog: DialogType::Group.into(),
                sender: 34,
                sender_name: "Romeo".into(),
                dialog_name: "Verona".into(),
                text: "hi".into(),
                attachments: vec!["photo".into()],
                extension: r#"{"mood": 5}"#.into(),
                ..Sample::default()
            };
            Policy::checked(settings).unwrap().say(Occasion::of_sample(&sample).unwrap()).1.body
        };
        assert_eq!(say(Privacy::Text), "Romeo|Verona|hi|1|5|34");
        assert_eq!(say(Privacy::Sender), "Romeo|Verona||0|-|34");
        assert_eq!(say(Privacy::Nothing), "|||0|-|0");
    }

    fn says(body: &str) -> Template {
        Template { body: body.into(), ..Template::default() }
    }
}
