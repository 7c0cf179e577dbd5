//! Filters of lists: `field=v`, `field[op]=v` (contract rest 4.4), as conditions that are tested here or by history.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::Value;

use crate::decode::{self, Params, Wrong};

/// How a field is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    Nin,
    /// The field, a list, has all of these.
    All,
    /// The field contains this text, or has one of these.
    Ctn,
    /// Any of these.
    Or,
}

/// What kind of values a field has. It decides how the values of a condition are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Free text: split at commas only where the operator takes a list.
    Text,
    /// A hex id.
    Id,
    /// A number or a list of numbers.
    Number,
    /// A date; the numbers are unix milliseconds.
    Date,
}

/// One condition. `values` are alternatives; `numbers` stand beside them for numbers and dates and are empty otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Condition {
    pub field: String,
    pub op: Op,
    pub kind: Kind,
    pub values: Vec<String>,
    pub numbers: Vec<i64>,
}

/// A field of a row, as a condition sees it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Field {
    Absent,
    Text(String),
    Number(i64),
    /// Unix milliseconds.
    Date(i64),
    Numbers(Vec<i64>),
}

/// Reads every parameter outside `controls` as a condition. `kind` says what a field holds; `None` refuses it.
pub(crate) fn conditions(
    params: &Params,
    controls: &[&str],
    kind: impl Fn(&str) -> Option<Kind>,
) -> Result<Vec<Condition>, Wrong> {
    let mut found = Vec::new();
    for (key, value) in params.iter().filter(|(key, _)| !controls.contains(key)) {
        collect(key, value, &kind, &mut found)?;
    }
    Ok(found)
}

// `a[gt]=1` is a condition on `a`, `attachments[type]=x` one on `attachments.type`.
fn collect(field: &str, value: &Value, kind: &impl Fn(&str) -> Option<Kind>, found: &mut Vec<Condition>) -> Result<(), Wrong> {
    let Value::Object(inner) = value else {
        return add(field, None, value, kind, found);
    };
    for (name, value) in inner {
        // Below what is no field itself are its own names, whatever they look like: `extensions[in]=x`.
        let is_field = kind(field).is_some();
        match op(name) {
            Some(op) if is_field => add(field, Some(op), value, kind, found)?,
            None if is_field && (name.is_empty() || name.bytes().all(|b| b.is_ascii_digit())) => {
                add(field, None, value, kind, found)?;
            }
            _ if field.contains('.') => return Err(Wrong::new(field, "has an unknown operator")),
            _ => {
                let nested = format!("{field}.{name}");
                if kind(&nested).is_none() {
                    let text = if is_field { "has an unknown operator" } else { "cannot be filtered by" };
                    return Err(Wrong::new(field, text));
                }
                collect(&nested, value, kind, found)?;
            }
        }
    }
    Ok(())
}

fn add(
    field: &str,
    op: Option<Op>,
    value: &Value,
    kind: &impl Fn(&str) -> Option<Kind>,
    found: &mut Vec<Condition>,
) -> Result<(), Wrong> {
    let kind = kind(field).ok_or_else(|| Wrong::new(field, "cannot be filtered by"))?;
    if decode::is_absent(value) {
        return Ok(());
    }
    let splits = kind != Kind::Text || value.is_array() || op.is_some_and(takes_list);
    let mut values = if splits { decode::list(value) } else { decode::text(value).into_iter().collect() };
    let numbers = match kind {
        Kind::Text | Kind::Id => Some(Vec::new()),
        Kind::Number => decode::numbers(value),
        Kind::Date => decode::dates(value),
    };
    let numbers =
        numbers.ok_or_else(|| Wrong::new(field, if kind == Kind::Date { "is not a date" } else { "is not a number" }))?;
    if kind == Kind::Id {
        values.iter_mut().for_each(|id| id.make_ascii_lowercase());
    }
    let op = match (op, values.len()) {
        (None, 0) => return Ok(()),
        (Some(op), 0) if !takes_list(op) => return Err(Wrong::new(field, "has no value")),
        // A list without an operator means any of them: a serialiser of the SDK loses the brackets (contract rest 1.4).
        (None | Some(Op::Eq), 2..) => Op::In,
        (Some(Op::Ne), 2..) => Op::Nin,
        (op, _) => op.unwrap_or(Op::Eq),
    };
    found.push(Condition { field: field.to_owned(), op, kind, values, numbers });
    Ok(())
}

fn takes_list(op: Op) -> bool {
    matches!(op, Op::In | Op::Nin | Op::All | Op::Or)
}

fn op(name: &str) -> Option<Op> {
    Some(match name {
        "eq" => Op::Eq,
        "ne" => Op::Ne,
        "lt" => Op::Lt,
        "lte" => Op::Lte,
        "gt" => Op::Gt,
        "gte" => Op::Gte,
        "in" => Op::In,
        "nin" => Op::Nin,
        "all" => Op::All,
        "ctn" => Op::Ctn,
        "or" => Op::Or,
        _ => return None,
    })
}

