//! The one decoder of requests (contract rest 1.3, 1.4): query, form and JSON in all their spellings become one tree of
//! raw values. It decides nothing about their meaning: whether a text is a list, a date, a number or the word `null` is
//! the business of the typed readers (`read.rs`), so free text is never split and never erased.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod brackets;
mod date;
mod form;
mod json;
mod read;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(crate) use form::percent_decode;
pub(crate) use read::{Wrong, dates, flag, is_absent, list, numbers, text};

/// How much of a request is decoded before it is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Deepest nesting of a JSON value or of a bracket key.
    pub depth: usize,
    /// Most keys, those of nested objects included.
    pub keys: usize,
}

/// Why a request could not be decoded. Nothing of its content is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("malformed percent-encoding")]
    Percent,
    #[error("malformed UTF-8")]
    Utf8,
    #[error("malformed JSON")]
    Json,
    #[error("nested too deep")]
    Depth,
    #[error("too many keys")]
    Keys,
    #[error("unsupported content type")]
    ContentType,
}

/// The parameters of one request, as raw values in the order they came.
///
/// Texts of a query or form stay texts, JSON values keep their type. `a[b]=1` is the object `{"a":{"b":"1"}}`, `a[]=1` the
/// list `{"a":["1"]}`. Where a key is both a plain value and an object (`a=1&a[gt]=0`), the plain value is found under the
/// empty key of that object.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// Decodes the query and the body and merges them; a key of the body replaces the same key of the query.
    pub(crate) fn decode(query: &str, content_type: &str, body: &[u8], bounds: Bounds) -> Result<Params, Fault> {
        let mut all = form::parse(query.as_bytes(), bounds)?;
        for (key, value) in decode_body(content_type, body, bounds)? {
            all.insert(key, value);
        }
        Ok(Params(all))
    }

    /// The raw value of a key; none for a missing one and for JSON `null`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key was given as JSON `null`: an update empties that field.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Value::is_null)
    }

    /// All keys and raw values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

/// The parameters inside one value, such as `user[...]`; none if the value is not an object.
impl From<&Value> for Params {
    fn from(value: &Value) -> Params {
        Params(value.as_object().cloned().unwrap_or_default())
    }
}

// A JSON content type with an empty body is a request without parameters (contract rest 1.3, detail 2). Clients of their
// own send JSON without saying so, hence the look at the first byte.
fn decode_body(content_type: &str, body: &[u8], bounds: Bounds) -> Result<Map<String, Value>, Fault> {
    let body = body.trim_ascii();
    if body.is_empty() {
        return Ok(Map::new());
    }
    let content_type = content_type.to_ascii_lowercase();
    if content_type.contains("multipart/") {
        return Err(Fault::ContentType);
    }
    if content_type.contains("json") || matches!(body[0], b'{' | b'[') {
        return json::parse(body, bounds);
    }
    form::parse(body, bounds)
}
