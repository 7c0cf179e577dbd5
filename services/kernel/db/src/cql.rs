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
#[cfg(feature = "testing")]
pub mod simulated;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[cfg(feature = "testing")]
use natter_actor::{Clock, Watcher};
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

/// Each server answers it from what it knows of itself.
const IS_THERE: Statement = Statement::read("SELECT key FROM system.local");

/// A statement of a batch, and the values of its marks.
pub type Write = (Statement, Box<dyn SerializeRow + Send + Sync>);

/// One keyspace. Clones are the same connection.
#[derive(Clone)]
pub struct Cql {
    inner: Arc<Inner>,
}

struct Inner {
    servers: Servers,
    meters: Meters,
    grouped: grouped::Grouped,
    answers: AtomicU64,
}

enum Servers {
    Real(Box<Real>),
    #[cfg(feature = "testing")]
    Simulated(simulated::Client),
}

/// A session, and the statements that its servers know.
struct Real {
    session: Session,
    prepared: Mutex<HashMap<&'static str, PreparedStatement>>,
}

/// What servers answer.
enum Answer {
    Real(QueryResult),
    #[cfg(feature = "testing")]
    Found(simulated::Found),
    #[cfg(feature = "testing")]
    Written(Outcome),
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
        Ok(Cql::over(Servers::Real(Box::new(Real { session, prepared: Mutex::default() }))))
    }

    /// A connection to simulated servers, of a process that stands to them as the receiver says.
    #[cfg(feature = "testing")]
    pub fn simulated(servers: &simulated::Servers, clock: Clock, standing: Watcher<simulated::Standing>) -> Cql {
        Cql::over(Servers::Simulated(simulated::Client::new(servers.clone(), clock, standing)))
    }

    fn over(servers: Servers) -> Cql {
        Cql { inner: Arc::new(Inner { servers, meters: Meters::new(), grouped: Default::default(), answers: AtomicU64::new(0) }) }
    }

    /// Shows the metrics of this connection in a registry.
    pub fn register(&self, metrics: &Metrics) {
        self.inner.meters.register(metrics);
    }

    /// How often the servers have answered this process so far. Refusals and what was not answered in time are no answers.
    pub fn answers(&self) -> u64 {
        self.inner.answers.load(Ordering::Relaxed)
    }

    /// Asks a server whether it is there. Says nothing of the rows, whose copies other servers may keep.
    pub async fn ask(&self) -> Result<(), Error> {
        let started = Instant::now();
        let answered = match &self.inner.servers {
            Servers::Real(real) => real.execute(IS_THERE, ()).await.map(drop),
            #[cfg(feature = "testing")]
            Servers::Simulated(client) => client.ask().await,
        };
        self.observe(Op::Get, started, &answered);
        answered
    }

    fn observe<T>(&self, op: Op, started: Instant, outcome: &Result<T, Error>) {
        if outcome.is_ok() {
            self.inner.answers.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.meters.observe(op, started, outcome);
    }

    /// All rows that a read finds, in memory: the statement has its own `LIMIT`, or reads what is bounded.
    pub async fn rows<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let started = Instant::now();
        let found = self.found(read, values).await;
        self.observe(Op::Scan, started, &found);
        found
    }

    /// The one row that a read finds, if it finds one.
    pub async fn row<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Option<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let started = Instant::now();
        let found = self.found(read, values).await.map(|rows| rows.into_iter().next());
        self.observe(Op::Get, started, &found);
        found
    }

    /// A plain write. Durable on a quorum when answered.
    pub async fn write(&self, write: Statement, values: impl SerializeRow) -> Result<(), Error> {
        let started = Instant::now();
        let written = self.execute(write, values).await.map(drop);
        self.observe(Op::Commit, started, &written);
        written
    }

    /// Plain writes in one partition: all of them or none.
    pub async fn write_all(&self, writes: Vec<Write>) -> Result<(), Error> {
        let started = Instant::now();
        let written = self.together(writes, true).await.map(drop);
        self.observe(Op::Commit, started, &written);
        written
    }

    /// A conditional write; whether its condition held. After [`Error::Unknown`] it is issued again, as what it does is idempotent.
    pub async fn change(&self, change: Statement, values: impl SerializeRow) -> Result<bool, Error> {
        let started = Instant::now();
        let changed = async { self.execute(change, values).await?.held() }.await;
        self.observe(Op::Commit, started, &changed);
        changed
    }

    /// As [`change`](Cql::change), and what stands there instead if the condition did not hold.
    pub async fn change_or_see(&self, change: Statement, values: impl SerializeRow) -> Result<Outcome, Error> {
        let started = Instant::now();
        let changed = async { self.execute(change, values).await?.outcome() }.await;
        self.observe(Op::Commit, started, &changed);
        changed
    }

    /// Conditional writes in one partition: all of them, if every condition held.
    pub async fn change_all(&self, changes: Vec<Write>) -> Result<bool, Error> {
        let started = Instant::now();
        let changed = async { self.together(changes, false).await?.held() }.await;
        self.observe(Op::Commit, started, &changed);
        changed
    }

    async fn found<R>(&self, read: Statement, values: impl SerializeRow) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        self.execute(read, values).await?.read()
    }

    async fn execute(&self, statement: Statement, values: impl SerializeRow) -> Result<Answer, Error> {
        match &self.inner.servers {
            Servers::Real(real) => real.execute(statement, values).await.map(Answer::Real),
            #[cfg(feature = "testing")]
            Servers::Simulated(client) => {
                let bound = client.bound(statement, &values)?;
                if bound.known.is_read() {
                    client.read(bound).await.map(Answer::Found)
                } else if statement.is_idempotent() {
                    client.write(vec![bound]).await.map(|()| Answer::Written(Outcome::Applied))
                } else {
                    client.change(vec![bound]).await.map(Answer::Written)
                }
            }
        }
    }

    async fn together(&self, writes: Vec<Write>, is_idempotent: bool) -> Result<Answer, Error> {
        if writes.is_empty() {
            return Err(Error::NotStored("a batch of nothing".into()));
        }
        match &self.inner.servers {
            Servers::Real(real) => real.together(writes, is_idempotent).await.map(Answer::Real),
            #[cfg(feature = "testing")]
            Servers::Simulated(client) => {
                let bound = client.bound_all(&writes)?;
                match is_idempotent {
                    true => client.write(bound).await.map(|()| Answer::Written(Outcome::Applied)),
                    false => client.change(bound).await.map(Answer::Written),
                }
            }
        }
    }
}

