//! The rules of reports: what an app may say in one, and what a change makes of it. Pure.
//!
//! A report is a flat object: scalars and lists of scalars under names of the app's own (contract rest 8.2).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::ReportVerdict;
use serde_json::{Map, Value};

use crate::store::ReportRow;

/// What is wrong with one field of a report, or with the report (`base`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {text}")]
pub struct Fault {
    pub field: String,
    pub text: &'static str,
}

/// Why a report is not closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotClosed {
    #[error("is not said")]
    Nothing,
    #[error("this report was closed with another verdict")]
    Otherwise,
}

/// A report with what came of it; none: it has that already.
pub fn close(before: &ReportRow, verdict: ReportVerdict) -> Result<Option<ReportRow>, NotClosed> {
    match before.verdict {
        _ if verdict == ReportVerdict::Unspecified => Err(NotClosed::Nothing),
        0 => Ok(Some(ReportRow { verdict: verdict.into(), ..before.clone() })),
        closed if closed == i32::from(verdict) => Ok(None),
        _ => Err(NotClosed::Otherwise),
    }
}

/// Reports that are filed with one call.
pub const FILED_MAX: usize = 100;
const FIELDS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4 << 10;
const ITEMS_MAX: usize = 100;
const BYTES_MAX: usize = 16 << 10;
/// What a record has by itself: not the app's to set, so it is left out.
const RESERVED: [&str; 8] = ["_id", "id", "_parent_id", "user_id", "created_at", "updated_at", "permissions", "class_name"];

/// The fields of a new report as they are kept. `text`: a JSON object.
pub fn accept(text: &str) -> Result<String, Fault> {
    amend("{}", text)
}

/// The fields of a report after a change: null takes one away.
pub fn amend(before: &str, change: &str) -> Result<String, Fault> {
    let mut fields = object(before)?;
    for (name, value) in object(change)? {
        if RESERVED.contains(&name.as_str()) {
            continue;
        }
        check(&name, &value)?;
        match value {
            Value::Null => fields.remove(&name),
            value => fields.insert(name, value),
        };
    }
    if fields.is_empty() {
        return Err(whole("can't be blank"));
    }
    if fields.len() > FIELDS_MAX {
        return Err(whole("has too many fields"));
    }
    let text = Value::Object(fields).to_string();
    if text.len() > BYTES_MAX { Err(whole("is too long")) } else { Ok(text) }
}

fn object(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text).map_err(|_| whole("is invalid"))
}

fn check(name: &str, value: &Value) -> Result<(), Fault> {
    let fault = |text| Err(Fault { field: name.chars().take(NAME_BYTES_MAX).collect(), text });
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !letters {
        return fault("is not a name of a field");
    }
    let scalars = match value {
        Value::Array(items) if items.len() > ITEMS_MAX => return fault("has too many items"),
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    for scalar in scalars {
        match scalar {
            Value::Array(_) | Value::Object(_) => return fault("is invalid"),
            Value::String(text) if text.len() > TEXT_BYTES_MAX => return fault("is too long"),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

fn whole(text: &'static str) -> Fault {
    Fault { field: "base".into(), text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_an_app_says_is_kept_with_its_types() {
        let said = r#"{"reportedUserId":45,"reason":"spam \"x\"","urgent":true,"messages":["a","b"],"gone":null}"#;
        let kept = accept(said).unwrap();
        let value: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"reportedUserId": 45, "reason": "spam \"x\"", "urgent": true, "messages": ["a", "b"]})
        );
    }

    #[test]
    fn what_a_record_has_by_itself_is_not_the_apps_to_set() {
        assert_eq!(
            accept(r#"{"_id":"x","user_id":7,"created_at":1,"permissions":{"read":{}},"reason":"spam"}"#).unwrap(),
            r#"{"reason":"spam"}"#
        );
    }

    #[test]
    fn a_change_sets_and_takes_away() {
        assert_eq!(amend(r#"{"a":1,"b":2}"#, r#"{"b":null,"c":"x"}"#).unwrap(), r#"{"a":1,"c":"x"}"#);
        assert_eq!(amend(r#"{"a":1}"#, r#"{"a":null}"#).unwrap_err(), whole("can't be blank"));
    }

    #[test]
    fn a_report_is_closed_once() {
        let open = ReportRow { reporter: 7, ..ReportRow::default() };
        let closed = close(&open, ReportVerdict::Banned).unwrap().unwrap();
        assert_eq!((closed.verdict, closed.reporter), (ReportVerdict::Banned.into(), 7));
        assert_eq!(close(&closed, ReportVerdict::Banned), Ok(None));
        assert_eq!(close(&closed, ReportVerdict::Dismissed), Err(NotClosed::Otherwise));
        assert_eq!(close(&open, ReportVerdict::Unspecified), Err(NotClosed::Nothing));
    }

    #[test]
    fn what_is_no_flat_object_within_bounds_is_named() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        let field = |n: usize| format!(r#""f{n}":1"#);
        let fields = |count| format!("{{{}}}", (0..count).map(field).collect::<Vec<_>>().join(","));
        let texts = |count: usize| {
            format!("{{{}}}", (0..count).map(|n| format!(r#""t{n}":"{}""#, "x".repeat(4_000))).collect::<Vec<_>>().join(","))
        };
        for (said, field, text) in [
            ("[]".to_owned(), "base", "is invalid"),
            ("{}".to_owned(), "base", "can't be blank"),
            (r#"{"a":null}"#.to_owned(), "base", "can't be blank"),
            (r#"{"a b":1}"#.to_owned(), "a b", "is not a name of a field"),
            (format!(r#"{{"{name}":1}}"#), &name[..NAME_BYTES_MAX], "is not a name of a field"),
            (r#"{"a":{"b":1}}"#.to_owned(), "a", "is invalid"),
            (r#"{"a":[[1]]}"#.to_owned(), "a", "is invalid"),
            (format!(r#"{{"a":"{long}"}}"#), "a", "is too long"),
            (format!(r#"{{"a":[{}1]}}"#, "1,".repeat(ITEMS_MAX)), "a", "has too many items"),
            (fields(FIELDS_MAX + 1), "base", "has too many fields"),
            (texts(5), "base", "is too long"),
        ] {
            assert_eq!(accept(&said).unwrap_err(), Fault { field: field.into(), text }, "{said:.80}");
        }
        assert!(accept(&fields(FIELDS_MAX)).is_ok());
        assert!(accept(&texts(4)).is_ok());
    }
}
