//! The mail of one actor: bounded to the message, closed once, and the place where the actor's end is known.
//!
//! Not here: who sends (`mailbox.rs`), who reads (`shell.rs`), who comes after (`registry.rs`).

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::mailbox::Refused;

/// Mail between any number of senders and one reader.
pub(crate) struct Queue<M> {
    capacity: usize,
    state: Mutex<State<M>>,
    /// Rung whenever mail was taken or dropped.
    room: Notify,
}

struct State<M> {
    mail: VecDeque<M>,
    phase: Phase,
    /// How many messages were ever accepted, and how many of those were handed to the actor.
    accepted: u64,
    taken: u64,
    reader: Option<Waker>,
    /// Runs once the actor is gone.
    after: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// No handle is left: nothing can come any more, what waits is still handed over.
    Orphaned,
    /// Nothing is accepted or handed over; the actor may be at its last batch.
    Closed,
    /// The actor was dropped.
    Ended,
}

/// The place of an accepted message in the order of its queue.
#[derive(Clone, Copy)]
pub(crate) struct Ordinal(u64);

impl<M> Queue<M> {
    pub(crate) fn new(capacity: usize) -> Queue<M> {
        let state = State { mail: VecDeque::new(), phase: Phase::Open, accepted: 0, taken: 0, reader: None, after: None };
        Queue { capacity: capacity.max(1), state: Mutex::new(state), room: Notify::new() }
    }

    /// Accepts a message, or gives it back.
    pub(crate) fn push(&self, message: M) -> Result<Ordinal, Refused<M>> {
        let mut state = self.state.lock();
        if state.phase >= Phase::Closed {
            return Err(Refused::Closed(message));
        }
        if state.mail.len() >= self.capacity {
            return Err(Refused::Full(message));
        }
        let ordinal = Ordinal(state.accepted);
        state.accepted += 1;
        state.mail.push_back(message);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Ok(ordinal)
    }

    /// Takes all that waits, at most `most`, oldest first, never nothing. `None`: no mail will come any more.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, most: usize) -> Poll<Option<Vec<M>>> {
        let mut state = self.state.lock();
        if state.mail.is_empty() || state.phase >= Phase::Closed {
            if state.phase != Phase::Open {
                return Poll::Ready(None);
            }
            match &mut state.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => state.reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let mail = if state.mail.len() <= most {
            // The buffer goes along, so that an idle actor holds none.
            Vec::from(mem::take(&mut state.mail))
        } else {
            state.mail.drain(..most).collect()
        };
        state.taken += mail.len() as u64;
        drop(state);
        self.room.notify_waiters();
        Poll::Ready(Some(mail))
    }

    /// Resolves when mail was taken or the queue was closed after this call.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    /// Whether anybody waits to be handed over.
    pub(crate) fn has_mail(&self) -> bool {
        !self.state.lock().mail.is_empty()
    }

    /// Whether the message of `ordinal` was handed to the actor.
    pub(crate) fn was_taken(&self, ordinal: Ordinal) -> bool {
        ordinal.0 < self.state.lock().taken
    }

    // === the actor's end ===

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().phase >= Phase::Closed
    }

    /// Closes and drops what waits.
    pub(crate) fn close(&self) {
        self.move_to(Phase::Closed);
    }

    /// Closes if nothing waits; says whether it did. What is sent afterwards is given back, so nothing is lost.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut state = self.state.lock();
        if state.mail.is_empty() {
            state.phase = state.phase.max(Phase::Closed);
        }
        state.phase >= Phase::Closed
    }

    /// The last handle is gone.
    pub(crate) fn orphan(&self) {
        self.move_to(Phase::Orphaned);
    }

    /// The actor is gone; runs what was left for that moment.
    pub(crate) fn end(&self) {
        self.move_to(Phase::Ended);
        let after = self.state.lock().after.take();
        if let Some(after) = after {
            after();
        }
    }

    /// Runs `after` once the actor is gone, which may be at once. Called at most once for a queue.
    pub(crate) fn when_ended(&self, after: Box<dyn FnOnce() + Send>) {
        let mut state = self.state.lock();
        if state.phase != Phase::Ended {
            debug_assert!(state.after.is_none(), "an actor has one successor");
            state.after = Some(after);
            return;
        }
        drop(state);
        after();
    }

    fn move_to(&self, phase: Phase) {
        let mut state = self.state.lock();
        state.phase = state.phase.max(phase);
        let dropped = if phase >= Phase::Closed { mem::take(&mut state.mail) } else { VecDeque::new() };
        let reader = state.reader.take();
        drop(state);
        // Outside the lock: dropping a message drops its reply, and that wakes somebody.
        drop(dropped);
        wake(reader);
        self.room.notify_waiters();
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_empty_queue_goes_idle_and_gives_back_what_comes_later() {
        let queue = Queue::new(2);
        let mut task = Context::from_waker(Waker::noop());
        queue.push(1).unwrap();
        assert!(!queue.close_if_empty() && !queue.is_closed());
        assert_eq!(queue.poll_take(&mut task, 8), Poll::Ready(Some(vec![1])));
        assert!(queue.close_if_empty());
        assert!(matches!(queue.push(2), Err(Refused::Closed(2))));
        assert_eq!(queue.poll_take(&mut task, 8), Poll::Ready(None));
    }
}
