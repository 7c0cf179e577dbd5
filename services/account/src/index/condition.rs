//! One condition of a list of users: whether a user meets it, and where in an order those stand that may.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use natter_proto::account::v1::{User, UserFilter, UserOp};

use super::field::{Field, Key, Kind};
use crate::user::Fault;

/// Values of one condition.
const VALUES_MAX: usize = 10_000;

const SECOND_MS: i64 = 1000;

/// A condition whose values fit its field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    pub field: Field,
    op: UserOp,
    /// As the field compares them.
    texts: BTreeSet<String>,
    /// Of a date compared for equality: seconds, because a client knows dates to the second.
    numbers: BTreeSet<i64>,
}

impl Condition {
    /// Reads a condition. Operators that compare take one value.
    pub fn read(filter: &UserFilter) -> Result<Condition, Fault> {
        let field = Field::named(&filter.field).ok_or(Fault::new("filter", "names no field"))?;
        let op = filter.op();
        let takes_list = matches!(op, UserOp::Eq | UserOp::Ne | UserOp::In | UserOp::Nin);
        let values = if is_numeric(field) { filter.numbers.len() } else { filter.texts.len() };
        let fits = match field.kind() {
            Kind::Text => op != UserOp::Unspecified,
            Kind::Tags => takes_list || matches!(op, UserOp::StartWith | UserOp::Contain),
            Kind::Number | Kind::Date => !matches!(op, UserOp::Unspecified | UserOp::StartWith | UserOp::Contain),
        };
        match () {
            () if !fits => Err(Fault::new("filter", "has an operator that does not fit")),
            () if values > VALUES_MAX => Err(Fault::new("filter", "has too many values")),
            () if !takes_list && values != 1 => Err(Fault::new("filter", "takes one value")),
            () => Ok(Condition::of(field, op, filter)),
        }
    }

    fn of(field: Field, op: UserOp, filter: &UserFilter) -> Condition {
        let is_equality = matches!(op, UserOp::Eq | UserOp::Ne | UserOp::In | UserOp::Nin);
        let number = |number: &i64| if is_equality && field.kind() == Kind::Date { second(*number) } else { *number };
        let text = |text: &String| match op {
            UserOp::Contain => text.to_lowercase(),
            _ => field.folded(text).into_owned(),
        };
        let numeric = is_numeric(field);
        let texts = filter.texts.iter().filter(|_| !numeric).map(text).collect();
        let numbers = filter.numbers.iter().filter(|_| numeric).map(number).collect();
        Condition { field, op, texts, numbers }
    }

    /// Whether a user meets it. What is absent differs from everything and compares with nothing.
    pub fn holds(&self, user: &User) -> bool {
        if self.field == Field::Tags {
            return match self.op {
                UserOp::Ne | UserOp::Nin => !user.tags.iter().any(|tag| self.texts.contains(tag)),
                _ => user.tags.iter().any(|tag| self.holds_text(tag)),
            };
        }
        match self.field.key(user) {
            Key::Absent => matches!(self.op, UserOp::Ne | UserOp::Nin),
            Key::Text(text) => self.holds_text(&text),
            Key::Number(number) => self.holds_number(number),
        }
    }

    fn holds_text(&self, text: &str) -> bool {
        let one = || self.texts.first().map_or("", String::as_str);
        match self.op {
            UserOp::Eq | UserOp::In => self.texts.contains(text),
            UserOp::Ne | UserOp::Nin => !self.texts.contains(text),
            UserOp::Lt => text < one(),
            UserOp::Lte => text <= one(),
            UserOp::Gt => text > one(),
            UserOp::Gte => text >= one(),
            UserOp::StartWith => text.starts_with(one()),
            UserOp::Contain => text.to_lowercase().contains(one()),
            UserOp::Unspecified => false,
        }
    }

    fn holds_number(&self, number: i64) -> bool {
        let same = if self.field.kind() == Kind::Date { second(number) } else { number };
        let one = || self.numbers.first().copied().unwrap_or_default();
        match self.op {
            UserOp::Eq | UserOp::In => self.numbers.contains(&same),
            UserOp::Ne | UserOp::Nin => !self.numbers.contains(&same),
            UserOp::Lt => number < one(),
            UserOp::Lte => number <= one(),
            UserOp::Gt => number > one(),
            UserOp::Gte => number >= one(),
            UserOp::StartWith | UserOp::Contain | UserOp::Unspecified => false,
        }
    }

    /// Whether those who may meet it stand together in the order of its field.
    pub fn is_narrow(&self) -> bool {
        self.field != Field::Tags && matches!(self.op, UserOp::Eq | UserOp::In | UserOp::StartWith)
    }

    /// Where in the order of its field those stand who meet a narrow condition, apart from one another.
    pub fn stretches(&self, order: &[Arc<User>]) -> Vec<Range<usize>> {
        let from = |key: &Key<'_>| order.partition_point(|user| self.field.key(user) < *key);
        let texts = self.texts.iter().map(|text| {
            let first = from(&Key::Text(text.as_str().into()));
            let is_within = |user: &Arc<User>| match self.field.key(user) {
                Key::Text(other) if self.op == UserOp::StartWith => other.starts_with(text.as_str()),
                Key::Text(other) => other == text.as_str(),
                _ => false,
            };
            first..first + order[first..].partition_point(is_within)
        });
        let numbers = self.numbers.iter().map(|number| match self.field.kind() {
            Kind::Date => {
                let first = number.saturating_mul(SECOND_MS);
                from(&Key::Number(first))..from(&Key::Number(first.saturating_add(SECOND_MS)))
            }
            _ => from(&Key::Number(*number))..from(&Key::Number(number.saturating_add(1))),
        });
        texts.chain(numbers).collect()
    }
}

fn is_numeric(field: Field) -> bool {
    matches!(field.kind(), Kind::Number | Kind::Date)
}

fn second(ms: i64) -> i64 {
    ms.div_euclid(SECOND_MS)
}
