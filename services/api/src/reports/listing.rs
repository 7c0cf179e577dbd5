//! Filters, order and page of a list of reports (contract rest 8.2), over all of the caller's in memory.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::Value;

use crate::decode::{self, Params, Wrong};
use crate::filter::{Condition, Field, Kind, conditions};

const CONTROLS: [&str; 7] = ["limit", "skip", "sort_asc", "sort_desc", "count", "token", "permissions"];
const LIMIT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;

/// What a list was asked for.
#[derive(Debug)]
pub(super) struct Listing {
    pub skip: u64,
    pub limit: u64,
    /// Only the number is wanted.
    pub count_only: bool,
    conditions: Vec<Condition>,
    sort: String,
    ascending: bool,
}

impl Listing {
    /// Reads the parameters. Without an order: newest first.
    pub(super) fn read(params: &Params) -> Result<Listing, Wrong> {
        let ascending = params.word("sort_desc").is_none() && params.word("sort_asc").is_some();
        let key = if ascending { "sort_asc" } else { "sort_desc" };
        Ok(Listing {
            skip: params.number("skip")?.unwrap_or_default(),
            limit: params.number("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX),
            count_only: params.flag("count"),
            conditions: conditions(params, &CONTROLS, |name| kind(params, name))?,
            sort: params.word(key).unwrap_or_else(|| "created_at".to_owned()),
            ascending,
        })
    }

    /// The number of records that meet the conditions, and those of the page.
    pub(super) fn page(&self, mut records: Vec<Value>) -> (usize, Vec<Value>) {
        records.retain(|record| self.conditions.iter().all(|condition| condition.holds(&field(record, condition))));
        records.sort_by_cached_key(|record| (order(record.get(&self.sort)), decode::text(&record["_id"])));
        if !self.ascending {
            records.reverse();
        }
        let total = records.len();
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        (total, records.into_iter().skip(skip).take(self.limit as usize).collect())
    }
}

/// Fields of the app's own have the type that a condition compares them with: whole numbers, or text.
fn kind(params: &Params, name: &str) -> Option<Kind> {
    match name {
        "_id" => Some(Kind::Id),
        "created_at" | "updated_at" => Some(Kind::Date),
        "permissions" | "_parent_id" => None,
        own if own.contains('.') => None,
        own => {
            let asked = params.get(own)?;
            let leaves: Vec<&Value> = match asked {
                Value::Object(inner) => inner.values().collect(),
                one => vec![one],
            };
            let numbers = leaves.iter().all(|leaf| decode::numbers(leaf).is_some_and(|numbers| !numbers.is_empty()));
            Some(if numbers { Kind::Number } else { Kind::Text })
        }
    }
}

fn field(record: &Value, condition: &Condition) -> Field {
    let Some(value) = record.get(&condition.field) else { return Field::Absent };
    match condition.kind {
        Kind::Date => value.as_i64().map_or(Field::Absent, |seconds| Field::Date(seconds.saturating_mul(1_000))),
        Kind::Number => match decode::numbers(value).as_deref() {
            Some([one]) if !value.is_array() => Field::Number(*one),
            Some(numbers) => Field::Numbers(numbers.to_vec()),
            None => Field::Absent,
        },
        Kind::Text | Kind::Id => decode::text(value).map_or(Field::Absent, Field::Text),
    }
}

// What is absent comes before everything, numbers before texts.
fn order(value: Option<&Value>) -> (u8, i64, String) {
    match value {
        None => (0, 0, String::new()),
        Some(Value::Number(number)) => (1, number.as_f64().map_or(0, |number| (number * 1_000.0) as i64), String::new()),
        Some(value) => (2, 0, decode::text(value).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn lists_are_filtered_sorted_and_cut() {
        check("", 3, &["c", "b", "a"]);
        check("limit=1&skip=1", 3, &["b"]);
        check("sort_asc=created_at", 3, &["a", "b", "c"]);
        check("sort_asc=reason", 3, &["c", "b", "a"]);
        check("sort_desc=stars", 3, &["b", "a", "c"]);
        check("reportedUserId=45", 2, &["b", "a"]);
        check("reportedUserId[gt]=45", 1, &["c"]);
        check("reportedUserId[in]=46,47", 1, &["c"]);
        check("reason=scam", 1, &["b"]);
        check("reason[ctn]=am", 2, &["b", "a"]);
        check("reason[ne]=spam", 2, &["c", "b"]);
        check("tags=2", 1, &["a"]);
        check("created_at[gt]=20", 1, &["c"]);
        check("_id=B", 1, &["b"]);
        check("stars[gte]=2&reportedUserId=45", 1, &["b"]);
        check("nothing=1", 0, &[]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (query, field) in [("limit=x", "limit"), ("a[b][gt]=1", "a"), ("permissions[x]=1&_parent_id=1", "_parent_id")] {
            assert_eq!(Listing::read(&params(query)).unwrap_err().field, field, "{query}");
        }
    }

    fn check(query: &str, total: usize, page: &[&str]) {
        let records = vec![
            json!({"_id": "a", "created_at": 10, "reportedUserId": 45, "reason": "spam", "stars": 1, "tags": [1, 2]}),
            json!({"_id": "b", "created_at": 20, "reportedUserId": "45", "reason": "scam", "stars": 2}),
            json!({"_id": "c", "created_at": 30, "reportedUserId": 46}),
        ];
        let (found, shown) = Listing::read(&params(query)).unwrap().page(records);
        let shown: Vec<&str> = shown.iter().map(|record| record["_id"].as_str().unwrap()).collect();
        assert_eq!((found, &shown[..]), (total, page), "{query}");
    }

    fn params(query: &str) -> Params {
        Params::decode(query, "", b"", Bounds { depth: 8, keys: 100 }).unwrap()
    }
}
