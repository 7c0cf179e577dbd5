//! A commit on its way: the future that the caller holds, and the order slip that the engine holds.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::error::Error;

/// The outcome of a commit. The batch was enqueued when [`Kv::commit`](crate::Kv::commit) was called: it is written even
/// if this is dropped or never polled. It resolves only when the outcome is certain, however long that takes: a batch given up
/// half way would be met by the next one. Who cannot wait so long drops it, as a link does at its deadline.
pub struct Commit(State);

enum State {
    Refused(Error),
    Waiting(oneshot::Receiver<Result<(), Error>>),
}

impl Commit {
    /// A commit that never got into the queue.
    pub(crate) fn refused(error: Error) -> Commit {
        Commit(State::Refused(error))
    }

    /// Why it was refused at once, if it was.
    pub(crate) fn refusal(&self) -> Option<&Error> {
        match &self.0 {
            State::Refused(error) => Some(error),
            State::Waiting(_) => None,
        }
    }
}

impl Future for Commit {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            State::Waiting(answer) => Pin::new(answer).poll(context).map(|answer| {
                // Without an answer the committer ended between taking the batch and writing it, or after.
                answer.unwrap_or_else(|_| Err(Error::Unknown("the committer ended".into())))
            }),
        }
    }
}

/// A batch in the queue, with the way back to who waits for it.
pub(crate) struct Waiting {
    pub batch: Batch,
    pub bytes: usize,
    pub since: Instant,
    answer: oneshot::Sender<Result<(), Error>>,
}

impl Waiting {
    pub fn new(batch: Batch) -> (Waiting, Commit) {
        let (answer, outcome) = oneshot::channel();
        let bytes = batch.bytes();
        (Waiting { batch, bytes, since: Instant::now(), answer }, Commit(State::Waiting(outcome)))
    }

    /// Gives the batch away and keeps the way back.
    pub fn split(self) -> (Batch, Asker) {
        (self.batch, Asker { since: self.since, answer: self.answer })
    }
}

/// Who waits for a batch that was taken.
pub(crate) struct Asker {
    pub since: Instant,
    answer: oneshot::Sender<Result<(), Error>>,
}

impl Asker {
    /// Answers; who has gone meanwhile does not hear it.
    pub fn answer(self, outcome: Result<(), Error>) {
        let _ = self.answer.send(outcome);
    }
}
