//! Conditions on the fields of a row, with the semantics of a document store (contract rest 4.4): a field that is a list
//! matches by any of its elements, the negations by none, and a field that is absent matches the negations only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::cmp::Ordering;

use natter_proto::MessageId;
use natter_proto::event::v1::{Message, extension};
use natter_proto::history::v1::{Filter, Op};

use crate::error::Error;

/// One condition, understood.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// As the client called it.
    pub name: String,
    pub field: Field,
    pub op: Op,
    pub operands: Vec<Operand>,
}

/// What a condition looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Field {
    Id,
    Body,
    DateSent,
    Sender,
    Recipient,
    AttachmentType,
    CreatedAt,
    UpdatedAt,
    Extension(String),
}

/// What a field is compared with: as text, and as a number where it is one.
#[derive(Clone, PartialEq, Debug)]
pub struct Operand {
    pub text: String,
    /// An id, or a date in unix milliseconds.
    pub number: Option<i64>,
}

/// One value of a field.
enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number of the app's. Exact up to 2^53, as in JSON.
    Number(f64),
    /// A user id.
    User(u64),
    /// Unix milliseconds.
    Date(i64),
}

impl Condition {
    /// Understands a filter, or says what is wrong with it.
    pub fn parse(filter: &Filter) -> Result<Condition, Error> {
        let wrong = |what| Err(Error::BadFilter(filter.field.clone(), what));
        let field = match filter.field.as_str() {
            "" => return wrong("a filter needs a field"),
            "_id" => Field::Id,
            "message" => Field::Body,
            "date_sent" => Field::DateSent,
            "sender_id" => Field::Sender,
            "recipient_id" => Field::Recipient,
            "attachments.type" => Field::AttachmentType,
            "created_at" => Field::CreatedAt,
            "updated_at" => Field::UpdatedAt,
            key => Field::Extension(key.to_owned()),
        };
        let op = filter.op();
        let takes_list = matches!(op, Op::In | Op::Nin | Op::All | Op::Or);
        if op == Op::Unspecified {
            return wrong("has no operator");
        }
        if filter.values.is_empty() && !takes_list {
            return wrong("has no value");
        }
        let numbers = filter.numbers.iter().copied().map(Some).chain(std::iter::repeat(None));
        let operands: Vec<Operand> =
            filter.values.iter().zip(numbers).map(|(text, number)| field.operand(text, number)).collect();
        if field.is_numeric() && operands.iter().any(|operand| operand.number.is_none()) {
            return wrong(if field.is_date() { "is not a date" } else { "is not a number" });
        }
        Ok(Condition { name: filter.field.clone(), field, op, operands })
    }

    /// Whether the row is as the condition wants it.
    pub fn holds(&self, row: &Message) -> bool {
        let values = self.field.values(row);
        let any = |operand: &Operand| values.iter().any(|value| value.equals(operand));
        let ordered = |wanted: fn(Ordering) -> bool| {
            let first = self.operands.first();
            first.is_some_and(|operand| values.iter().any(|value| value.compare(operand).is_some_and(wanted)))
        };
        match self.op {
            Op::Eq => self.operands.first().is_some_and(any),
            Op::Ne => !self.operands.first().is_some_and(any),
            Op::In | Op::Or => self.operands.iter().any(any),
            Op::Nin => !self.operands.iter().any(any),
            Op::All => !self.operands.is_empty() && self.operands.iter().all(any),
            Op::Ctn => self.operands.iter().any(|operand| values.iter().any(|value| value.has(&operand.text))),
            Op::Lt => ordered(Ordering::is_lt),
            Op::Lte => ordered(Ordering::is_le),
            Op::Gt => ordered(Ordering::is_gt),
            Op::Gte => ordered(Ordering::is_ge),
            Op::Unspecified => false,
        }
    }

    /// The ids that a row must have one of, if this condition says so.
    pub fn wanted_ids(&self) -> Option<Vec<MessageId>> {
        let of_ids = self.field == Field::Id && matches!(self.op, Op::Eq | Op::In | Op::Or);
        let operands = if self.op == Op::Eq { self.operands.get(..1)? } else { &self.operands[..] };
        of_ids.then(|| operands.iter().filter_map(|operand| operand.text.parse().ok()).collect())
    }
}

// === impl Field ===

impl Field {
    fn is_date(&self) -> bool {
        matches!(self, Field::DateSent | Field::CreatedAt | Field::UpdatedAt)
    }