impl Real {
    async fn execute(&self, statement: Statement, values: impl SerializeRow) -> Result<QueryResult, Error> {
        let prepared = self.prepared(statement).await?;
        let answer = self.session.execute_unpaged(&prepared, values).await;
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
        let answer = self.session.batch(&batch, values).await;
        answer.map_err(|error| failure::of(first, &error))
    }

    // The statement as the servers know it. Two who come first together prepare it twice, which is harmless.
    async fn prepared(&self, statement: Statement) -> Result<PreparedStatement, Error> {
        if let Some(prepared) = self.prepared.lock().get(statement.text()) {
            return Ok(prepared.clone());
        }
        let prepared = self.session.prepare(statement.text()).await;
        let mut prepared = prepared.map_err(|error| Error::NotStored(format!("{}: {error}", statement.text())))?;
        prepared.set_is_idempotent(statement.is_idempotent());
        self.prepared.lock().insert(statement.text(), prepared.clone());
        Ok(prepared)
    }
}

impl Answer {
    fn read<R>(self) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        match self {
            Answer::Real(answer) => {
                let rows = rows_of(answer)?;
                let rows = rows.rows::<R>().map_err(|error| Error::Corrupt(error.to_string()))?;
                rows.map(|row| row.map_err(|error| Error::Corrupt(error.to_string()))).collect()
            }
            #[cfg(feature = "testing")]
            Answer::Found(found) => found.read(),
            #[cfg(feature = "testing")]
            Answer::Written(_) => Err(Error::Corrupt("a write has no rows".into())),
        }
    }

    fn held(self) -> Result<bool, Error> {
        match self {
            Answer::Real(answer) => held(answer),
            #[cfg(feature = "testing")]
            Answer::Written(outcome) => Ok(outcome == Outcome::Applied),
            #[cfg(feature = "testing")]
            Answer::Found(_) => Err(Error::Corrupt("a condition without an answer".into())),
        }
    }

    fn outcome(self) -> Result<Outcome, Error> {
        match self {
            Answer::Real(answer) => Outcome::of(answer),
            #[cfg(feature = "testing")]
            Answer::Written(outcome) => Ok(outcome),
            #[cfg(feature = "testing")]
            Answer::Found(_) => Err(Error::Corrupt("a condition without an answer".into())),
        }
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
