//! A statement with its values: which partition it is about, what it writes there, whether its condition holds, what it reads.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use scylla::frame::response::result::{ColumnSpec, TableSpec};
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;

use super::replica::{Cell, Partition, Place, Row, Values};
use super::table::{Table, Value};
use super::text::{self, Condition, Predicate, Relation, Term, Text, What};
use crate::cql::{Outcome, Standing};

/// A statement that the servers know.
pub struct Known {
    pub source: &'static str,
    text: Text,
    table: Arc<Table>,
    marks: Vec<ColumnSpec<'static>>,
    pub columns: Vec<ColumnSpec<'static>>,
}

impl Known {
    pub fn read(source: &'static str, tables: &[Table]) -> Result<Known, String> {
        let text = text::statement(source, tables)?;
        let table = &tables[text.table];
        let spec = |name: &str, kind: super::table::Kind| {
            ColumnSpec::owned(name.to_owned(), kind.native(), TableSpec::owned("simulated".into(), table.name.clone()))
        };
        let columns = match &text.what {
            What::Read { columns, .. } => {
                columns.iter().map(|column| spec(&table.columns[*column].name, table.columns[*column].kind)).collect()
            }
            _ => Vec::new(),
        };
        let marks = text.marks.iter().map(|kind| spec("mark", *kind)).collect();
        Ok(Known { source, marks, columns, table: Arc::new(table.clone()), text })
    }

    pub fn is_read(&self) -> bool {
        matches!(self.text.what, What::Read { .. })
    }
}

/// A statement with its values. Of a mark without a value nothing is written.
#[derive(Clone)]
pub struct Bound {
    pub known: Arc<Known>,
    values: Vec<Option<Option<Value>>>,
}

impl Bound {
    pub fn new(known: Arc<Known>, values: &(impl SerializeRow + ?Sized)) -> Result<Bound, String> {
        let mut bytes = Vec::new();
        let context = RowSerializationContext::from_specs(&known.marks);
        values.serialize(&context, &mut RowWriter::new(&mut bytes)).map_err(|error| error.to_string())?;
        let mut rest = &bytes[..];
        let mut values = Vec::new();
        for kind in &known.text.marks {
            let (length, behind) = rest.split_first_chunk::<4>().ok_or("a value is missing")?;
            let length = i32::from_be_bytes(*length);
            let (value, behind) = behind.split_at(usize::try_from(length).unwrap_or(0));
            rest = behind;
            values.push(match length {
                -2 => None,
                -1 => Some(None),
                _ => Some(Some(kind.read(value).ok_or("a value of another type")?)),
            });
        }
        Ok(Bound { known, values })
    }

    /// Its values that are numbers, in their order.
    pub fn numbers(&self) -> Vec<i64> {
        let number = |value: &Option<Option<Value>>| match value {
            Some(Some(Value::Number(number))) => Some(*number),
            _ => None,
        };
        self.values.iter().filter_map(number).collect()
    }

    pub fn is_condition(&self) -> bool {
        self.known.text.condition.is_some()
    }

    /// The partition.
    pub fn place(&self) -> Result<Place, String> {
        let mut places = self.places()?;
        match places.len() {
            1 => Ok(places.remove(0)),
            count => Err(format!("{count} partitions of {}", self.known.table.name)),
        }
    }