    fn is_numeric(&self) -> bool {
        self.is_date() || matches!(self, Field::Sender | Field::Recipient)
    }

    fn operand(&self, text: &str, number: Option<i64>) -> Operand {
        // Ids are written in lower case; hex digits mean the same in either.
        let text = if *self == Field::Id { text.to_ascii_lowercase() } else { text.to_owned() };
        let number = if self.is_numeric() { number } else { None };
        Operand { text, number }
    }

    fn values<'a>(&self, row: &'a Message) -> Vec<Value<'a>> {
        match self {
            Field::Id => MessageId::try_from(&row.id[..]).map(|id| Value::Text(id.to_string().into())).into_iter().collect(),
            Field::Body => row.body.iter().map(|body| Value::Text(body.into())).collect(),
            Field::DateSent => vec![Value::Date(row.date_sent.saturating_mul(1_000))],
            Field::Sender => vec![Value::User(row.sender)],
            Field::Recipient => vec![Value::User(row.recipient)],
            Field::CreatedAt => vec![Value::Date(row.created_at)],
            Field::UpdatedAt => vec![Value::Date(row.updated_at)],
            Field::AttachmentType => {
                let attributes = row.attachments.iter().flat_map(|attachment| &attachment.attributes);
                attributes
                    .filter(|attribute| attribute.name == "type")
                    .map(|kind| Value::Text(kind.value.as_str().into()))
                    .collect()
            }
            Field::Extension(key) => {
                let mut values = Vec::new();
                for found in row.extensions.iter().filter(|extension| extension.key == *key) {
                    match &found.value {
                        Some(extension::Value::Text(text)) => values.push(Value::Text(text.into())),
                        Some(extension::Value::Json(json)) => {
                            values.extend(serde_json::from_str(json).map(of_json).unwrap_or_default())
                        }
                        Some(extension::Value::Nested(_)) | None => {}
                    }
                }
                values
            }
        }
    }
}

/// The values of a typed extension: a list has many, null and an object have none.
fn of_json<'a>(json: serde_json::Value) -> Vec<Value<'a>> {
    match json {
        serde_json::Value::Null | serde_json::Value::Object(_) => Vec::new(),
        serde_json::Value::Bool(truth) => vec![Value::Text(truth.to_string().into())],
        serde_json::Value::Number(number) => number.as_f64().map(Value::Number).into_iter().collect(),
        serde_json::Value::String(text) => vec![Value::Text(text.into())],
        serde_json::Value::Array(elements) => elements.into_iter().flat_map(of_json).collect(),
    }
}

// === impl Value ===

