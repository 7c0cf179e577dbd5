//! One listener's end of the bus.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};

use tokio::time::{Instant, sleep_until};

use crate::inbox::{Inbox, Next};
use crate::payload::Payload;
use crate::topics::Topics;

/// Hears one subject until it is dropped. Does not keep the bus alive.
pub struct Subscription {
    subject: String,
    inbox: Arc<Inbox>,
    topics: Weak<Topics>,
}

impl Subscription {
    pub(crate) fn begin(topics: &Arc<Topics>, subject: &str) -> Subscription {
        let inbox = Arc::new(Inbox::default());
        topics.add(subject, inbox.clone());
        Subscription { subject: subject.to_owned(), inbox, topics: Arc::downgrade(topics) }
    }

    /// The next message; `None` once the bus is gone and all was read. Cancellation safe: what is not returned is not taken.
    pub async fn next(&mut self) -> Option<Payload> {
        self.next_up_to(1).await?.pop()
    }

    /// All messages that wait, at least one and at most `most`, oldest first; otherwise as [`next`](Subscription::next).
    pub async fn next_up_to(&mut self, most: usize) -> Option<Vec<Payload>> {
        loop {
            match poll_fn(|cx| self.inbox.poll_next(cx, most, Instant::now)).await? {
                Next::Payloads(payloads) => return Some(payloads),
                Next::NotBefore(due) => sleep_until(due).await,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(topics) = self.topics.upgrade() {
            topics.remove(&self.subject, &self.inbox);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("subject", &self.subject).finish_non_exhaustive()
    }
}