    /// The partitions that a read names.
    pub fn places(&self) -> Result<Vec<Place>, String> {
        let mut all = vec![Vec::new()];
        for column in &self.known.table.part {
            let values = self.part_values(*column);
            if values.is_empty() {
                return Err(format!("{} without a partition", self.known.table.name));
            }
            let with = |place: &Vec<Value>| {
                values.iter().map(|value| [&place[..], std::slice::from_ref(value)].concat()).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        Ok(all.into_iter().map(|values| (self.known.text.table, values)).collect())
    }

    fn part_values(&self, column: usize) -> Vec<Value> {
        let is_it = |one: &&Predicate| matches!(one.relation, Relation::Is | Relation::In) && one.columns == [column];
        self.known.text.place.iter().find(is_it).map(|predicate| self.listed(predicate)).unwrap_or_default()
    }

    /// The values that a column may have.
    fn listed(&self, predicate: &Predicate) -> Vec<Value> {
        let values = predicate.terms.iter().filter_map(|term| self.value(term).flatten());
        values.flat_map(|value| if let Value::List(values) = value { values } else { vec![value] }).collect()
    }

    /// The clustering key, if it names all of it.
    fn key(&self) -> Option<Vec<Value>> {
        self.known.table.order.iter().map(|column| self.key_value(*column)).collect()
    }

    fn key_value(&self, column: usize) -> Option<Value> {
        let is_it = |one: &&Predicate| one.relation == Relation::Is && one.columns == [column];
        self.value(self.known.text.place.iter().find(is_it)?.terms.first()?).flatten()
    }

    fn value(&self, term: &Term) -> Option<Option<Value>> {
        match term {
            Term::Mark(mark) => self.values[*mark].clone(),
            Term::Number(number) => Some(Some(Value::Number(*number))),
            Term::Null => Some(None),
        }
    }

    fn number(&self, term: &Term) -> Option<i64> {
        match self.value(term).flatten() {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    // === writing ===

    /// What it writes, if it says nothing of time at `now`.
    pub fn mutation(&self, now: i64) -> Result<Partition, String> {
        let at = self.known.text.timestamp.as_ref().and_then(|term| self.number(term)).unwrap_or(now);
        let (mut statics, mut cells) = (BTreeMap::new(), BTreeMap::new());
        let mut put = |column: usize, value: Option<Value>| {
            let is_static = self.known.table.columns[column].is_static;
            if is_static { &mut statics } else { &mut cells }.insert(column, Cell { at, value });
        };
        let (mut row, mut partition) = (Row::default(), Partition::default());
        match &self.known.text.what {
            What::Put { makes, values } => {
                for (column, term) in values {
                    if let Some(value) = self.value(term) {
                        put(*column, value);
                    }
                }
                row.made = if *makes { at } else { row.made };
            }
            What::Delete { columns } if columns.is_empty() => match self.key() {
                Some(_) if !self.known.table.order.is_empty() => row.deleted = at,
                _ if self.places_within().next().is_none() => partition.deleted = at,
                _ => return Err("a deletion of a range".into()),
            },
            What::Delete { columns } => columns.iter().for_each(|column| put(*column, None)),
            What::Read { .. } => return Err("a read does not write".into()),
        }
        (partition.statics, row.cells) = (statics, cells);
        match self.key() {
            Some(key) if row != Row::default() => _ = partition.rows.insert(key, row),
            None if row != Row::default() => return Err("a row without a key".into()),
            _ => {}
        }
        Ok(partition)
    }

    /// What stands in the way of its condition; none: it holds. `found`: the partition, or at least the row.
    pub fn refusal(&self, found: &Partition) -> Option<Standing> {
        let condition = self.known.text.condition.as_ref()?;
        let row = self.key().and_then(|key| found.row(&key));
        let statics = found.statics();
        let is_there = row.is_some() || (self.key().is_none() && !statics.is_empty());
        let standing: Values = statics.into_iter().chain(row.unwrap_or_default()).collect();
        let named = match condition {
            Condition::NotExists if is_there => standing.keys().copied().collect(),
            Condition::Exists if !is_there => Vec::new(),
            Condition::NotExists | Condition::Exists => return None,
            Condition::All(predicates) if predicates.iter().all(|one| self.holds(one, &standing)) => return None,
            Condition::All(_) if !is_there => Vec::new(),
            Condition::All(predicates) => predicates.iter().flat_map(|one| one.columns.clone()).collect(),
        };
        let told = |column: usize| {
            let of = &self.known.table.columns[column];
            Some((of.name.clone(), of.kind.told(standing.get(&column)?)))
        };
        let keys = self.known.table.part.iter().chain(&self.known.table.order);
        let keys = keys.filter(|_| *condition == Condition::NotExists).filter_map(|column| {
            let of = &self.known.table.columns[*column];
            Some((of.name.clone(), of.kind.told(&self.key_value(*column)?)))
        });
        Some(Standing::of(named.into_iter().filter_map(told).chain(keys).collect()))
    }

    fn holds(&self, predicate: &Predicate, standing: &Values) -> bool {
        let stands = standing.get(&predicate.columns[0]).cloned();
        predicate.terms.iter().any(|term| self.value(term).flatten() == stands)
    }

    // === reading ===

    fn places_within(&self) -> impl Iterator<Item = &Predicate> {
        self.known.text.place.iter().filter(|one| one.columns.iter().all(|column| self.known.table.order.contains(column)))
    }

    /// Whether it is about the row with this clustering key.
    pub fn is_about(&self, key: &[Value]) -> bool {
        self.places_within().all(|predicate| {
            let mine = predicate.columns.iter().map(|column| self.known.table.order.iter().position(|one| one == column));
            let mine: Vec<Value> = mine.filter_map(|place| key.get(place?).cloned()).collect();
            if predicate.relation == Relation::In {
                return mine.first().is_some_and(|mine| self.listed(predicate).contains(mine));
            }
            let other = predicate.terms.iter().filter_map(|term| self.value(term).flatten());
            let order = mine.into_iter().cmp(other);
            match predicate.relation {
                Relation::Is => order == Ordering::Equal,
                Relation::Above => order == Ordering::Greater,
                Relation::AtLeast => order != Ordering::Less,
                Relation::Below => order == Ordering::Less,
                Relation::AtMost => order != Ordering::Greater,
                Relation::In => false,
            }
        })
    }

    /// The rows that it reads of what was found, as they travel.
    pub fn answer(&self, place: &Place, found: &Partition) -> Vec<Bytes> {
        let What::Read { columns, descending, limit } = &self.known.text.what else { return Vec::new() };
        let statics = found.statics();
        let mut rows: Vec<(Option<&Vec<Value>>, Values)> = Vec::new();
        for key in found.rows.keys().filter(|key| self.is_about(key)) {
            if let Some(values) = found.row(key) {
                rows.push((Some(key), values));
            }
        }
        if rows.is_empty() && !statics.is_empty() && self.places_within().next().is_none() {
            rows.push((None, Values::new()));
        }
        if *descending {
            rows.reverse();
        }
        if let Some(limit) = limit.as_ref().and_then(|term| self.number(term)) {
            rows.truncate(usize::try_from(limit).unwrap_or(0));
        }
        let spell = |(key, values): (Option<&Vec<Value>>, Values)| {
            let mut bytes = Vec::new();
            for column in columns {
                let table = &self.known.table;
                let of_part = table.part.iter().position(|one| one == column).and_then(|at| place.1.get(at));
                let of_key = table.order.iter().position(|one| one == column).and_then(|at| key?.get(at));
                let value = of_part.or(of_key).or_else(|| values.get(column)).or_else(|| statics.get(column));
                table.columns[*column].kind.write(value, &mut bytes);
            }
            Bytes::from(bytes)
        };
        rows.into_iter().map(spell).collect()
    }
}

/// What conditional writes of one partition come to: all of them are made, or none.
pub fn outcome(changes: &[Bound], found: &Partition) -> Outcome {
    match changes.iter().find_map(|change| change.refusal(found)) {
        None => Outcome::Applied,
        Some(standing) => Outcome::Not(standing),
    }
}
