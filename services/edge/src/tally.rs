//! Counts what is under way, so that the end can be waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many tickets are out.
#[derive(Default)]
pub(crate) struct Tally {
    count: AtomicUsize,
    none: Notify,
}

/// One thing under way, until it is dropped.
pub(crate) struct Ticket(Arc<Tally>);

impl Tally {
    pub(crate) fn ticket(self: &Arc<Tally>) -> Ticket {
        self.count.fetch_add(1, Ordering::SeqCst);
        Ticket(self.clone())
    }

    /// Resolves when no ticket is out.
    pub(crate) async fn none(&self) {
        loop {
            // Waiting begins before the look, or the last ticket might go in between.
            let mut none = std::pin::pin!(self.none.notified());
            none.as_mut().enable();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
