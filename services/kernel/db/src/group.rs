//! Many batches made into one write: conditions are checked in order, each batch seeing those before it. Values only; it
//! reads through a function and writes nothing.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::batch::{Batch, Condition, Table};
use crate::error::Error;

/// The last word on each key of each table: a value, or (`None`) its removal. One entry a key, because an LSM tree does
/// not order two writes to one key within a batch.
pub(crate) type Writes = BTreeMap<Table, BTreeMap<Vec<u8>, Option<Bytes>>>;

/// What a group of batches amounts to.
#[derive(Default)]
pub(crate) struct Group {
    pub writes: Writes,
    /// One per batch, in their order: whether it is part of the write, or why not.
    pub verdicts: Vec<Result<(), Error>>,
    /// Someone waits for the disk.
    pub durable: bool,
}

/// Folds the batches into one group. `read` gives the committed rows.
pub(crate) fn fold(batches: Vec<Batch>, mut read: impl FnMut(Table, &[u8]) -> Result<Option<Bytes>, Error>) -> Group {
    let mut group = Group::default();
    for batch in batches {
        let verdict = batch.conditions.iter().try_for_each(|condition| check(condition, &group.writes, &mut read));
        if verdict.is_ok() {
            group.durable |= !batch.relaxed;
            for write in batch.writes {
                group.writes.entry(write.table).or_default().insert(write.key, write.value);
            }
        }
        group.verdicts.push(verdict);
    }
    group
}

fn check(
    condition: &Condition,
    writes: &Writes,
    read: &mut impl FnMut(Table, &[u8]) -> Result<Option<Bytes>, Error>,
) -> Result<(), Error> {
    let written = writes.get(&condition.table).and_then(|rows| rows.get(&condition.key));
    let found = match written {
        Some(value) => value.clone(),
        None => read(condition.table, &condition.key)?,
    };
    if found == condition.value { Ok(()) } else { Err(Error::Condition) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: Table = Table("rows");

    #[test]
    fn a_batch_sees_those_before_it_and_not_its_own_writes() {
        let verdicts = verdicts(&[("stored", "1")], |batches| {
            batches[0].require_absent(ROWS, "a");
            batches[0].put(ROWS, "a", "1");
            batches[1].require_absent(ROWS, "a");
            batches[1].put(ROWS, "b", "1");
            batches[2].require_equal(ROWS, "a", "1");
            batches[2].delete(ROWS, "a");
            batches[3].require_absent(ROWS, "a");
            batches[3].require_equal(ROWS, "stored", "1");
            batches[4].require_absent(ROWS, "b");
        });
        assert_eq!(verdicts, [Ok(()), Err(Error::Condition), Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn the_last_write_to_a_key_stands() {
        let mut batch = Batch::new();
        batch.put(ROWS, "a", "1");
        batch.delete(ROWS, "a");
        batch.put(ROWS, "a", "2");
        let group = fold(vec![batch], |_, _| Ok(None));
        assert_eq!(group.writes[&ROWS][b"a".as_slice()], Some(Bytes::from("2")));
    }

    #[test]
    fn a_group_is_durable_when_one_written_batch_is() {
        let relaxed = || {
            let mut batch = Batch::new();
            batch.put(ROWS, "a", "1");
            batch.relaxed();
            batch
        };
        let mut refused = Batch::new();
        refused.require_equal(ROWS, "absent", "1");
        assert!(!fold(vec![relaxed(), refused], |_, _| Ok(None)).durable);
        assert!(fold(vec![relaxed(), Batch::new()], |_, _| Ok(None)).durable);
    }

    fn verdicts(stored: &[(&str, &str)], fill: impl FnOnce(&mut [Batch; 5])) -> Vec<Result<(), Error>> {
        let mut batches: [Batch; 5] = Default::default();
        fill(&mut batches);
        let found = |key: &[u8]| stored.iter().find(|(name, _)| name.as_bytes() == key);
        fold(batches.into(), |_, key| Ok(found(key).map(|(_, value)| Bytes::from((*value).to_owned())))).verdicts
    }
}