impl Value<'_> {
    fn equals(&self, operand: &Operand) -> bool {
        match self {
            Value::Text(text) => *text == operand.text,
            Value::Number(number) => operand.text.parse() == Ok(*number),
            Value::User(user) => operand.number == i64::try_from(*user).ok(),
            // Clients see whole seconds: a whole second means all of it.
            Value::Date(at) => operand.number.is_some_and(|wanted| match wanted.rem_euclid(1_000) {
                0 => at.div_euclid(1_000) == wanted.div_euclid(1_000),
                _ => *at == wanted,
            }),
        }
    }

    fn compare(&self, operand: &Operand) -> Option<Ordering> {
        match self {
            // Keys that came over XMPP are text even when the app means numbers.
            Value::Text(text) => match (text.parse::<f64>(), operand.text.parse::<f64>()) {
                (Ok(number), Ok(wanted)) => number.partial_cmp(&wanted),
                _ => Some(text.as_ref().cmp(operand.text.as_str())),
            },
            Value::Number(number) => number.partial_cmp(&operand.text.parse().ok()?),
            Value::User(user) => Some(i64::try_from(*user).ok()?.cmp(&operand.number?)),
            Value::Date(at) => Some(at.cmp(&operand.number?)),
        }
    }

    fn has(&self, part: &str) -> bool {
        matches!(self, Value::Text(text) if text.contains(part))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::event::v1::{Attachment, Attribute, Extension};

    use super::*;

    #[test]
    fn every_field_and_operator_matches_as_a_document_store_would() {
        let cases: &[(&str, Op, &[&str], bool)] = &[
            ("_id", Op::Eq, &["65F0c399b4e59a0011c7d3f2"], true),
            ("_id", Op::Gt, &["65f0c399b4e59a0011c7d3f1"], true),
            ("_id", Op::Nin, &["65f0c399b4e59a0011c7d3f2", "x"], false),
            ("message", Op::Eq, &["see you there"], true),
            ("message", Op::Ctn, &["you"], true),
            ("message", Op::Ctn, &["You"], false),
            ("message", Op::Lt, &["set"], true),
            ("date_sent", Op::Eq, &["1770113740000"], true),
            ("date_sent", Op::Gt, &["1770113740000"], false),
            ("date_sent", Op::Gt, &["1770113739999"], true),
            ("created_at", Op::Eq, &["1770113740000"], true),
            ("created_at", Op::Gt, &["1770113740000"], true),
            ("created_at", Op::Eq, &["1770113740123"], true),
            ("created_at", Op::Eq, &["1770113740124"], false),
            ("updated_at", Op::Lte, &["1770113741000"], true),
            ("sender_id", Op::Eq, &["56"], true),
            ("sender_id", Op::In, &["98", "56"], true),
            ("sender_id", Op::In, &[], false),
            ("sender_id", Op::Nin, &[], true),
            ("sender_id", Op::Or, &["98", "56"], true),
            ("sender_id", Op::Ne, &["56"], false),
            ("recipient_id", Op::Gte, &["98"], true),
            ("attachments.type", Op::Eq, &["photo"], true),
            ("attachments.type", Op::Ne, &["photo"], false),
            ("attachments.type", Op::All, &["photo", "video"], true),
            ("attachments.type", Op::All, &["photo", "audio"], false),
            ("attachments.type", Op::All, &[], false),
            ("attachments.type", Op::Ctn, &["ide"], true),
            ("mood", Op::Eq, &["5"], true),
            ("mood", Op::Gt, &["10"], false),
            ("mood", Op::Lt, &["10"], true),
            ("typed", Op::Eq, &["7.0"], true),
            ("typed", Op::Gte, &["8"], false),
            ("list", Op::All, &["a", "2"], true),
            ("list", Op::Nin, &["true"], false),
            ("object", Op::Eq, &["x"], false),
            ("absent", Op::Eq, &["x"], false),
            ("absent", Op::Ne, &["x"], true),
            ("absent", Op::Nin, &["x"], true),
            ("absent", Op::Lt, &["x"], false),
        ];
        for (field, op, values, expected) in cases {
            let condition = Condition::parse(&filter(field, *op, values)).unwrap();
            assert_eq!(condition.holds(&row()), *expected, "{field} {op:?} {values:?}");
        }
    }

    #[test]
    fn a_filter_that_says_nothing_is_refused() {
        for (field, op, values, wrong) in [
            ("", Op::Eq, vec!["x"], "a filter needs a field"),
            ("message", Op::Unspecified, vec!["x"], "has no operator"),
            ("message", Op::Eq, vec![], "has no value"),
            ("date_sent", Op::Gt, vec!["yesterday"], "is not a date"),
            ("sender_id", Op::In, vec!["56", "romeo"], "is not a number"),
        ] {
            assert_eq!(Condition::parse(&filter(field, op, &values)), Err(Error::BadFilter(field.into(), wrong)));
        }
    }

    fn filter(field: &str, op: Op, values: &[&str]) -> Filter {
        let numbers = values.iter().map_while(|value| value.parse().ok()).collect();
        Filter { field: field.into(), op: op.into(), values: values.iter().map(|value| (*value).into()).collect(), numbers }
    }

    fn row() -> Message {
        let attachment = |kind: &str| Attachment { attributes: vec![Attribute { name: "type".into(), value: kind.into() }] };
        let extension = |key: &str, value| Extension { key: key.into(), value: Some(value), ..Extension::default() };
        Message {
            id: MessageId([0x65, 0xf0, 0xc3, 0x99, 0xb4, 0xe5, 0x9a, 0x00, 0x11, 0xc7, 0xd3, 0xf2]).to_vec(),
            sender: 56,
            recipient: 98,
            date_sent: 1_770_113_740,
            created_at: 1_770_113_740_123,
            updated_at: 1_770_113_741_000,
            body: Some("see you there".into()),
            attachments: vec![attachment("photo"), attachment("video")],
            extensions: vec![
                extension("mood", extension::Value::Text("5".into())),
                extension("typed", extension::Value::Json("7".into())),
                extension("list", extension::Value::Json(r#"["a", 2, true, null]"#.into())),
                extension("object", extension::Value::Json(r#"{"x": "x"}"#.into())),
            ],
            ..Message::default()
        }
    }
}
