//! Drivers for what is stored: an ordered, durable key-value store with group commit, and ScyllaDB.
//!
//! [`Kv`] is one handle over two engines: memory (deterministic, for tests and the simulation) and fjall (an LSM tree on
//! disk). Who keeps rows writes its port on `Kv` and runs on both; the contract suite (`tests/contract.rs`) holds them equal.
//!
//! Invariants:
//! - Commits take effect in the order in which [`Kv::commit`] was called; a batch is wholly there or not at all.
//! - A commit that was answered `Ok` is on disk (fdatasync), a relaxed one is with the operating system. Nothing is
//!   answered before.
//! - Readers see whole groups of committed batches only.
//! - Waiting commits are bounded in count and bytes; over the bound there is [`Error::Full`], never growth. So is what is
//!   written together.
//! - A read ends at its deadline, as failed. A commit ends when its outcome is certain.
//!
//! [`Cql`] is the other one, for a cluster: rows on many servers, with the same errors (`tests/cql.rs` runs against a real server).
//!
//! [`redis::Redis`] keeps what may be lost.
//!
//! It knows no table, no key layout and no noun of the product.

mod batch;
mod commit;
mod copy;
pub mod cql;
mod db;
mod disk;
mod error;
mod faults;
mod gather;
mod group;
mod kv;
mod memory;
mod metrics;
mod options;
mod queue;
mod range;
pub mod redis;
mod series;
mod snapshot;

pub use batch::{Batch, Table};
pub use commit::Commit;
pub use copy::{Copied, NotFilled, refill};
pub use cql::Cql;
pub use db::{Db, Lossy};
pub use error::Error;
pub use faults::Faults;
pub use gather::Gather;
pub use kv::Kv;
pub use options::KvOptions;
pub use range::KeyRange;
pub use series::Series;
