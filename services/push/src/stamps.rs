//! Numbers by which the writes of this process are told apart from all others: of earlier processes, and of those beside it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts from a number that chance gave. Clones are not made: who needs the same sequence shares it.
pub struct Stamps(AtomicU64);

impl Stamps {
    /// `boot`: by chance, once per process.
    pub fn new(boot: u64) -> Stamps {
        Stamps(AtomicU64::new(boot))
    }

    /// One that no other write has.
    pub fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed) as i64
    }
}
