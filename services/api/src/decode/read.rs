//! The typed readers: what a raw value means to a parameter that wants a text, a word, a number, a flag, a list, a date.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Number, Value};

use super::{Params, date};

/// A parameter that does not hold what it must hold; becomes `422 {"errors": {"<field>": ["<text>"]}}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wrong {
    pub field: String,
    pub text: &'static str,
}

impl Wrong {
    pub(crate) fn new(field: &str, text: &'static str) -> Wrong {
        Wrong { field: field.to_owned(), text }
    }
}

/// Whether a value stands for nothing: `null`, or the words that `undefined` and `null` become in a query (contract rest
/// 1.3, detail 8). Not for free text, where they are words like others.
pub(crate) fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.as_str(), "null" | "undefined"),
        _ => false,
    }
}

/// Free text, exactly as it came; numbers and flags as JavaScript would write them. Lists and objects are JSON text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number_text(number)),
        Value::String(text) => Some(text.clone()),
        Value::Object(inner) if inner.contains_key("") => text(&inner[""]),
        other => Some(other.to_string()),
    }
}

/// A name, an id or a key: text that is trimmed, and absent when empty or a null word.
pub(crate) fn word(value: &Value) -> Option<String> {
    let word = if is_absent(value) { None } else { text(value) }?;
    let word = word.trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// `1`, `"1"`, `true`, `"true"` are true, everything else is not; none if absent.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    word(value).map(|word| matches!(word.as_str(), "1" | "true"))
}

/// A logical list in any of its wire forms (contract rest 1.4): split at commas, trimmed, empty entries and null words
/// dropped.
pub(crate) fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(list).collect(),
        Value::Object(inner) => numbered(inner).into_iter().flat_map(list).collect(),
        Value::String(text) => {
            text.split(',').map(str::trim).filter(|t| !matches!(*t, "" | "null" | "undefined")).map(str::to_owned).collect()
        }
        other => text(other).into_iter().collect(),
    }
}

/// The values of an object that stands for a list: its keys are numbers (`{"0": a, "1": b}`) or the empty key.
pub(super) fn numbered(object: &serde_json::Map<String, Value>) -> Vec<&Value> {
    let mut places: Vec<(u64, &Value)> =
        object.iter().filter_map(|(key, value)| Some((if key.is_empty() { 0 } else { key.parse().ok()? }, value))).collect();
    places.sort_by_key(|(place, _)| *place);
    places.into_iter().map(|(_, value)| value).collect()
}

/// The whole numbers of a list, or none if one entry is not a number.
pub(crate) fn numbers(value: &Value) -> Option<Vec<i64>> {
    list(value).iter().map(|entry| whole(entry)).collect()
}

/// The dates of a list in unix milliseconds, or none if an entry is no date. One JavaScript date holds no comma, so a text
/// is split like any other list.
pub(crate) fn dates(value: &Value) -> Option<Vec<i64>> {
    list(value).into_iter().map(|entry| date::date_ms(&Value::String(entry))).collect()
}

impl Params {
    /// Free text of a key.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(text)
    }

    /// A word of a key.
    pub(crate) fn word(&self, key: &str) -> Option<String> {
        self.get(key).and_then(word)
    }

    /// A word that must be there.
    pub(crate) fn word_needed(&self, key: &str) -> Result<String, Wrong> {
        self.word(key).ok_or_else(|| Wrong::new(key, "is required"))
    }

    /// A flag of a key; false if absent.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(flag).unwrap_or_default()
    }

    /// A whole number.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, Wrong> {
        let Some(word) = self.word(key) else { return Ok(None) };
        whole(&word).map(Some).ok_or_else(|| Wrong::new(key, "is not a number"))
    }

    /// A whole number from 0 on.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Wrong> {
        let Some(number) = self.integer(key)? else { return Ok(None) };
        u64::try_from(number).map(Some).map_err(|_| Wrong::new(key, "is not a number"))
    }

    /// A date in unix milliseconds.
    pub(crate) fn date(&self, key: &str) -> Result<Option<i64>, Wrong> {
        let Some(value) = self.get(key).filter(|value| !is_absent(value)) else { return Ok(None) };
        date::date_ms(value).map(Some).ok_or_else(|| Wrong::new(key, "is not a date"))
    }

    /// A list of a key; empty if absent.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        self.get(key).map(list).unwrap_or_default()
    }

    /// A list of objects, as a JSON list or an object with numeric keys. Other entries are dropped: SDK 1.x sends the text
    /// `[object Object]` (contract rest 1.3, detail 5).
    pub(crate) fn objects(&self, key: &str) -> Vec<Params> {
        let entries = match self.get(key) {
            Some(Value::Array(values)) => values.iter().collect(),
            Some(Value::Object(inner)) => numbered(inner),
            _ => Vec::new(),
        };
        entries.into_iter().filter(|entry| entry.is_object()).map(Params::from).collect()
    }
}

// `1.0` counts as whole: JavaScript knows no other numbers.
fn whole(word: &str) -> Option<i64> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let number: f64 = word.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// A JSON number as JavaScript's `String()` writes it.
pub(crate) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
        _ => number.to_string(),
    }
}
