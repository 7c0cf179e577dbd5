//! The fields that lists of users are filtered and sorted by, and how values of each are read (contract rest 3.3, 3.4).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::{UserFilter, UserOp};
use serde_json::Value;

use crate::decode::{self, Wrong};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Free text, split at commas only where the operator takes a list.
    Text,
    Number,
    Date,
    Flag,
    Tags,
}

const FIELDS: [(&str, Kind); 18] = [
    ("id", Kind::Number),
    ("login", Kind::Text),
    ("email", Kind::Text),
    ("full_name", Kind::Text),
    ("phone", Kind::Text),
    ("website", Kind::Text),
    ("avatar", Kind::Text),
    ("external_user_id", Kind::Number),
    ("external_id", Kind::Text),
    ("facebook_id", Kind::Text),
    ("twitter_id", Kind::Text),
    ("blob_id", Kind::Number),
    ("timezone", Kind::Number),
    ("is_guest", Kind::Flag),
    ("created_at", Kind::Date),
    ("updated_at", Kind::Date),
    ("last_request_at", Kind::Date),
    ("user_tags", Kind::Tags),
];

/// Fields by which somebody is meant, rather than any number of users (contract rest 3.4).
const STAND_ALONE: [&str; 10] =
    ["id", "login", "email", "full_name", "phone", "external_id", "external_user_id", "facebook_id", "twitter_id", "user_tags"];

/// A field by its name, and the name that all spellings of it have. Custom data is none.
pub(super) fn named(name: &str) -> Option<(&'static str, Kind)> {
    let name = if matches!(name, "tags" | "tag_list") { "user_tags" } else { name };
    FIELDS.into_iter().find(|(known, _)| *known == name)
}

/// A field to sort by. `key` is the parameter that named it.
pub(super) fn to_sort_by(key: &str, name: &str) -> Result<String, Wrong> {
    match named(name) {
        Some((field, kind)) if kind != Kind::Tags => Ok(field.to_owned()),
        _ => Err(Wrong::new(key, "is not a field to sort by")),
    }
}

/// Whether conditions say whom they look for.
pub(super) fn is_search(filters: &[UserFilter]) -> bool {
    let searches = |op: UserOp| matches!(op, UserOp::Eq | UserOp::In | UserOp::StartWith);
    filters.iter().any(|filter| STAND_ALONE.contains(&filter.field.as_str()) && searches(filter.op()))
}

/// A condition on the field `name`; the value comes as a request had it. Several values are alternatives. `key` is the
/// parameter that is named in a refusal.
pub(super) fn condition(key: &str, name: &str, op: UserOp, value: &Value) -> Result<UserFilter, Wrong> {
    let (field, kind) = named(name).ok_or_else(|| Wrong::new(key, "cannot be filtered by"))?;
    let takes_list = matches!(op, UserOp::In | UserOp::Nin);
    let splits = kind != Kind::Text || takes_list || value.is_array();
    let texts = if splits { decode::list(value) } else { decode::text(value).into_iter().collect() };
    let numbers = match kind {
        Kind::Text | Kind::Tags => Some(Vec::new()),
        Kind::Number => decode::numbers(value),
        Kind::Date => decode::dates(value),
        Kind::Flag => texts.iter().map(|text| flag(text)).collect(),
    };
    let unreadable = match kind {
        Kind::Date => "is not a date",
        Kind::Flag => "is not true or false",
        _ => "is not a number",
    };
    let numbers = numbers.ok_or_else(|| Wrong::new(key, unreadable))?;
    let op = match (op, texts.len()) {
        (UserOp::Eq, 2..) => UserOp::In,
        (UserOp::Ne, 2..) => UserOp::Nin,
        (op, 1) => op,
        (op, _) if takes_list => op,
        _ => return Err(Wrong::new(key, "takes one value")),
    };
    let is_text = matches!(kind, Kind::Text | Kind::Tags);
    let fits = match op {
        UserOp::StartWith | UserOp::Contain => is_text,
        UserOp::Lt | UserOp::Lte | UserOp::Gt | UserOp::Gte => kind != Kind::Tags,
        _ => true,
    };
    match fits {
        true => {
            Ok(UserFilter { field: field.to_owned(), op: op.into(), texts: if is_text { texts } else { Vec::new() }, numbers })
        }
        false => Err(Wrong::new(key, "has an operator that does not fit")),
    }
}

fn flag(text: &str) -> Option<i64> {
    match text {
        "1" | "true" => Some(1),
        "0" | "false" => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_the_field_holds_them() {
        for (field, op, value, expected) in [
            ("login", UserOp::Eq, json!("a, b"), (UserOp::Eq, vec!["a, b"], vec![])),
            ("login", UserOp::Eq, json!(["a", "b"]), (UserOp::In, vec!["a", "b"], vec![])),
            ("login", UserOp::In, json!("a, b"), (UserOp::In, vec!["a", "b"], vec![])),
            ("login", UserOp::In, json!(""), (UserOp::In, vec![], vec![])),
            ("tag_list", UserOp::Eq, json!("a,b"), (UserOp::In, vec!["a", "b"], vec![])),
            ("id", UserOp::Eq, json!(5), (UserOp::Eq, vec![], vec![5])),
            ("id", UserOp::Ne, json!("5,6"), (UserOp::Nin, vec![], vec![5, 6])),
            ("timezone", UserOp::Lt, json!("-60"), (UserOp::Lt, vec![], vec![-60])),
            ("created_at", UserOp::Gt, json!("2015-01-01"), (UserOp::Gt, vec![], vec![1_420_070_400_000])),
            ("created_at", UserOp::Gt, json!(1_420_070_400), (UserOp::Gt, vec![], vec![1_420_070_400_000])),
            ("is_guest", UserOp::Eq, json!(true), (UserOp::Eq, vec![], vec![1])),
        ] {
            let read = condition("filter", field, op, &value).unwrap();
            let texts = read.texts.iter().map(String::as_str).collect();
            assert_eq!((read.op(), texts, read.numbers.clone()), expected, "{field} {value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (field, op, value, text) in [
            ("custom_data", UserOp::Eq, json!("x"), "cannot be filtered by"),
            ("password", UserOp::Eq, json!("x"), "cannot be filtered by"),
            ("id", UserOp::Eq, json!("x"), "is not a number"),
            ("id", UserOp::Gt, json!("1,2"), "takes one value"),
            ("id", UserOp::Eq, json!(""), "takes one value"),
            ("updated_at", UserOp::Gt, json!("soon"), "is not a date"),
            ("is_guest", UserOp::Eq, json!("x"), "is not true or false"),
            ("id", UserOp::StartWith, json!("1"), "has an operator that does not fit"),
            ("user_tags", UserOp::Gt, json!("a"), "has an operator that does not fit"),
        ] {
            assert_eq!(condition("key", field, op, &value), Err(Wrong::new("key", text)), "{field} {value}");
        }
    }
}
