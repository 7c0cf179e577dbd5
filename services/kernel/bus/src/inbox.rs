//! What waits for one subscription: bounded by messages and by bytes.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::payload::Payload;

/// Most messages that wait for one subscription.
pub const MESSAGES_MAX: usize = 65_536;
/// Most bytes that wait for one subscription.
pub const BYTES_MAX: usize = 64 << 20;

/// Mail from any number of publishers to one subscription.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    mail: VecDeque<Mail>,
    bytes: usize,
    /// Messages were dropped since the subscription last had nothing left to read; said once.
    overflowed: bool,
    closed: bool,
    reader: Option<Waker>,
}

struct Mail {
    payload: Payload,
    /// Not to be read earlier. Set by faults only.
    due: Option<Instant>,
}

/// The head of an inbox.
pub(crate) enum Next {
    Payload(Payload),
    NotBefore(Instant),
}

impl Inbox {
    /// Adds a message, unless there is no room; says whether it did. It becomes readable at `due`, but not ahead of those
    /// before it.
    pub(crate) fn push(&self, payload: Payload, due: Option<Instant>) -> bool {
        let mut state = self.0.lock();
        if state.mail.len() >= MESSAGES_MAX || state.bytes + payload.len() > BYTES_MAX {
            if !state.overflowed {
                state.overflowed = true;
                tracing::warn!("a subscription of the bus is full, its newest messages are dropped");
            }
            return false;
        }
        state.bytes += payload.len();
        state.mail.push_back(Mail { payload, due });
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        true
    }

    /// Takes the oldest message if it is due at `now` or has no due time. `None`: the bus is gone and all was read.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>, now: impl FnOnce() -> Instant) -> Poll<Option<Next>> {
        let mut state = self.0.lock();
        let Some(first) = state.mail.front() else {
            if state.closed {
                return Poll::Ready(None);
            }
            state.overflowed = false;
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if let Some(due) = first.due.filter(|due| *due > now()) {
            return Poll::Ready(Some(Next::NotBefore(due)));
        }
        let first = state.mail.pop_front().expect("there is a first");
        state.bytes -= first.payload.len();
        Poll::Ready(Some(Next::Payload(first.payload)))
    }

    /// Nothing will be added any more.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        if let Some(reader) = state.reader.take() {
            drop(state);
            reader.wake();
        }
    }
}
