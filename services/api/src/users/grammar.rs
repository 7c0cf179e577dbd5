//! The filter and order of `GET /users`: words in one text (contract rest 3.3).
//!
//! `<type> <field> <op> <value>` and `<direction> <type> <field>`. The type word is not looked at: the SDK gets it wrong.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::{UserFilter, UserOp};
use serde_json::Value;

use super::field;
use crate::decode::{Wrong, text};

const TYPES: [&str; 5] = ["number", "string", "date", "boolean", "object"];

/// One condition as it is written.
struct Term<'a> {
    kind: &'a str,
    field: &'a str,
    op: &'a str,
    value: &'a str,
}

/// The conditions of `filter`: one text or a list of texts. SDKs up to 3.27 join several in one text with commas.
pub(super) fn filters(value: &Value) -> Result<Vec<UserFilter>, Wrong> {
    let texts: Vec<String> = match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        Value::Object(inner) => inner.values().filter_map(text).collect(),
        other => text(other).into_iter().collect(),
    };
    let mut found = Vec::new();
    for term in texts.iter().flat_map(|text| split(text)) {
        let term = term_of(term).ok_or_else(|| Wrong::new("filter", "is not <type> <field> <operator> <value>"))?;
        found.extend(conditions(&term)?);
    }
    Ok(found)
}

/// What a list is sorted by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Order {
    /// Empty: by id.
    pub field: String,
    pub descending: bool,
}

/// The field and direction of `order`.
pub(super) fn order(text: &str) -> Result<Order, Wrong> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (direction, name) = match words[..] {
        [direction, name] | [direction, _, name] => (direction, name),
        _ => return Err(Wrong::new("order", "is not <direction> <type> <field>")),
    };
    let descending = match direction.to_ascii_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => return Err(Wrong::new("order", "is not <direction> <type> <field>")),
    };
    Ok(Order { field: field::to_sort_by("order", name)?, descending })
}

// A comma ends a condition only where another one begins: values hold commas too.
fn split(text: &str) -> Vec<&str> {
    let (mut terms, mut from) = (Vec::new(), 0);
    for (at, _) in text.match_indices(',') {
        let begins = term_of(&text[at + 1..])
            .is_some_and(|term| TYPES.contains(&term.kind) && field::named(term.field).is_some() && op(term.op).is_some());
        if begins {
            terms.push(&text[from..at]);
            from = at + 1;
        }
    }
    terms.push(&text[from..]);
    terms
}

fn term_of(text: &str) -> Option<Term<'_>> {
    let (kind, rest) = text.trim_start().split_once(' ')?;
    let (field, rest) = rest.trim_start().split_once(' ')?;
    let (op, value) = rest.trim_start().split_once(' ')?;
    Some(Term { kind, field, op, value })
}

fn op(word: &str) -> Option<&'static [UserOp]> {
    Some(match word {
        "eq" => &[UserOp::Eq],
        "ne" => &[UserOp::Ne],
        "gt" => &[UserOp::Gt],
        "ge" => &[UserOp::Gte],
        "lt" => &[UserOp::Lt],
        "le" => &[UserOp::Lte],
        "in" => &[UserOp::In],
        "between" => &[UserOp::Gte, UserOp::Lte],
        _ => return None,
    })
}

fn conditions(term: &Term<'_>) -> Result<Vec<UserFilter>, Wrong> {
    let ops = op(term.op).ok_or_else(|| Wrong::new("filter", "has an unknown operator"))?;
    let condition = |op: &UserOp, value: &str| field::condition("filter", term.field, *op, &Value::String(value.to_owned()));
    match ops {
        [from, upto] => {
            let (low, high) = term.value.split_once(',').ok_or_else(|| Wrong::new("filter", "takes two values"))?;
            Ok(vec![condition(from, low.trim())?, condition(upto, high.trim())?])
        }
        _ => ops.iter().map(|op| condition(op, term.value)).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operator_and_every_joining_is_read() {
        check(json!(["number id in 5,6"]), &["id In [] [5, 6]"]);
        check(json!("number id in 5,6"), &["id In [] [5, 6]"]);
        let two = ["login Eq [\"a1\"] []", "created_at Gt [] [1420070400000]"];
        check(json!(["string login eq a1", "date created_at gt 2015-01-01"]), &two);
        check(json!(["string login eq a1,string created_at gt 2015-01-01"]), &two);
        check(json!("string login eq a1, string created_at gt 2015-01-01"), &two);
        check(json!(["number id in 5,6,string login eq a"]), &["id In [] [5, 6]", "login Eq [\"a\"] []"]);
        check(json!(["string full_name eq Lee, Ann"]), &["full_name Eq [\"Lee, Ann\"] []"]);
        check(json!(["string full_name eq a,string theory eq b"]), &["full_name Eq [\"a,string theory eq b\"] []"]);
        check(json!(["number id between 5,9"]), &["id Gte [] [5]", "id Lte [] [9]"]);
        check(json!(["string id le 5"]), &["id Lte [] [5]"]);
        check(json!(["number id ge 5", "number id lt 7", "number id ne 6"]), &["id Gte [] [5]", "id Lt [] [7]", "id Ne [] [6]"]);
        check(json!(["string updated_at gt Thu Jan 01 1970 00:00:10 GMT+0000 (UTC)"]), &["updated_at Gt [] [10000]"]);
        check(json!(["boolean is_guest eq true"]), &["is_guest Eq [] [1]"]);
        check(json!(["string user_tags in vip,staff"]), &["user_tags In [\"vip\", \"staff\"] []"]);
        check(json!([]), &[]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, text) in [
            ("id in 5", "is not <type> <field> <operator> <value>"),
            ("", "is not <type> <field> <operator> <value>"),
            ("string custom_data eq x", "cannot be filtered by"),
            ("string login like x", "has an unknown operator"),
            ("number id between 5", "takes two values"),
            ("number id eq five", "is not a number"),
            ("date created_at gt soon", "is not a date"),
        ] {
            assert_eq!(filters(&json!([filter])), Err(Wrong::new("filter", text)), "{filter}");
        }
    }

    #[test]
    fn an_order_names_a_direction_and_a_field() {
        for (text, field, descending) in
            [("desc string updated_at", "updated_at", true), ("asc number id", "id", false), ("DESC login", "login", true)]
        {
            assert_eq!(order(text), Ok(Order { field: field.into(), descending }), "{text}");
        }
        for text in ["", "updated_at", "down string id", "desc string custom_data", "asc string user_tags", "asc a b c"] {
            assert_eq!(order(text).unwrap_err().field, "order", "{text}");
        }
    }

    fn check(value: Value, expected: &[&str]) {
        let found = filters(&value).unwrap();
        let found: Vec<_> = found.iter().map(|f| format!("{} {:?} {:?} {:?}", f.field, f.op(), f.texts, f.numbers)).collect();
        assert_eq!(found, expected, "{value}");
    }
}
