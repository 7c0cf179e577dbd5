//! Rows in ScyllaDB, or in Apache Cassandra 5: the same statements run on both.
//!
//! - Every statement is a constant text, prepared once, and knows what it is ([`Statement`]): a read, a plain write, or a conditional
//!   one. Plain writes are idempotent, so the driver may send one twice; the clock of this process orders its own.
//! - Reads and writes are at LOCAL_QUORUM, conditions at LOCAL_SERIAL.
//! - What failed may have been written ([`Error::Unknown`]), unless it is certain that it was not ([`Error::NotStored`]). Who needs to
//!   know issues it again: a plain write is the same write then, a condition answers what holds.
//! - A batch stays within one partition, where it is atomic; but for [parts](Cql::write_parts), which are so each by itself.

mod connect;
mod failure;
mod grouped;
mod migrate;
mod options;
mod outcome;
mod scylladb;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::Row;

pub use grouped::Part;
pub use migrate::{Applied, Migration};
pub use options::CqlOptions;
pub use outcome::{Outcome, Standing};
pub use statement::Statement;

use crate::error::Error;
use crate::metrics::{Meters, Op};
use natter_telemetry::Metrics;

/// A statement of a batch, and the values of its marks.
pub type Write = (Statement, Box<dyn SerializeRow + Send + Sync>);

/// One keyspace. Clones are the same connection.
#[derive(Clone)]
pub struct Cql {
    inner: Arc<Inner>,
}

struct Inner {
    session: Session,
    prepared: Mutex<HashMap<&'static str, PreparedStatement>>,
    meters: Meters,
    grouped: grouped::Grouped,
}

impl std::fmt::Debug for Cql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cql")
    }
}

impl Cql {
    /// Connects to the keyspace of the settings, which `migrate` made.
    pub async fn connect(options: &CqlOptions) -> Result<Cql, Error> {
        let session = connect::to_keyspace(options).await?;
        let inner = Inner { session, prepared: Mutex::default(), meters: Meters::new(), grouped: Default::default() };
        Ok(Cql { inner: Arc::new(inner) })
    }

    /// Shows the metrics of this connection in a registry.
    pub fn register(&self, metrics: &Metrics) {
        self.inner.meters.register(metrics);
    }

    /// All rows that a read finds, in memory: the statement has its own `LIMIT`, or reads what is bounded.
    pub async fn rows<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let started = Instant::now();
        let found = self.found(read, values).await;
        self.inner.meters.observe(Op::Scan, started, &found);
        found
    }

    /// The one row that a read finds, if it finds one.
    pub async fn row<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Option<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let started = Instant::now();
        let found = self.found(read, values).await.map(|rows| rows.into_iter().next());
        self.inner.meters.observe(Op::Get, started, &found);
        found
    }

    /// A plain write. Durable on a quorum when answered.
    pub async fn write(&self, write: Statement, values: impl SerializeRow) -> Result<(), Error> {
        let started = Instant::now();
        let written = self.execute(write, values).await.map(drop);
        self.inner.meters.observe(Op::Commit, started, &written);
        written
    }

    /// Plain writes in one partition: all of them or none.
    pub async fn write_all(&self, writes: Vec<Write>) -> Result<(), Error> {
        let started = Instant::now();
        let written = self.together(writes, true).await.map(drop);
        self.inner.meters.observe(Op::Commit, started, &written);
        written
    }

    /// A conditional write; whether its condition held. After [`Error::Unknown`] it is issued again, as what it does is idempotent.
    pub async fn change(&self, change: Statement, values: impl SerializeRow) -> Result<bool, Error> {
        let started = Instant::now();
        let changed = async { held(self.execute(change, values).await?) }.await;
        self.inner.meters.observe(Op::Commit, started, &changed);
        changed
    }

    /// As [`change`](Cql::change), and what stands there instead if the condition did not hold.
    pub async fn change_or_see(&self, change: Statement, values: impl SerializeRow) -> Result<Outcome, Error> {
        let started = Instant::now();
        let changed = async { Outcome::of(self.execute(change, values).await?) }.await;
        self.inner.meters.observe(Op::Commit, started, &changed);
        changed
    }

    /// Conditional writes in one partition: all of them, if every condition held.
    pub async fn change_all(&self, changes: Vec<Write>) -> Result<bool, Error> {
        let started = Instant::now();
        let changed = async { held(self.together(changes, false).await?) }.await;
        self.inner.meters.observe(Op::Commit, started, &changed);
        changed
    }

    async fn found<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let rows = rows_of(self.execute(read, values).await?)?;
        let rows = rows.rows::<R>().map_err(|error| Error::Corrupt(error.to_string()))?;
        rows.map(|row| row.map_err(|error| Error::Corrupt(error.to_string()))).collect()
    }

    async fn execute(&self, statement: Statement, values: impl SerializeRow) -> Result<QueryResult, Error> {
        let prepared = self.prepared(statement).await?;
        let answer = self.inner.session.execute_unpaged(&prepared, values).await;
        answer.map_err(|error| failure::of(statement, &error))
    }

    async fn together(&self, writes: Vec<Write>, is_idempotent: bool) -> Result<QueryResult, Error> {
        let Some((first, _)) = writes.first() else { return Err(Error::NotStored("a batch of nothing".into())) };
        let first = *first;
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(is_idempotent);
        let mut values = Vec::with_capacity(writes.len());
        for (statement, of_one) in writes {
            batch.append_statement(self.prepared(statement).await?);
            values.push(of_one);
        }
        let answer = self.inner.session.batch(&batch, values).await;
        answer.map_err(|error| failure::of(first, &error))
    }

    fn grouped(&self) -> &grouped::Grouped {
        &self.inner.grouped
    }

    // The statement as the servers know it. Two who come first together prepare it twice, which is harmless.
    async fn prepared(&self, statement: Statement) -> Result<PreparedStatement, Error> {
        if let Some(prepared) = self.inner.prepared.lock().get(statement.text()) {
            return Ok(prepared.clone());
        }
        let prepared = self.inner.session.prepare(statement.text()).await;
        let mut prepared = prepared.map_err(|error| Error::NotStored(format!("{}: {error}", statement.text())))?;
        prepared.set_is_idempotent(statement.is_idempotent());
        self.inner.prepared.lock().insert(statement.text(), prepared.clone());
        Ok(prepared)
    }
}

fn rows_of(answer: QueryResult) -> Result<QueryRowsResult, Error> {
    answer.into_rows_result().map_err(|error| Error::Corrupt(error.to_string()))
}

// Whether conditions held: the column `[applied]`, the first of whatever columns stand there. Of a batch every row says the same.
fn held(answer: QueryResult) -> Result<bool, Error> {
    let rows = rows_of(answer)?;
    let row = rows.first_row::<Row>().map_err(|error| Error::Corrupt(error.to_string()))?;
    let applied = row.columns.first().and_then(Option::as_ref).and_then(|value| value.as_boolean());
    applied.ok_or_else(|| Error::Corrupt("a condition without an answer".into()))
}