impl Condition {
    /// Whether a field meets the condition. A field that is absent is different from everything.
    pub(crate) fn holds(&self, field: &Field) -> bool {
        match field {
            Field::Absent => matches!(self.op, Op::Ne | Op::Nin),
            Field::Text(text) => {
                self.test(&self.values, |value| text.cmp(value), |value| text == value, |value| text.contains(value.as_str()))
            }
            Field::Number(number) => {
                self.test(&self.numbers, |value| number.cmp(value), |value| number == value, |value| number == value)
            }
            // A client knows dates to the second: equal within the second, while an order is that of the milliseconds,
            // which rather repeats a row of the same second than misses one.
            Field::Date(date) => {
                let same = |value: &i64| date.div_euclid(1000) == value.div_euclid(1000);
                self.test(&self.numbers, |value| date.cmp(value), same, same)
            }
            Field::Numbers(numbers) => {
                let has = |value: &i64| numbers.contains(value);
                self.test(&self.numbers, |_| std::cmp::Ordering::Equal, has, has)
            }
        }
    }

    fn test<T>(
        &self,
        values: &[T],
        order: impl Fn(&T) -> std::cmp::Ordering,
        same: impl Fn(&T) -> bool,
        contains: impl Fn(&T) -> bool,
    ) -> bool {
        match self.op {
            Op::Eq | Op::In | Op::Or => values.iter().any(same),
            Op::Ne | Op::Nin => !values.iter().any(same),
            Op::All => values.iter().all(same),
            Op::Ctn => values.iter().any(contains),
            Op::Lt => values.iter().all(|value| order(value).is_lt()),
            Op::Lte => values.iter().all(|value| order(value).is_le()),
            Op::Gt => values.iter().all(|value| order(value).is_gt()),
            Op::Gte => values.iter().all(|value| order(value).is_ge()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn every_spelling_of_a_filter_is_the_same_condition() {
        let seconds =
            Condition { field: "updated_at".into(), op: Op::Gt, kind: Kind::Date, values: vec!["5".into()], numbers: vec![5000] };
        for query in ["updated_at[gt]=5", "updated_at%5Bgt%5D=5", "limit=3&updated_at[gt]=5"] {
            assert_eq!(read(query).unwrap(), vec![seconds.clone()], "{query}");
        }
        for query in ["type[in]=2%2C3", "type[in][]=2&type[in][]=3", "type=2%2C3", "type[]=2%2C3", "type[]=2&type[]=3"] {
            let found = read(query).unwrap();
            assert_eq!((found[0].op, &found[0].numbers[..]), (Op::In, &[2, 3][..]), "{query}");
        }
    }

    #[test]
    fn free_text_is_split_only_where_the_operator_takes_a_list() {
        assert_eq!(read("name=a, b").unwrap()[0].values, ["a, b"]);
        assert_eq!(read("name[ctn]=a,b").unwrap()[0].values, ["a,b"]);
        assert_eq!(read("name[in]=a, b").unwrap()[0].values, ["a", "b"]);
        assert_eq!(read("name=null&name[ne]=undefined").unwrap(), []);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read("type=x"), Err(Wrong::new("type", "is not a number")));
        assert_eq!(read("updated_at[gt]=soon"), Err(Wrong::new("updated_at", "is not a date")));
        assert_eq!(read("type[near]=1"), Err(Wrong::new("type", "has an unknown operator")));
        assert_eq!(read("type[gt]="), Err(Wrong::new("type", "has no value")));
        assert_eq!(read("color=red"), Err(Wrong::new("color", "cannot be filtered by")));
    }

    #[test]
    fn conditions_hold_as_in_the_table_of_operators() {
        let date = Field::Date(1_700_000_000_250);
        for (query, field, held) in [
            ("type=3", Field::Number(3), true),
            ("type[ne]=3", Field::Number(3), false),
            ("type[ne]=3,4", Field::Number(3), false),
            ("type[nin]=1,2", Field::Number(3), true),
            ("type[lte]=3", Field::Number(3), true),
            ("updated_at[gt]=1700000000", date.clone(), true),
            ("updated_at[lt]=1700000000", date.clone(), false),
            ("updated_at=2023-11-14T22:13:20Z", date, true),
            ("name[ctn]=Le", Field::Text("Ann Lee".into()), true),
            ("name=ann", Field::Text("Ann".into()), false),
            ("name[ne]=ann", Field::Absent, true),
            ("name=ann", Field::Absent, false),
            ("occupants_ids[all]=1,2", Field::Numbers(vec![1, 2, 3]), true),
            ("occupants_ids[all]=1,4", Field::Numbers(vec![1, 2, 3]), false),
            ("occupants_ids[in]=4,3", Field::Numbers(vec![1, 2, 3]), true),
            ("occupants_ids[or]=9", Field::Numbers(vec![1, 2, 3]), false),
        ] {
            assert_eq!(read(query).unwrap()[0].holds(&field), held, "{query}");
        }
    }

    fn read(query: &str) -> Result<Vec<Condition>, Wrong> {
        let params = Params::decode(query, "", b"", Bounds { depth: 8, keys: 100 }).unwrap();
        conditions(&params, &["limit"], |field| match field {
            "name" => Some(Kind::Text),
            "type" | "occupants_ids" => Some(Kind::Number),
            "updated_at" => Some(Kind::Date),
            _ => None,
        })
    }
}
