//! What is kept of blobs: their rows, whose they are, which are not complete, what weighs in each app's quota, and which
//! objects are to be removed. Engines lie in `store/`, and `store/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - A step is taken wholly or not at all, and durable when it is answered. Dropping it leaves it undone or done, never half: what
//!   the readers of rows see of it.
//! - The usage of an app is never less than the sum of the weights of its rows. It is that sum when no step is under way; what a crash
//!   in a step leaves too much of it goes with the sweep. Where a step is one commit there is nothing too much in any moment; where
//!   rows and usage lie in different partitions it is counted before a row weighs it, so that no limit is passed.
//! - A step that makes the usage grow over its limit is not taken, however many are tried at once.
//! - An object that was doomed with a step is on the list sooner or later, whatever dies.

use std::ops::Range;

use bytes::Bytes;
use natter_actor::Clock;
use natter_db::Db;
use natter_proto::BlobUid;
use natter_rpc::async_trait;

use crate::blob::{BlobRow, Object, Usage};

#[cfg(test)]
mod contract;
mod cql;
mod embedded;
mod written;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db, clock: &Clock) -> Box<dyn Blobs> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), clock.clone())),
    }
}

/// Why a step was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The app's usage would grow over its limit.
    #[error("the app has no room for more files")]
    Full,
    /// The row is not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// A row with the mark by which the engine sees whether it was written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    pub row: BlobRow,
    pub stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp(Bytes);

/// An object to be removed, and from when on (unix milliseconds).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doomed {
    pub due_at: i64,
    pub object: Object,
}

/// Where a blob is found among those that are not complete, and when it was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unfinished {
    pub app: u64,
    pub owner: u64,
    pub id: u64,
    pub created_at: i64,
}

/// Rows of blobs.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Ids that were never in a block before, also not before a crash.
    async fn take_block(&self, length: u64) -> Result<Range<u64>>;
    async fn blob(&self, app: u64, id: u64) -> Result<Option<Kept>>;
    async fn blob_of(&self, uid: BlobUid) -> Result<Option<Kept>>;
    /// Adds a row. `Full` if the app has no room for it under `limit`.
    async fn add(&self, row: BlobRow, limit: Usage) -> Result<()>;
    /// Replaces `before`, and dooms an object with it. `Changed` if that is not what is kept; `Full` as above.
    async fn change(&self, before: &Kept, after: BlobRow, doomed: Option<Doomed>, limit: Usage) -> Result<Kept>;
    /// Removes `before`, and dooms an object with it. `Changed` as above.
    async fn remove(&self, before: &Kept, doomed: Option<Doomed>) -> Result<()>;
    /// The rows of a user by id, without the first `skip`, at most `limit`; and how many there are, counted up to `count_max`.
    async fn of_owner(&self, app: u64, owner: u64, page: Page) -> Result<(Vec<BlobRow>, usize)>;
    /// At most `limit` rows of an app, by id.
    async fn of_app(&self, app: u64, limit: usize) -> Result<Vec<Kept>>;
    /// Forgets that an app that has no rows ever had any.
    async fn forget_usage(&self, app: u64) -> Result<()>;
    /// How many rows of a user are not complete, counted up to `limit`.
    async fn unfinished_of(&self, app: u64, owner: u64, limit: usize) -> Result<usize>;
    /// At most `limit` rows behind `after` that are not complete, in the order of the engine: those made until `made_upto`, and maybe
    /// younger ones. A step that died may have left one without a row, or with a complete one.
    async fn unfinished(&self, after: Option<Unfinished>, made_upto: i64, limit: usize) -> Result<Vec<Unfinished>>;
    /// Ends what a step has left that died, of one of the unfinished that has no row or a complete one.
    async fn settle(&self, found: Unfinished) -> Result<()>;
    /// What the rows of an app weigh.
    async fn usage(&self, app: u64) -> Result<Usage>;
    /// At most `limit` objects that are due at `now`.
    async fn doomed(&self, now: i64, limit: usize) -> Result<Vec<Doomed>>;
    /// Takes objects that are gone off the list.
    async fn forget(&self, doomed: &[Doomed]) -> Result<()>;
}

/// Which rows of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// An id: only those behind it.
    pub after: u64,
    pub skip: usize,
    pub limit: usize,
    pub count_max: usize,
}
