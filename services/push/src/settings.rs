//! What is kept of the alert settings of apps: one row each. Engines lie in `settings/`, and `settings/contract.rs` runs on each of
//! them.
//!
//! Invariant of every engine: what was put is durable when it is answered, and whole.

use natter_db::{Db, Error};
use natter_proto::push::v1::Settings;
use natter_rpc::async_trait;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

pub use cql::TABLES;

/// The engine for where rows are kept.
pub fn open(db: &Db) -> Box<dyn AlertSettings> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone())),
    }
}

/// Alert settings of all apps.
#[async_trait]
pub trait AlertSettings: Send + Sync {
    /// Those of an app; none if it never put any.
    async fn get(&self, app: u64) -> Result<Option<Settings>, Error>;
    /// Puts them in place of what was there.
    async fn put(&self, app: u64, settings: &Settings) -> Result<(), Error>;
    /// Forgets them. Whether there were any.
    async fn forget(&self, app: u64) -> Result<bool, Error>;
}
