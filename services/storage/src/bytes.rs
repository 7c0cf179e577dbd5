//! Where contents are kept: written once, read in parts, removed. Engines lie in `bytes/`, and `bytes/contract.rs` runs on each.
//!
//! A port of our own and not `object_store`; why, says decision 0014. The engine over S3 stands on it.
//!
//! Invariants of every engine:
//! - What [`Writer::finish`] answered is durable, whole and readable. What was not finished is never read, and leaves nothing,
//!   at the latest after the next start.
//! - No more than one chunk of a content is held in memory, either way; while it is written to S3, no more than one of its parts.

use std::ops::Range;

use bytes::Bytes as Chunk;
use natter_rpc::async_trait;

use crate::blob::Object;

#[cfg(test)]
mod contract;
mod directory;
mod memory;
mod s3;

pub use directory::Directory;
pub use memory::Memory;
pub use s3::{S3, S3Options, look};

/// Bytes that are written, read and sent at a time.
pub const CHUNK: usize = 64 << 10;

/// Why a content was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such content, or it is shorter than what was asked for.
    #[error("the content is not there")]
    Absent,
    /// Too few bytes are free. Nothing was written.
    #[error("too few bytes are free on the volume of the files")]
    NoSpace,
    #[error("the files cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// Contents by object.
#[async_trait]
pub trait Bytes: Send + Sync {
    /// Begins a content of at most `expected` bytes.
    async fn write(&self, object: Object, expected: u64) -> Result<Box<dyn Writer>>;
    /// Opens the bytes `range` of a content.
    async fn read(&self, object: Object, range: Range<u64>) -> Result<Box<dyn Reader>>;
    /// Removes a content; one that is not there stays away.
    async fn remove(&self, object: Object) -> Result<()>;
}

/// A content that is being written. Dropped before it is finished, nothing of it is left.
#[async_trait]
pub trait Writer: Send {
    async fn append(&mut self, chunk: Chunk) -> Result<()>;
    /// Makes the content durable, and readable.
    async fn finish(self: Box<Self>) -> Result<()>;
}

/// A part of a content that is being read.
#[async_trait]
pub trait Reader: Send {
    /// The next bytes, at most [`CHUNK`]; none at the end of the part.
    async fn next(&mut self) -> Result<Option<Chunk>>;
}
