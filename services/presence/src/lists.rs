//! The port of privacy lists.

mod cql;
mod embedded;

pub(crate) use cql::TABLES;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_db::{Db, Error};

use crate::privacy::List;
use crate::session::{Scope, UserKey};

/// The names of a user's lists, ascending, and which one is the default.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Names {
    pub all: Vec<String>,
    pub default: Option<String>,
}

/// Privacy lists, by owner and name. What is written is durable when it is answered. Verbs that write for the same owner must
/// not run at the same time.
pub(crate) trait Lists: Send + Sync {
    /// # Errors
    /// The store cannot be read.
    fn names(&self, owner: UserKey) -> BoxFuture<'_, Result<Names, Error>>;

    /// # Errors
    /// The store cannot be read.
    fn get(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<Option<List>, Error>>;

    /// The default list.
    ///
    /// # Errors
    /// The store cannot be read.
    fn default(&self, owner: UserKey) -> BoxFuture<'_, Result<Option<List>, Error>>;

    /// Keeps a list that is not empty, in place of the one of this name.
    ///
    /// # Errors
    /// It was not kept, or that is not known.
    fn put(&self, owner: UserKey, name: String, list: List) -> BoxFuture<'_, Result<(), Error>>;

    /// Deletes a list; if it was the default, there is none then.
    ///
    /// # Errors
    /// It was not deleted, or that is not known.
    fn delete(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<(), Error>>;

    /// Makes a list that there is the default, or none.
    ///
    /// # Errors
    /// It is as before, or that is not known.
    fn set_default(&self, owner: UserKey, name: Option<String>) -> BoxFuture<'_, Result<(), Error>>;

    /// Removes lists, at most `limit`, and as many names of defaults. How many lists went.
    ///
    /// # Errors
    /// They were not removed, or that is not known.
    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>>;
}

/// The engine for where rows are kept.
pub(crate) fn open(db: &Db) -> Arc<dyn Lists> {
    match db {
        Db::Kv(kv) => Arc::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Arc::new(cql::OnCql::new(cql.clone())),
    }
}
