//! What is kept of events: what users, and the operator, send to devices themselves. Engines lie in `events/`, and
//! `events/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - An event is kept in the step in which the durable log is told of it: there is none that nobody sends.
//! - Of each maker at most so many are kept. One more takes away the oldest whose time has come.

use natter_db::Error as DbError;
use natter_proto::push::v1::Event;
use natter_rpc::async_trait;

#[cfg(test)]
mod contract;
mod embedded;

pub use embedded::Embedded;

/// Why a step was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// All that are kept of the maker wait for their time.
    #[error("too many events of this user wait for their time, at most {0}")]
    Full(usize),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Events of all apps.
#[async_trait]
pub trait Events: Send + Sync {
    /// Keeps an event under its id and tells the log of it. `max`: of its maker.
    async fn put(&self, event: &Event, max: usize, now: i64) -> Result<(), Error>;
    async fn get(&self, app: u64, id: u64) -> Result<Option<Event>, DbError>;
    /// Those that a user made, newest first, and how many there are.
    async fn of_maker(&self, app: u64, user: u64, skip: usize, limit: usize) -> Result<(Vec<Event>, u64), DbError>;
    async fn remove(&self, event: &Event) -> Result<(), DbError>;
    /// Removes from a page, behind `after`, those whose time came before `before`. Where to go on; nothing at the end.
    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, DbError>;
    /// Forgets a page of those of a maker, or of an app. How many went; fewer than `max`: nothing is left.
    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, DbError>;
}
