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
    bytes: usize,
    /// Not to be read earlier. Set by faults only.
    due: Option<Instant>,
}

/// What can be read of an inbox.
pub(crate) enum Next {
    /// The oldest, never none.
    Payloads(Vec<Payload>),
    NotBefore(Instant),
}

impl Inbox {
    /// Adds messages and wakes the reader once; says how many found no room. They become readable at `due`, but not ahead of
    /// those before them.
    pub(crate) fn push(&self, payloads: &[Payload], due: Option<Instant>) -> u64 {
        let mut state = self.0.lock();
        let mut dropped = 0;
        for payload in payloads {
            let bytes = payload.len();
            if state.mail.len() >= MESSAGES_MAX || state.bytes + bytes > BYTES_MAX {
                dropped += 1;
                continue;
            }
            state.bytes += bytes;
            state.mail.push_back(Mail { payload: payload.clone(), bytes, due });
        }
        if dropped > 0 && !state.overflowed {
            state.overflowed = true;
            tracing::warn!("a subscription of the bus is full, its newest messages are dropped");
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        dropped
    }

    /// Takes up to `most` of the oldest messages that are due at `now` or have no due time. `None`: the bus is gone and all was
    /// read.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>, most: usize, now: impl Fn() -> Instant) -> Poll<Option<Next>> {
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
        let is_due = |mail: &Mail| mail.due.is_none_or(|due| due <= now());
        let count = state.mail.iter().take(most.max(1)).take_while(|mail| is_due(mail)).count();
        let taken: Vec<Mail> = state.mail.drain(..count).collect();
        state.bytes -= taken.iter().map(|mail| mail.bytes).sum::<usize>();
        drop(state);
        Poll::Ready(Some(Next::Payloads(taken.into_iter().map(|mail| mail.payload).collect())))
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
