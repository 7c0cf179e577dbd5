//! What is kept of devices: the subscriptions of each user together, and how many each app has. Engines lie in `store/`, and
//! `store/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - What a step does to a user is taken wholly or not at all, and durable when it is answered.
//! - An app never has more subscriptions than its count says. A step that takes the count over its limit is not taken. Where a step may die
//!   between a user and the count, the count is too large until it is counted anew.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use natter_actor::Clock;
use natter_db::Db;
use natter_proto::push::v1::Subscription;
use natter_rpc::async_trait;

use crate::stamps::Stamps;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db, stamps: &Arc<Stamps>, clock: &Clock) -> Box<dyn Subscriptions> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), Arc::clone(stamps), clock.clone())),
    }
}

/// Why a step was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The app would have more than its limit.
    #[error("the app has no room for more subscriptions")]
    Full,
    /// The subscriptions are not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// The subscriptions of a user by id, with the mark by which the engine sees whether they were written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    pub app: u64,
    pub user: u64,
    pub rows: Vec<Subscription>,
    pub stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp(Option<Bytes>);

/// Subscriptions of all users.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Ids that were never in a block before, also not before a crash.
    async fn take_block(&self, length: u64) -> Result<Range<u64>>;
    async fn of_user(&self, app: u64, user: u64) -> Result<Kept>;
    /// Those of many users, in the order asked.
    async fn of_users(&self, app: u64, users: &[u64]) -> Result<Vec<Vec<Subscription>>>;
    /// Puts `after` in place of `before`. `Changed` if that is not what is kept; `Full` if the app would have more than `limit`.
    async fn change(&self, before: &Kept, after: Vec<Subscription>, limit: u64) -> Result<()>;
    /// At most `limit` users of an app who have any.
    async fn users_of(&self, app: u64, limit: usize) -> Result<Vec<u64>>;
    /// How many subscriptions an app has, at most.
    async fn count(&self, app: u64) -> Result<u64>;
    /// Forgets that an app that has no subscriptions ever had any.
    async fn forget_count(&self, app: u64) -> Result<()>;
}
