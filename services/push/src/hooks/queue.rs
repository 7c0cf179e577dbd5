//! What is kept of what webhooks are to be told: what waits, in the order in which it came, and what was parked. Engines lie in `queue/`,
//! and `queue/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - A step is taken wholly or not at all; or, where it is more than one write, what it puts is kept before anything goes, and taken again
//!   it has the effect of one.
//! - What is put is durable when the step is answered. With a machine that has the store to itself, what only goes may come back.

use natter_db::{Db, Error};
use natter_proto::push::v1::WebhookDelivery;
use natter_rpc::async_trait;

use super::Place;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db) -> Box<dyn Queue> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone())),
    }
}

/// Where a delivery lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shelf {
    Waiting,
    Parked,
}

/// What changes together, of one webhook.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Step {
    pub put: Vec<(Shelf, WebhookDelivery)>,
    /// By number.
    pub gone: Vec<(Shelf, u64)>,
}

/// How many lie on a shelf, and the first and the last of their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filled {
    pub count: u64,
    pub first: u64,
    pub last: u64,
}

impl Shelf {
    fn byte(self) -> u8 {
        match self {
            Shelf::Waiting => 1,
            Shelf::Parked => 2,
        }
    }
}

/// Deliveries of all webhooks. Numbers are microseconds, about: they grow with the time.
#[async_trait]
pub trait Queue: Send + Sync {
    async fn take(&self, place: Place, step: Step) -> Result<(), Error>;
    /// The first above a number, ascending, at most `limit`. `upto`: no number is above it.
    async fn read(&self, place: Place, shelf: Shelf, above: u64, upto: u64, limit: usize) -> Result<Vec<WebhookDelivery>, Error>;
    /// Looks at all of a shelf. `upto`: no number is above it.
    async fn filled(&self, place: Place, shelf: Shelf, upto: u64) -> Result<Filled, Error>;
    /// Forgets a page of what is kept of a webhook. How many went; fewer than `max`: nothing is left.
    async fn clear(&self, place: Place, upto: u64, max: usize) -> Result<usize, Error>;
}
