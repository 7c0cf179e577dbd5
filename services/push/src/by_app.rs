//! Rows of which an app has a few, kept together and changed by compare-and-set: credentials, webhooks. What a row is, and where it lies,
//! says a [`Row`]. Engines lie in `by_app/`; the contract suites of who keeps rows so run `by_app/contract.rs` on each of them.
//!
//! Invariant of every engine: a change is made wholly or not at all, and durable when it is answered. Of two who change the same app at
//! once, one is told to read again.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use natter_db::cql::Statement;
use natter_db::{Db, Table};
use natter_rpc::async_trait;
use prost::DecodeError;

use crate::stamps::Stamps;

#[cfg(test)]
pub mod contract;
mod cql;
mod embedded;

/// The engine for where rows are kept.
pub fn open<R: Row>(db: &Db, stamps: &Arc<Stamps>) -> Box<dyn ByApp<R>> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), Arc::clone(stamps))),
    }
}

/// Of what kind rows are, and where they lie.
pub trait Row: Clone + PartialEq + Debug + Send + Sync + 'static {
    /// On a key-value store: app -> all of the app. Its name is that of the table on ScyllaDB too: `(part int, app bigint, row blob, stamp
    /// bigint, PRIMARY KEY (part, app))`.
    const TABLE: Table;
    const STATEMENTS: Statements;
    /// Partitions on ScyllaDB, each read for all of its apps. Never changed: rows lie by it.
    const PARTS: u64;

    fn write(rows: Vec<Self>) -> Vec<u8>;
    /// # Errors
    /// They are damaged.
    fn read(bytes: &[u8]) -> std::result::Result<Vec<Self>, DecodeError>;
}

/// On that table.
pub struct Statements {
    /// part, app -> row, stamp.
    pub of_app: Statement,
    /// part, app, limit -> app, row, stamp: of apps above.
    pub page: Statement,
    /// row, stamp, part, app; if there is none.
    pub add: Statement,
    /// row, stamp, part, app, stamp: if it is that one.
    pub replace: Statement,
    /// part, app, stamp: if it is that one.
    pub remove: Statement,
}

/// Why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The rows are not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a change.
pub type Result<T> = std::result::Result<T, Error>;

/// The rows of an app, with the mark by which the engine sees whether they were written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept<R> {
    pub app: u64,
    pub rows: Vec<R>,
    stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stamp(Option<Bytes>);

/// Rows of all apps.
#[async_trait]
pub trait ByApp<R: Row>: Send + Sync {
    async fn of_app(&self, app: u64) -> Result<Kept<R>>;
    /// Puts `after` in place of `before`. `Changed` if that is not what is kept.
    async fn change(&self, before: &Kept<R>, after: Vec<R>) -> Result<()>;
    /// At most `limit` apps above `after` that have any, ascending.
    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept<R>>>;
}
