//! Alert settings and samples as JSON. What is absent is as it is without settings.

use natter_proto::event::v1::CallKind;
use natter_proto::push::v1 as proto;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How an app's alerts look, and of what there are any.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    enabled: bool,
    privacy: Privacy,
    /// Of which there are alerts; empty: of all.
    dialogs: Vec<Dialog>,
    /// Who is away is alerted of calls.
    calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Template>,
    variants: Vec<Variant>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            enabled: true,
            privacy: Privacy::Text,
            dialogs: Vec::new(),
            calls: false,
            template: None,
            variants: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Privacy {
    Text,
    Sender,
    Nothing,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Dialog {
    Private,
    Group,
    Public,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Content {
    Text,
    Attachment,
    Call,
    ContactRequest,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Call {
    Audio,
    Video,
}

#[derive(Serialize, Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
enum Priority {
    #[default]
    High,
    Normal,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Template {
    title: String,
    body: String,
    sound: String,
    category: String,
    priority: Priority,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialog: Option<Dialog>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
    template: Template,
}

/// A message, a call or a contact request, as far as templates see it.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// Of a call or a contact request; of a message it shows by itself.
    content: Option<Content>,
    dialog: Option<Dialog>,
    sender: u64,
    sender_name: String,
    dialog_name: String,
    text: String,
    attachments: Vec<String>,
    unread: u64,
    extension: Map<String, Value>,
    /// How somebody calls, of a call.
    call: Option<Call>,
}

// === into what the push service speaks ===

impl From<Settings> for proto::Settings {
    fn from(Settings { enabled, privacy, dialogs, calls, template, variants }: Settings) -> proto::Settings {
        let privacy = match privacy {
            Privacy::Text => proto::Privacy::Text,
            Privacy::Sender => proto::Privacy::Sender,
            Privacy::Nothing => proto::Privacy::Nothing,
        };
        proto::Settings {
            off: !enabled,
            privacy: privacy.into(),
            dialogs: dialogs.into_iter().map(|dialog| dialog.number()).collect(),
            template: template.map(Into::into),
            variants: variants.into_iter().map(Into::into).collect(),
            calls,
        }
    }
}

impl From<Template> for proto::Template {
    fn from(Template { title, body, sound, category, priority }: Template) -> proto::Template {
        let priority = match priority {
            Priority::High => proto::Priority::High,
            Priority::Normal => proto::Priority::Normal,
        };
        proto::Template { title, body, sound, category, priority: priority.into() }
    }
}

impl From<Variant> for proto::Variant {
    fn from(Variant { dialog, content, template }: Variant) -> proto::Variant {
        let (dialog, content) = (dialog.map_or(0, Dialog::number), content.map_or(0, Content::number));
        proto::Variant { dialog, content, template: Some(template.into()) }
    }
}

impl From<Sample> for proto::Sample {
    fn from(sample: Sample) -> proto::Sample {
        let Sample { content, dialog, sender, sender_name, dialog_name, text, attachments, unread, extension, call } = sample;
        let extension = Value::from(extension).to_string();
        let (dialog, content) = (dialog.map_or(0, Dialog::number), content.map_or(0, Content::number));
        let call = match call {
            None => CallKind::Unspecified,
            Some(Call::Audio) => CallKind::Audio,
            Some(Call::Video) => CallKind::Video,
        };
        let call = call.into();
        proto::Sample { dialog, sender, sender_name, dialog_name, text, attachments, unread, extension, content, call }
    }
}

impl Dialog {
    fn number(self) -> i32 {
        let kind = match self {
            Dialog::Private => proto::DialogType::Private,
            Dialog::Group => proto::DialogType::Group,
            Dialog::Public => proto::DialogType::Public,
        };
        kind.into()
    }

    fn of(kind: proto::DialogType) -> Option<Dialog> {
        match kind {
            proto::DialogType::Unspecified => None,
            proto::DialogType::Private => Some(Dialog::Private),
            proto::DialogType::Group => Some(Dialog::Group),
            proto::DialogType::Public => Some(Dialog::Public),
        }
    }
}

impl Content {
    fn number(self) -> i32 {
        let content = match self {
            Content::Text => proto::Content::Text,
            Content::Attachment => proto::Content::Attachment,
            Content::Call => proto::Content::Call,
            Content::ContactRequest => proto::Content::ContactRequest,
        };
        content.into()
    }

    fn of(content: proto::Content) -> Option<Content> {
        match content {
            proto::Content::Unspecified => None,
            proto::Content::Text => Some(Content::Text),
            proto::Content::Attachment => Some(Content::Attachment),
            proto::Content::Call => Some(Content::Call),
            proto::Content::ContactRequest => Some(Content::ContactRequest),
        }
    }
}

// === and back ===

impl From<proto::Settings> for Settings {
    fn from(settings: proto::Settings) -> Settings {
        Settings {
            enabled: !settings.off,
            privacy: match settings.privacy() {
                proto::Privacy::Unspecified | proto::Privacy::Text => Privacy::Text,
                proto::Privacy::Sender => Privacy::Sender,
                proto::Privacy::Nothing => Privacy::Nothing,
            },
            dialogs: settings.dialogs().filter_map(Dialog::of).collect(),
            calls: settings.calls,
            template: settings.template.map(Into::into),
            variants: settings.variants.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<proto::Template> for Template {
    fn from(template: proto::Template) -> Template {
        let priority = match template.priority() {
            proto::Priority::Unspecified | proto::Priority::High => Priority::High,
            proto::Priority::Normal => Priority::Normal,
        };
        let proto::Template { title, body, sound, category, .. } = template;
        Template { title, body, sound, category, priority }
    }
}

impl From<proto::Variant> for Variant {
    fn from(variant: proto::Variant) -> Variant {
        Variant {
            dialog: Dialog::of(variant.dialog()),
            content: Content::of(variant.content()),
            template: variant.template.unwrap_or_default().into(),
        }
    }
}
