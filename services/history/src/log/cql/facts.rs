//! What is kept of a dialog beside its rows: what was removed for all, as rows that commute (see `marks`), and its changes. The stamp
//! of the newest change and that change are one conditional write.

use natter_db::cql::{Cql, Statement, Write};
use natter_proto::event::v1::Change;
use prost::Message as _;

use super::marks::{self, Mark};
use super::tables::columns;
use crate::error::Error;
use crate::head::Head;
use crate::log::DialogKey;
use crate::ranges::Ranges;

const STAMP: i32 = 0;
const REMOVED: i32 = 1;
const CLEARED: i32 = 2;
const WIPED: i32 = 3;
const FLOOR: i32 = 4;

const GET: Statement =
    Statement::read("SELECT kind, first, last, newest FROM dialog_facts WHERE app = ? AND dialog = ? AND kind < 9");
const PUT: Statement =
    Statement::write("INSERT INTO dialog_facts (app, dialog, kind, first, last) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?");
const DROP: Statement =
    Statement::write("DELETE FROM dialog_facts USING TIMESTAMP ? WHERE app = ? AND dialog = ? AND kind = ? AND first = ?");
const NEWEST: Statement =
    Statement::change("UPDATE dialog_facts SET newest = ? WHERE app = ? AND dialog = ? AND kind = 0 AND first = 0 IF newest = ?");
/// Seven days.
const CHANGE: Statement =
    Statement::change("INSERT INTO dialog_facts (app, dialog, kind, first, change) VALUES (?, ?, 9, ?, ?) USING TTL 604800");
const REPLACE: Statement = Statement::change(
    "UPDATE dialog_facts USING TTL 604800 SET change = ? WHERE app = ? AND dialog = ? AND kind = 9 AND first = ? IF EXISTS",
);
const DONE: Statement =
    Statement::write("UPDATE dialog_facts USING TTL 604800 SET last = ? WHERE app = ? AND dialog = ? AND kind = 9 AND first = ?");
const CHANGES: Statement =
    Statement::read("SELECT change, last FROM dialog_facts WHERE app = ? AND dialog = ? AND kind = 9 AND first > ? LIMIT ?");
const NEWEST_CHANGES: Statement = Statement::read(
    "SELECT change, last FROM dialog_facts WHERE app = ? AND dialog = ? AND kind = 9 ORDER BY kind DESC, first DESC LIMIT ?",
);
const ERASE: Statement = Statement::write("DELETE FROM dialog_facts WHERE app = ? AND dialog = ?");

/// The facts of all dialogs.
pub struct DialogFacts {
    pub cql: Cql,
}

/// Those of one dialog.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Of the newest change.
    pub stamp: u64,
    pub cleared: u64,
    pub wiped: u64,
    pub floor: u64,
    kept: Vec<Mark>,
}

/// A change as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    pub change: Change,
    /// Its row is changed too. Of others than the newest it is.
    pub is_done: bool,
}

impl Facts {
    /// Rows removed for all.
    pub fn removed(&self) -> Ranges {
        let mut removed = marks::set_of(REMOVED, &self.kept);
        removed.insert(1, self.cleared);
        removed
    }

    /// The head of a dialog whose newest row is like this.
    pub fn head(&self, (seq, date_sent, updated_at): (u64, i64, i64)) -> Head {
        let Facts { stamp, cleared, wiped, floor, .. } = *self;
        Head { seq, stamp, floor, date_sent, updated_at, removed: self.removed(), cleared, wiped }
    }
}

impl DialogFacts {
    pub async fn get(&self, key: DialogKey) -> Result<Facts, Error> {
        let mut facts = Facts::default();
        for (kind, first, last, newest) in self.cql.rows::<(i32, i64, Option<i64>, Option<i64>)>(GET, columns(key)).await? {
            let last = last.unwrap_or(0) as u64;
            match kind {
                STAMP => facts.stamp = newest.unwrap_or(0) as u64,
                REMOVED => facts.kept.push(Mark { kind, first: first as u64, last }),
                CLEARED => facts.cleared = last,
                WIPED => facts.wiped = last,
                FLOOR => facts.floor = last,
                _ => {}
            }
        }
        Ok(facts)
    }

