//! What is kept of webhooks: those of each app together, secrets sealed, and how each of them goes. Engines lie in `registry/`, and
//! `registry/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - A change is made wholly or not at all, and durable when it is answered. Of two who change the same app at once, one is told to read
//!   again.
//! - How one goes is written by whoever sends for it, and the last word counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use natter_db::Db;
use natter_proto::push::v1::{WebhookRow, WebhookState};
use natter_rpc::async_trait;

use crate::stamps::Stamps;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db, stamps: &Arc<Stamps>) -> Box<dyn Registry> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), Arc::clone(stamps))),
    }
}

/// Why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The webhooks are not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a change.
pub type Result<T> = std::result::Result<T, Error>;

/// The webhooks of an app, with the mark by which the engine sees whether they were written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    pub app: u64,
    pub rows: Vec<WebhookRow>,
    stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stamp(Option<Bytes>);

/// Webhooks of all apps.
#[async_trait]
pub trait Registry: Send + Sync {
    async fn of_app(&self, app: u64) -> Result<Kept>;
    /// Puts `after` in place of `before`. `Changed` if that is not what is kept.
    async fn change(&self, before: &Kept, after: Vec<WebhookRow>) -> Result<()>;
    /// At most `limit` apps above `after` that have any, ascending.
    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept>>;
    /// How those of an app go of which something was noted, by id.
    async fn states(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>>;
    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<()>;
    /// Forgets how one goes.
    async fn forget(&self, app: u64, id: u64) -> Result<()>;
}
