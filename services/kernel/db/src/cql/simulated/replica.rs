//! What one server keeps: cells with timestamps, of which the newer one stands, in whatever order they come. A mutation is a piece of a
//! partition, and to carry it out is to merge it. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use super::table::Value;

/// A table and the values of its partition key.
pub type Place = (usize, Vec<Value>);
/// By column.
pub type Values = BTreeMap<usize, Value>;

/// Before everything.
const NEVER: i64 = i64::MIN;

/// The newest word on a column.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    pub at: i64,
    /// None: it was deleted.
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// When it was inserted, and when it was deleted.
    pub made: i64,
    pub deleted: i64,
    pub cells: BTreeMap<usize, Cell>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Partition {
    pub deleted: i64,
    pub statics: BTreeMap<usize, Cell>,
    pub rows: BTreeMap<Vec<Value>, Row>,
}

impl Default for Row {
    fn default() -> Row {
        Row { made: NEVER, deleted: NEVER, cells: BTreeMap::new() }
    }
}

impl Default for Partition {
    fn default() -> Partition {
        Partition { deleted: NEVER, statics: BTreeMap::new(), rows: BTreeMap::new() }
    }
}

impl Partition {
    pub fn merge(&mut self, other: &Partition) {
        self.deleted = self.deleted.max(other.deleted);
        merge_cells(&mut self.statics, &other.statics);
        for (key, row) in &other.rows {
            let mine = self.rows.entry(key.clone()).or_default();
            mine.made = mine.made.max(row.made);
            mine.deleted = mine.deleted.max(row.deleted);
            merge_cells(&mut mine.cells, &row.cells);
        }
    }

    /// The same with those rows only that are wanted.
    pub fn piece(&self, wanted: impl Fn(&[Value]) -> bool) -> Partition {
        let rows = self.rows.iter().filter(|(key, _)| wanted(key));
        Partition {
            deleted: self.deleted,
            statics: self.statics.clone(),
            rows: rows.map(|(key, row)| (key.clone(), row.clone())).collect(),
        }
    }

    pub fn statics(&self) -> Values {
        alive(&self.statics, self.deleted)
    }

    /// What stands in a row; none if there is none.
    pub fn row(&self, key: &[Value]) -> Option<Values> {
        let row = self.rows.get(key)?;
        let floor = self.deleted.max(row.deleted);
        let values = alive(&row.cells, floor);
        (row.made > floor || !values.is_empty()).then_some(values)
    }
}

fn merge_cells(mine: &mut BTreeMap<usize, Cell>, others: &BTreeMap<usize, Cell>) {
    for (column, cell) in others {
        match mine.get_mut(column) {
            Some(before) if is_newer(cell, before) => *before = cell.clone(),
            Some(_) => {}
            None => _ = mine.insert(*column, cell.clone()),
        }
    }
}

/// Of two of one time a deletion stands, else the larger value.
fn is_newer(one: &Cell, other: &Cell) -> bool {
    let rank = |cell: &Cell| (cell.at, cell.value.is_none());
    rank(one) > rank(other) || (rank(one) == rank(other) && one.value > other.value)
}

fn alive(cells: &BTreeMap<usize, Cell>, floor: i64) -> Values {
    let alive = cells.iter().filter(|(_, cell)| cell.at > floor);
    alive.filter_map(|(column, cell)| Some((*column, cell.value.clone()?))).collect()
}
