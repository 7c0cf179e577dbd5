//! Numbers that are given in the order of commits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Numbers for keys ([`Batch::put_next`](crate::Batch::put_next)), ascending. Clones give the same numbers.
#[derive(Clone)]
pub struct Series(Arc<Numbers>);

struct Numbers {
    next: AtomicU64,
    moved: Arc<Notify>,
}

impl Series {
    /// Numbers from `next` on. `moved` is told of each that is taken; several series may share one.
    pub fn starting_at(next: u64, moved: Arc<Notify>) -> Series {
        Series(Arc::new(Numbers { next: AtomicU64::new(next), moved }))
    }

    /// The number that is given next.
    pub fn upcoming(&self) -> u64 {
        self.0.next.load(Ordering::Acquire)
    }

    pub(crate) fn take_next(&self) -> u64 {
        let taken = self.0.next.fetch_add(1, Ordering::AcqRel);
        self.0.moved.notify_one();
        taken
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Series({})", self.upcoming())
    }
}
