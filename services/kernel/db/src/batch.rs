//! What is written together: puts, deletes and the conditions under which they may happen. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use bytes::Bytes;

use crate::series::Series;

/// The name of a table: 1 to 255 characters, the same in every run. One crate owns it, as a constant:
/// `const ROWS: Table = Table("messages");`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Table(pub &'static str);

/// Writes that happen together or not at all, in the order of the calls: of two writes to one key the later one stands.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    pub(crate) writes: Vec<Write>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) relaxed: bool,
    /// Why the whole batch is refused, whatever else it says.
    pub(crate) refused: Option<&'static str>,
}

/// A put, or (without a value) a delete.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Bytes>,
    /// The key still lacks its number.
    pub series: Option<Series>,
}

/// The row must hold this value, or (without one) be absent.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Bytes>,
}

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// Counted for each write beside its key and value: what the queue holds for it.
const WRITE_BYTES: usize = 64;

impl Batch {
    /// A batch without writes.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets a row. Keys have 1 to 65,535 bytes, values less than 4 GiB.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.writes.push(Write { table, key: key.into(), value: Some(value.into()), series: None });
    }

    /// Sets a row whose key is `prefix` and the next number of the series (8 bytes, big endian), taken when the batch takes its
    /// place in the order of commits: whoever reads a number can read every lower one that was ever written. The numbers of a
    /// batch that is refused are not given again.
    pub fn put_next(&mut self, table: Table, prefix: impl Into<Vec<u8>>, series: &Series, value: impl Into<Bytes>) {
        let series = Some(series.clone());
        self.writes.push(Write { table, key: prefix.into(), value: Some(value.into()), series });
    }

    /// Removes a row; one that is absent stays so.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.writes.push(Write { table, key: key.into(), value: None, series: None });
    }

    /// Refuses the whole batch with [`Error::Condition`](crate::Error::Condition) if the row exists when the batch's turn
    /// comes: all commits before it count, this batch's own writes do not.
    pub fn require_absent(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.conditions.push(Condition { table, key: key.into(), value: None });
    }

    /// Refuses the whole batch with [`Error::Condition`](crate::Error::Condition) unless the row holds exactly this value
    /// when the batch's turn comes.
    pub fn require_equal(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.conditions.push(Condition { table, key: key.into(), value: Some(value.into()) });
    }

    /// Answers when the operating system has the rows, without waiting for the disk: they survive the process (`kill -9`),
    /// not the machine. The batch keeps its place in the order.
    pub fn relaxed(&mut self) {
        self.relaxed = true;
    }

    /// Refuses the whole batch with [`Error::NotStored`](crate::Error::NotStored): something of it cannot be in this store.
    pub fn refuse(&mut self, reason: &'static str) {
        self.refused = Some(reason);
    }

    /// Whether the batch writes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Completes the keys that lack a number. Once, where the order of commits is made.
    pub(crate) fn number(&mut self) {
        for write in &mut self.writes {
            if let Some(series) = write.series.take() {
                write.key.extend_from_slice(&series.take_next().to_be_bytes());
            }
        }
    }

    /// What the batch weighs in the queue.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.writes.iter().map(|write| (&write.key, &write.value));
        let conditions = self.conditions.iter().map(|condition| (&condition.key, &condition.value));
        rows.chain(conditions).map(|(key, value)| WRITE_BYTES + key.len() + value.as_ref().map_or(0, Bytes::len)).sum()
    }

    /// Whether every key has a length that the engines take.
    pub(crate) fn keys_fit(&self) -> bool {
        self.writes.iter().all(|write| (1..=KEY_BYTES_MAX).contains(&write.key.len()))
    }
}
