//! The bounded queue in front of a committer: count and bytes. Order of pushes is order of commits.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::batch::Batch;
use crate::commit::{Commit, Waiting};
use crate::error::Error;

/// Batches that wait for the committer.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limits: Limits,
}

/// What a queue holds at most, and what is taken from it at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub count: usize,
    pub bytes: usize,
    pub group_count: usize,
    /// A single larger batch makes a group of its own.
    pub group_bytes: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub fn new(limits: Limits) -> Queue {
        Queue { state: Mutex::default(), arrived: Condvar::new(), limits }
    }

    /// Enqueues at once, or refuses at once.
    pub fn push(&self, batch: Batch) -> Commit {
        if let Some(reason) = batch.refused {
            return Commit::refused(Error::NotStored(reason.into()));
        }
        if !batch.keys_fit() {
            return Commit::refused(Error::NotStored("a key is empty or too long".into()));
        }
        let (mut waiting, commit) = Waiting::new(batch);
        let mut state = self.state.lock();
        if state.closed {
            return Commit::refused(Error::NotStored("the store is closed".into()));
        }
        if state.waiting.len() >= self.limits.count || state.bytes + waiting.bytes > self.limits.bytes {
            return Commit::refused(Error::Full);
        }
        // Under the lock: the order of numbers is the order of commits.
        waiting.batch.number();
        state.bytes += waiting.bytes;
        state.waiting.push_back(waiting);
        drop(state);
        self.arrived.notify_one();
        commit
    }

    /// What waits, up to one group; blocks the thread until something does or `until` has passed (then it is empty).
    /// `None`: closed, and nothing is left.
    pub fn take_blocking(&self, until: Option<Instant>) -> Option<Vec<Waiting>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            match until {
                None => self.arrived.wait(&mut state),
                Some(until) => {
                    if self.arrived.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        Some(state.take(self.limits))
    }

    /// What waits, up to one group.
    pub fn take(&self) -> Vec<Waiting> {
        self.state.lock().take(self.limits)
    }

    /// Refuses what comes from here on; what waits can still be taken.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
    }
}

impl State {
    fn take(&mut self, limits: Limits) -> Vec<Waiting> {
        let mut bytes = 0;
        let mut taken = Vec::new();
        while let Some(next) = self.waiting.front() {
            if taken.len() >= limits.group_count || (!taken.is_empty() && bytes + next.bytes > limits.group_bytes) {
                break;
            }
            bytes += next.bytes;
            taken.extend(self.waiting.pop_front());
        }
        self.bytes -= bytes;
        taken
    }
}