    /// A row was removed for all.
    pub async fn remove(&self, key: DialogKey, seq: u64) -> Result<(), Error> {
        let facts = self.get(key).await?;
        let mut removed = marks::set_of(REMOVED, &facts.kept);
        removed.insert(seq, seq);
        let wanted: Vec<Mark> = marks::of_set(REMOVED, &removed).collect();
        let diff = marks::diff(&facts.kept, &wanted);
        for mark in diff.put {
            self.put(key, mark).await?;
        }
        let (app, dialog) = columns(key);
        let write =
            |mark: Mark| -> Write { (DROP, Box::new((mark.last as i64, app, dialog.clone(), mark.kind, mark.first as i64))) };
        let drops: Vec<Write> = diff.drop.into_iter().map(write).collect();
        if !drops.is_empty() {
            self.cql.write_all(drops).await?;
        }
        Ok(())
    }

    /// Rows up to it were removed for all at once.
    pub async fn clear(&self, key: DialogKey, upto: u64) -> Result<(), Error> {
        self.put(key, Mark { kind: CLEARED, first: 1, last: upto }).await
    }

    /// Rows up to it say nothing any more.
    pub async fn wiped(&self, key: DialogKey, upto: u64) -> Result<(), Error> {
        self.put(key, Mark { kind: WIPED, first: 1, last: upto }).await
    }

    /// Records a change behind the `newest` one, whose row is changed. `false`: it is not the newest.
    pub async fn record(&self, key: DialogKey, newest: u64, change: &Change) -> Result<bool, Error> {
        let (app, dialog) = columns(key);
        let (stamp, before) = (change.stamp as i64, (newest > 0).then_some(newest as i64));
        let writes: Vec<Write> = vec![
            (NEWEST, Box::new((stamp, app, dialog.clone(), before))),
            (CHANGE, Box::new((app, dialog, stamp, change.encode_to_vec()))),
        ];
        Ok(self.cql.change_all(writes).await?)
    }

    /// The row of this change is changed too.
    pub async fn done(&self, key: DialogKey, stamp: u64) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        Ok(self.cql.write(DONE, (1_i64, app, dialog, stamp as i64)).await?)
    }

    /// Puts another change under the same stamp, if that is kept.
    pub async fn replace(&self, key: DialogKey, change: &Change) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        self.cql.change(REPLACE, (change.encode_to_vec(), app, dialog, change.stamp as i64)).await?;
        Ok(())
    }

    /// Changes above a stamp, ascending.
    pub async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Recorded>, Error> {
        let (app, dialog) = columns(key);
        let above = i64::try_from(above).unwrap_or(i64::MAX);
        recorded(self.cql.rows(CHANGES, (app, dialog, above, limit(max))).await?)
    }

    /// The newest changes, newest first.
    pub async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Recorded>, Error> {
        let (app, dialog) = columns(key);
        recorded(self.cql.rows(NEWEST_CHANGES, (app, dialog, limit(max))).await?)
    }

    /// Of a dialog that nobody gets into any more.
    pub async fn erase(&self, key: DialogKey) -> Result<(), Error> {
        Ok(self.cql.write(ERASE, columns(key)).await?)
    }

    async fn put(&self, key: DialogKey, Mark { kind, first, last }: Mark) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        Ok(self.cql.write(PUT, (app, dialog, kind, first as i64, last as i64, last as i64)).await?)
    }
}

fn recorded(read: Vec<(Option<Vec<u8>>, Option<i64>)>) -> Result<Vec<Recorded>, Error> {
    // What remains of a change that is too old has no content.
    let kept = read.into_iter().filter_map(|(change, last)| Some((change?, last.is_some())));
    let kept = kept.map(|(change, is_done)| {
        let change = Change::decode(&change[..]).map_err(|_| Error::Corrupt("a change"))?;
        Ok(Recorded { change, is_done })
    });
    kept.collect()
}

fn limit(max: usize) -> i32 {
    i32::try_from(max).unwrap_or(i32::MAX).max(1)
}
