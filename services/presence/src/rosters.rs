//! The port of contact lists.

mod cql;
mod embedded;

pub(crate) use cql::TABLES;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_actor::Clock;
use natter_bus::Log;
use natter_db::{Db, Error};
use natter_proto::UserId;
use natter_proto::event::v1::PostedRequest;
use natter_proto::presence::v1::ContactRow;

use crate::session::{Scope, UserKey};

/// A view of somebody else, and whose it is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct View {
    pub owner: UserKey,
    pub of: UserId,
    /// As it was when the step was decided: one that is another by then is not overwritten where others may write too.
    pub was: ContactRow,
    /// One that is empty is not kept.
    pub row: ContactRow,
}

/// Users, and where to go on.
pub(crate) type Owners = (Vec<UserId>, Vec<u8>);

/// Contact lists. Verbs about the same pair of users must not run at the same time.
pub(crate) trait Rosters: Send + Sync {
    /// All views of a user, ascending, those too that are not in the list.
    ///
    /// # Errors
    /// The store cannot be read.
    fn all(&self, owner: UserKey) -> BoxFuture<'_, Result<Vec<(UserId, ContactRow)>, Error>>;

    /// Grows with every change of the user's list; 0: there was none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn revision(&self, owner: UserKey) -> BoxFuture<'_, Result<u64, Error>>;

    /// One view; an empty one if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, owner: UserKey, of: UserId) -> BoxFuture<'_, Result<ContactRow, Error>>;

    /// Keeps one view or both of a pair, first that of who takes the step, and gives the new revisions of their owners' lists, in the
    /// order of `views`. They are durable then, and so is that `asked` was told to the durable log, if there is one: in the app of the first view.
    /// Where rows lie apart one may be kept without the other by a process that dies: the step, repeated, is taken then.
    ///
    /// # Errors
    /// None was kept, or that is not known.
    fn put(&self, views: Vec<View>, asked: Option<PostedRequest>) -> BoxFuture<'_, Result<Vec<u64>, Error>>;

    /// Who of an app has a view of this user, among the next `limit` views of anybody behind `after` (opaque, empty: the first).
    /// The second value is where to go on, empty at the end.
    ///
    /// # Errors
    /// The store cannot be read.
    fn owners(&self, of: UserKey, after: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Owners, Error>>;

    /// Removes views and revisions, at most `limit` of either. How many rows went.
    ///
    /// # Errors
    /// They were not removed, or that is not known.
    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>>;
}

/// The engine for where rows are kept.
pub(crate) fn open(db: &Db, posted: Log, clock: Clock) -> Arc<dyn Rosters> {
    match db {
        Db::Kv(kv) => Arc::new(embedded::Embedded::new(kv.clone(), posted)),
        Db::Cql(cql) => Arc::new(cql::OnCql::new(cql.clone(), posted, clock)),
    }
}
