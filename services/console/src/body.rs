//! Reads a request's body: one JSON object of known fields. What is wrong is told by the field's name and never by its value,
//! which may be a password.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde_json::{Map, Value};

use crate::error::Refusal;

/// The body as actix hands it over: read up to the limit, or not.
pub type Raw = Result<Bytes, actix_web::Error>;

/// The fields of a body. Each is taken once; what is left over at the end is unknown.
pub struct Fields {
    left: Map<String, Value>,
    /// What was asked for so far, there or not.
    taken: Vec<String>,
}

impl Fields {
    /// The object in `raw`. An empty body is an empty object.
    pub fn read(raw: Raw, bytes_max: usize) -> Result<Fields, Refusal> {
        let bytes = raw.map_err(|error| match error.as_response_error().status_code() {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(bytes_max),
            _ => Refusal::malformed("", "the body cannot be read"),
        })?;
        if bytes.is_empty() {
            return Ok(Fields::of(Map::new()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Fields::of(fields)),
            _ => Err(Refusal::malformed("", "the body must be one JSON object")),
        }
    }

    fn of(left: Map<String, Value>) -> Fields {
        Fields { left, taken: Vec::new() }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.taken.push(format!("`{field}`"));
        self.left.remove(field)
    }

    /// A text; absent and `null` are none.
    pub fn text(&mut self, field: &str) -> Result<Option<String>, Refusal> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::malformed(field, "must be a text")),
        }
    }

    /// A positive whole number, as a number or as its digits; absent and `null` are none.
    pub fn number(&mut self, field: &str) -> Result<Option<u64>, Refusal> {
        let number = match self.take(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(digits)) => digits.parse().ok(),
            Some(_) => None,
        };
        match number {
            Some(number) if number > 0 => Ok(Some(number)),
            _ => Err(Refusal::malformed(field, "must be a positive whole number")),
        }
    }

    /// A whole number, 0 among them; absent and `null` are none.
    pub fn whole(&mut self, field: &str) -> Result<Option<u64>, Refusal> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(number) => number.as_u64().map(Some).ok_or_else(|| Refusal::malformed(field, "must be a whole number")),
        }
    }

    /// Ids of apps: a list of them, `"all"` (some of none); absent and `null` are nothing.
    pub fn apps(&mut self, field: &str) -> Result<Option<Option<Vec<u64>>>, Refusal> {
        let ids = match self.take(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text == "all" => return Ok(Some(None)),
            Some(Value::Array(ids)) => ids.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>(),
            Some(_) => None,
        };
        ids.map(|ids| Some(Some(ids))).ok_or_else(|| Refusal::malformed(field, "is \"all\" or a list of ids"))
    }

    /// True or false; absent and `null` are neither.
    pub fn truth(&mut self, field: &str) -> Result<Option<bool>, Refusal> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(Refusal::malformed(field, "must be true or false")),
        }
    }

    /// A list of texts; absent and `null` are none.
    pub fn texts(&mut self, field: &str) -> Result<Option<Vec<String>>, Refusal> {
        let texts = match self.take(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(texts)) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>(),
            Some(_) => None,
        };
        texts.map(Some).ok_or_else(|| Refusal::malformed(field, "must be a list of texts"))
    }

    /// The fields of an object within; absent and `null` are none.
    pub fn object(&mut self, field: &str) -> Result<Option<Fields>, Refusal> {
        match self.take(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Fields::of(fields))),
            Some(_) => Err(Refusal::malformed(field, "must be an object")),
        }
    }

    /// Refuses fields that nobody asked for: a misspelt one must not be lost in silence. Those that were asked for are named.
    pub fn end(self) -> Result<(), Refusal> {
        let Some(field) = self.left.keys().next() else { return Ok(()) };
        let known = match self.taken.is_empty() {
            true => "there are none".to_owned(),
            false => format!("expected one of {}", self.taken.join(", ")),
        };
        Err(Refusal::malformed(field.get(..64).unwrap_or(field), format!("is not a field of this call, {known}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_come_as_numbers_or_digits() {
        for (body, number) in [
            (r#"{"id": 7}"#, Some(Some(7))),
            (r#"{"id": "7"}"#, Some(Some(7))),
            (r#"{"id": null}"#, Some(None)),
            ("", Some(None)),
            (r#"{"id": 0}"#, None),
            (r#"{"id": -1}"#, None),
            (r#"{"id": 1.5}"#, None),
            (r#"{"id": 1e300}"#, None),
            (r#"{"id": [7]}"#, None),
            (r#"{"id": 18446744073709551616}"#, None),
        ] {
            let mut fields = Fields::read(Ok(Bytes::from_static(body.as_bytes())), 100).unwrap();
            assert_eq!(fields.number("id").ok(), number, "{body}");
        }
    }

    #[test]
    fn apps_are_all_or_a_list() {
        for (body, apps) in [
            (r#"{"apps": "all"}"#, Some(Some(None))),
            (r#"{"apps": [7, 8]}"#, Some(Some(Some(vec![7, 8])))),
            (r#"{"apps": []}"#, Some(Some(Some(vec![])))),
            (r#"{"apps": null}"#, Some(None)),
            ("{}", Some(None)),
            (r#"{"apps": "7"}"#, None),
            (r#"{"apps": ["7"]}"#, None),
            (r#"{"apps": [7, -1]}"#, None),
            (r#"{"apps": 7}"#, None),
        ] {
            let mut fields = Fields::read(Ok(Bytes::from_static(body.as_bytes())), 100).unwrap();
            assert_eq!(fields.apps("apps").ok(), apps, "{body}");
        }
    }

    #[test]
    fn what_is_not_an_object_of_known_fields_is_refused() {
        for body in ["[]", "7", "{", "null", "{\"a\":1}{}", "\u{feff}{}", "\0"] {
            assert!(Fields::read(Ok(Bytes::from_static(body.as_bytes())), 100).is_err(), "{body}");
        }
        let deep = Bytes::from("[".repeat(10_000));
        assert!(Fields::read(Ok(deep), 100).is_err());
        let mut fields = Fields::read(Ok(Bytes::from_static(br#"{"title": "x", "titel": "x"}"#)), 100).unwrap();
        assert_eq!(fields.text("title").unwrap().as_deref(), Some("x"));
        let refused = fields.end().unwrap_err().to_string();
        assert_eq!(refused, "is not a field of this call, expected one of `title`");
    }
}
