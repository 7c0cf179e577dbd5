//! A page of a dialog: which of its rows have to be looked at, and in which order. Values only; `queries/page.rs` reads them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::history::v1::{Filter, Op};
use natter_proto::{MessageId, event::v1::Message};

use crate::error::Error;
use crate::filter::{Condition, Field};
use crate::ranges::Ranges;

/// What a caller wants of a dialog.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Wanted {
    /// Bounds that narrow the rows by binary search, as `date_sent` grows with `seq`.
    pub dates: Dates,
    /// Only rows with one of these ids, which the id index finds.
    pub ids: Option<Vec<MessageId>>,
    /// What has to be asked of each row.
    pub conditions: Vec<Condition>,
}

/// Bounds of `date_sent`, unix seconds, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dates {
    pub from: i64,
    pub upto: i64,
}

impl Default for Dates {
    fn default() -> Self {
        Dates { from: i64::MIN, upto: i64::MAX }
    }
}

impl Wanted {
    /// Understands the filters, all of which have to hold, and takes out those that an index answers.
    pub fn parse(filters: &[Filter]) -> Result<Wanted, Error> {
        let mut wanted = Wanted::default();
        for filter in filters {
            let condition = Condition::parse(filter)?;
            if !wanted.dates.narrow(&condition) {
                wanted.ids = wanted.ids.or_else(|| condition.wanted_ids());
                wanted.conditions.push(condition);
            }
        }
        Ok(wanted)
    }

    /// Whether every condition holds for the row.
    pub fn matches(&self, row: &Message) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// The field to blame when too many rows have to be looked at.
    pub fn widest(&self) -> &str {
        self.conditions.first().map_or("filter", |condition| &condition.name)
    }
}

impl Dates {
    /// Takes in a condition on `date_sent` that is a bound. Answers whether it was one, and so is dealt with.
    fn narrow(&mut self, condition: &Condition) -> bool {
        let Some(at) = condition.operands.first().and_then(|operand| operand.number) else { return false };
        if condition.field != Field::DateSent {
            return false;
        }
        // Rows have whole seconds: the first one not before `at`, and the last one not after it.
        let (ceil, floor) = (at.div_euclid(1_000) + i64::from(at.rem_euclid(1_000) != 0), at.div_euclid(1_000));
        match condition.op {
            Op::Gt => self.from = self.from.max(floor + 1),
            Op::Gte => self.from = self.from.max(ceil),
            Op::Lt => self.upto = self.upto.min(ceil - 1),
            Op::Lte => self.upto = self.upto.min(floor),
            Op::Eq => (self.from, self.upto) = (self.from.max(ceil), self.upto.min(floor)),
            _ => return false,
        }
        true
    }
}

/// Rows still to be looked at, taken chunk by chunk in the page's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walk {
    pub rest: Ranges,
    pub descending: bool,
}

impl Walk {
    /// Takes the next `count` rows; ascending by place, whatever the order of the walk.
    pub fn take(&mut self, count: u64) -> Ranges {
        if self.descending { self.rest.take_last(count) } else { self.rest.take_first(count) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bounds_of_date_sent_become_whole_seconds() {
        for (op, at, from, upto) in [
            (Op::Gt, 5_000, Some(6), None),
            (Op::Gt, 5_001, Some(6), None),
            (Op::Gte, 5_000, Some(5), None),
            (Op::Gte, 5_001, Some(6), None),
            (Op::Lt, 5_000, None, Some(4)),
            (Op::Lt, 5_001, None, Some(5)),
            (Op::Lte, 5_999, None, Some(5)),
            (Op::Eq, 5_000, Some(5), Some(5)),
            (Op::Eq, 5_500, Some(6), Some(5)),
        ] {
            let wanted = Wanted::parse(&[date(op, at)]).unwrap();
            let expected = Dates { from: from.unwrap_or(i64::MIN), upto: upto.unwrap_or(i64::MAX) };
            assert_eq!((wanted.dates, wanted.conditions.len()), (expected, 0), "{op:?} {at}");
        }
        let wanted = Wanted::parse(&[date(Op::Gt, 5_000), date(Op::Lt, 9_000), date(Op::Ne, 7_000)]).unwrap();
        assert_eq!((wanted.dates, wanted.conditions.len()), (Dates { from: 6, upto: 8 }, 1));
    }

    #[test]
    fn a_walk_goes_both_ways() {
        let rest = Ranges::of(1, 5);
        let mut up = Walk { rest: rest.clone(), descending: false };
        assert_eq!((up.take(2), up.take(9), up.take(1)), (Ranges::of(1, 2), Ranges::of(3, 5), Ranges::new()));
        let mut down = Walk { rest, descending: true };
        assert_eq!((down.take(2), down.take(9), down.take(1)), (Ranges::of(4, 5), Ranges::of(1, 3), Ranges::new()));
    }

    fn date(op: Op, at: i64) -> Filter {
        Filter { field: "date_sent".into(), op: op.into(), values: vec![at.to_string()], numbers: vec![at] }
    }
}
