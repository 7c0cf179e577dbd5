//! What a conditional write came to: it was applied, or what stands there instead. It does not know what the columns mean.

use std::collections::BTreeMap;

use scylla::response::query_result::QueryResult;
use scylla::value::{CqlValue, Row};

use super::rows_of;
use crate::error::Error;

/// What a conditional write came to.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    Applied,
    /// Nothing was written, since this stands there.
    Not(Standing),
}

/// Columns that a condition was decided on, as they stand. Of an insertion that found a row: all of that row. Which others are told is
/// up to the servers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Standing(BTreeMap<String, CqlValue>);

impl Outcome {
    pub(super) fn of(answer: QueryResult) -> Result<Outcome, Error> {
        let rows = rows_of(answer)?;
        let names: Vec<String> = rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
        let row = rows.first_row::<Row>().map_err(|error| Error::Corrupt(error.to_string()))?;
        let mut columns = names.into_iter().zip(row.columns);
        let applied = columns.next().and_then(|(_, value)| value).and_then(|value| value.as_boolean());
        match applied {
            Some(true) => Ok(Outcome::Applied),
            Some(false) => Ok(Outcome::Not(Standing(columns.filter_map(|(name, value)| Some((name, value?))).collect()))),
            None => Err(Error::Corrupt("a condition without an answer".into())),
        }
    }
}

impl Standing {
    #[cfg(feature = "testing")]
    pub(super) fn of(columns: BTreeMap<String, CqlValue>) -> Standing {
        Standing(columns)
    }

    /// A column of whole numbers; none if it is empty.
    pub fn number(&self, column: &str) -> Option<i64> {
        match self.0.get(column)? {
            CqlValue::BigInt(number) => Some(*number),
            CqlValue::Int(number) => Some(i64::from(*number)),
            _ => None,
        }
    }
}
