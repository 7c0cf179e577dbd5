//! The port of what is kept of users: when each was last there.

mod cql;
mod embedded;

pub(crate) use cql::TABLES;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_db::{Db, Error};

use crate::debts::Stored;
use crate::session::{Scope, UserKey};

/// When users were last there. Times are unix milliseconds. Verbs take effect when they are called, in the order of the calls,
/// whether or not their future is awaited.
pub(crate) trait Seen: Send + Sync {
    /// The user came.
    fn came(&self, user: UserKey, at: i64) -> Stored;

    /// The user was last there then.
    fn left(&self, user: UserKey, at: i64) -> Stored;

    /// The process lives. Called now and then: of a user who is there when it dies nothing else says until when he was.
    fn alive(&self, at: i64) -> Stored;

    /// When a user who is not there was. `None`: never.
    ///
    /// # Errors
    /// The store cannot be read.
    fn last(&self, user: UserKey) -> BoxFuture<'_, Result<Option<i64>, Error>>;

    /// Forgets users, at most `limit`. How many.
    ///
    /// # Errors
    /// They were not forgotten, or that is not known.
    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>>;
}

/// The engine for where rows are kept, of a process that started then, and its name.
pub(crate) fn open(db: &Db, started_at: i64, process: &str) -> Arc<dyn Seen> {
    match db {
        Db::Kv(kv) => Arc::new(embedded::Embedded::new(kv.clone(), started_at)),
        Db::Cql(cql) => Arc::new(cql::OnCql::new(cql.clone(), format!("{process}/{started_at}"))),
    }
}
