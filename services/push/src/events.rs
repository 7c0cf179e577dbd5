//! What is kept of events: what users, and the operator, send to devices themselves. Engines lie in `events/`, and
//! `events/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - The durable log is told of an event that is kept. Where that is not one step, an event that the log was not told of is shown to
//!   nobody, and is told or removed by a sweep: there is none that is shown and that nobody sends.
//! - Of each maker at most so many are kept. One more takes away the oldest whose time has come.

use natter_actor::Clock;
use natter_bus::Log;
use natter_db::{Db, Error as DbError};
use natter_proto::push::v1::Event;
use natter_rpc::async_trait;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// A day, milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The engine for where rows are kept. `kept_days`: after their time.
pub fn open(db: &Db, log: &Log, clock: &Clock, kept_days: u32) -> Box<dyn Events> {
    // One whose time has come has to be there when it is sent.
    let kept_ms = i64::from(kept_days.max(1)) * DAY_MS;
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone(), log.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), log.clone(), clock.clone(), kept_ms)),
    }
}

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
    /// One that is kept, told or not.
    async fn get(&self, app: u64, id: u64) -> Result<Option<Event>, DbError>;
    /// Those that a user made, newest first, and how many there are.
    async fn of_maker(&self, app: u64, user: u64, skip: usize, limit: usize) -> Result<(Vec<Event>, u64), DbError>;
    async fn remove(&self, event: &Event) -> Result<(), DbError>;
    /// Removes from a page, behind `after`, those whose time came before `before`, unless they end by themselves; and mends what was
    /// kept half. Where to go on; nothing at the end.
    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, DbError>;
    /// Forgets a page of those of a maker, or of an app. How many went; fewer than `max`: nothing is left.
    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, DbError>;
}
