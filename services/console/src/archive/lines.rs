//! The lines of an archive as JSON: what each may hold, and how one is read and written. `deploy/archive.md` says what each field means.
//! A field that is not known is refused: a typing error in an archive from elsewhere shall not lose what it was about.

mod people;
mod talk;

use natter_proto::storage::v1::{Blob, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alerts;
use crate::hex;
pub use people::{AppLine, ContactLine, DeviceLine, ListLine, UserLine};
pub use talk::{DialogLine, MessageLine, Names, ReactionsLine, StateLine};

/// Of the format. It grows with what a reader of an earlier one would misread.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    Archive(Head),
    App(Box<AppLine>),
    Alerts(AlertsLine),
    User(Box<UserLine>),
    Contact(ContactLine),
    PrivacyList(ListLine),
    Device(DeviceLine),
    File(FileLine),
    Content(ContentLine),
    Dialog(Box<DialogLine>),
    Message(Box<MessageLine>),
    State(StateLine),
    Reactions(ReactionsLine),
    End(End),
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub version: u32,
    #[serde(default)]
    pub made_at: Option<i64>,
    #[serde(default)]
    pub made_by: Option<String>,
}

/// The last line: how many came before it, the first one included.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub lines: u64,
}

/// How alerts look, as `GET .../alerts` shows it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsLine {
    pub app: u64,
    pub settings: alerts::settings::Settings,
}

/// A file; its content follows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    pub app: u64,
    pub id: u64,
    pub uid: String,
    pub user: u64,
    pub name: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    public: Option<bool>,
    pub size: u64,
    created_at: i64,
    #[serde(default)]
    updated_at: Option<i64>,
    #[serde(default)]
    completed_at: Option<i64>,
}

/// The next bytes of the content of the file above.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentLine {
    pub file: String,
    pub base64: String,
}

impl Line {
    /// Reads one. The words say what is wrong, without what stands there: it may be a secret.
    pub fn read(text: &[u8]) -> Result<Line, String> {
        serde_json::from_slice(text).map_err(|error| {
            let said = error.to_string();
            let names = ["unknown field", "missing field", "unknown variant", "duplicate field"];
            match names.iter().any(|name| said.starts_with(name)) {
                true => said,
                false => format!("cannot be read as a line of an archive at its column {}", error.column()),
            }
        })
    }

    /// With the end of the line. What is absent is left out.
    pub fn written(&self) -> String {
        let mut value = serde_json::to_value(self).expect("lines have keys of text");
        tidy(&mut value);
        format!("{value}\n")
    }
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()));
            fields.values_mut().for_each(tidy);
        }
        Value::Array(all) => all.iter_mut().for_each(tidy),
        _ => {}
    }
}

impl From<Blob> for FileLine {
    fn from(blob: Blob) -> FileLine {
        let Blob { app, id, uid, owner, name, content_type, public, size, created_at, updated_at, completed_at, .. } = blob;
        FileLine {
            app,
            id,
            uid,
            user: owner,
            name,
            content_type: given(content_type),
            public: given(public),
            size,
            created_at,
            updated_at: given(updated_at),
            completed_at: given(completed_at),
        }
    }
}

impl From<FileLine> for Blob {
    fn from(line: FileLine) -> Blob {
        let FileLine { app, id, uid, user, name, content_type, public, size, created_at, updated_at, completed_at } = line;
        Blob {
            app,
            id,
            uid,
            owner: user,
            name,
            content_type: content_type.unwrap_or_default(),
            public: public.unwrap_or_default(),
            status: Status::Complete.into(),
            size,
            created_at,
            updated_at: updated_at.unwrap_or(created_at),
            completed_at: completed_at.unwrap_or(created_at),
        }
    }
}

/// What is as it is without saying is not said.
fn given<T: Default + PartialEq>(value: T) -> Option<T> {
    Some(value).filter(|value| *value != T::default())
}

/// Bytes as hex digits.
#[derive(Clone, PartialEq, Default)]
pub struct Hex(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex::shown(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::bytes(&text).map(Hex).ok_or_else(|| serde::de::Error::custom("not hex digits"))
    }
}
