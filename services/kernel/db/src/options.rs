//! Settings of the store on disk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::queue::Limits;

/// How much memory and disk the store may take, and when it refuses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KvOptions {
    /// Bytes of the cache of blocks read from disk.
    pub cache_bytes: u64,
    /// Bytes of one table's write buffer before it becomes a file; up to three more may wait to be written.
    pub write_buffer_bytes: u64,
    /// Bytes of all journals together, at least 64 MiB. More: fewer small files; less: a faster start after a crash.
    pub journal_bytes: u64,
    /// Below this many free bytes on the volume every write is refused; what is stored stays readable. The store needs
    /// room to merge its files, so that it can go on when there is space again.
    pub reserve_bytes: u64,
    /// Most commits that wait. More are refused as busy.
    pub queue_count: usize,
    /// Most bytes of commits that wait. More are refused as busy.
    pub queue_bytes: usize,
    /// Most commits written together. There is no timer: what came while the last group was written makes the next.
    pub group_count: usize,
    /// Most bytes of commits written together, so that a journal write stays short. One larger commit makes a group of its own.
    pub group_bytes: usize,
    /// Milliseconds that a read waits for the store. Over it the read has failed. A commit is waited for until its outcome is
    /// certain; who asked for it through a link waits until the deadline of that link.
    pub deadline_ms: u64,
}

impl Default for KvOptions {
    fn default() -> Self {
        KvOptions {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 16 << 20,
            journal_bytes: 128 << 20,
            reserve_bytes: 64 << 20,
            queue_count: 16_384,
            queue_bytes: 64 << 20,
            group_count: 256,
            group_bytes: 8 << 20,
            deadline_ms: 2_000,
        }
    }
}

impl KvOptions {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            count: self.queue_count,
            bytes: self.queue_bytes,
            group_count: self.group_count.max(1),
            group_bytes: self.group_bytes,
        }
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}
