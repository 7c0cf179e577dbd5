//! What is kept of credentials: those of each app together, sealed. Engines lie in `vault/`, and `vault/contract.rs` runs on each
//! of them.
//!
//! Invariant of every engine: a step is taken wholly or not at all, and durable when it is answered. Of two who change the
//! same app at once, one is told to read again.

use std::sync::Arc;

use bytes::Bytes;
use natter_db::Db;
use natter_proto::push::v1::CredentialRow;
use natter_rpc::async_trait;

use crate::stamps::Stamps;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db, stamps: &Arc<Stamps>) -> Box<dyn Vault> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone(), Arc::clone(stamps))),
    }
}

/// Why a step was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The credentials are not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// The credentials of an app, with the mark by which the engine sees whether they were written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    pub app: u64,
    pub rows: Vec<CredentialRow>,
    pub stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp(Option<Bytes>);

/// Credentials of all apps.
#[async_trait]
pub trait Vault: Send + Sync {
    async fn of_app(&self, app: u64) -> Result<Kept>;
    /// Puts `after` in place of `before`. `Changed` if that is not what is kept.
    async fn change(&self, before: &Kept, after: Vec<CredentialRow>) -> Result<()>;
    /// At most `limit` apps above `after` that have any, ascending.
    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept>>;
}
