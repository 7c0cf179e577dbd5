//! The handle of an actor: verbs, never a channel.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use natter_proto::{Code, Failure};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::queue::{Ordinal, Queue};

/// Reaches one actor. Cloning is cheap and lifts no bound. When the last handle is gone, the actor handles what still waits
/// and ends; an actor that keeps its own handle lives until it is stopped, so it should keep a [`WeakMailbox`].
pub struct Mailbox<M>(Arc<Handle<M>>);

/// A handle that keeps no actor alive.
pub struct WeakMailbox<M>(Weak<Handle<M>>);

struct Handle<M> {
    queue: Arc<Queue<M>>,
}

/// Why a message was not accepted; it comes back.
#[derive(PartialEq, Eq)]
pub enum Refused<M> {
    /// The mailbox (or the registry) is full.
    Full(M),
    /// The actor has ended or is about to.
    Closed(M),
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// The mailbox (or the registry) is full. Nothing was done.
    #[error("the mailbox is full")]
    Full,
    /// The actor ended before it was handed the message. Nothing was done.
    #[error("the actor has ended")]
    Closed,
    /// No answer in time, or the actor ended with the message in its hands. It may have been carried out, or still will be.
    #[error("the actor did not answer")]
    Deadline,
}

/// Where the answer to one [`Mailbox::ask`] goes. Dropped without an answer, the asker hears [`AskError::Deadline`].
pub struct Reply<T>(oneshot::Sender<T>);

// === impl Mailbox ===

impl<M: Send> Mailbox<M> {
    /// Leaves a message, without waiting.
    ///
    /// # Errors
    /// The mailbox is full or closed; the message comes back.
    pub fn tell(&self, message: M) -> Result<(), Refused<M>> {
        self.queue().push(message).map(|_| ())
    }

    /// Leaves a message and waits for room if there is none: back pressure for the readers of sockets. If dropped before it
    /// resolves, the message was not sent.
    ///
    /// # Errors
    /// The mailbox is closed; the message comes back.
    pub async fn deliver(&self, message: M) -> Result<(), M> {
        let mut message = message;
        loop {
            let mut room = pin!(self.queue().room());
            // Listening begins before the look, so room made in between is not missed.
            room.as_mut().enable();
            match self.queue().push(message) {
                Ok(_) => return Ok(()),
                Err(Refused::Closed(back)) => return Err(back),
                Err(Refused::Full(back)) => message = back,
            }
            room.await;
        }
    }

    /// Leaves the message that `make` builds around a [`Reply`] and waits for the answer, at most `deadline`. Whoever stops
    /// waiting does not take the message back: it is handled all the same.
    ///
    /// # Errors
    /// [`AskError`] tells what is certain: nothing was done, or the outcome is unknown.
    pub async fn ask<T>(&self, deadline: Duration, make: impl FnOnce(Reply<T>) -> M) -> Result<T, AskError> {
        let (reply, answer) = oneshot::channel();
        let ordinal = self.queue().push(make(Reply(reply)))?;
        self.wait(ordinal, deadline, answer).await
    }

    pub(crate) async fn wait<T>(
        &self,
        ordinal: Ordinal,
        deadline: Duration,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, AskError> {
        match timeout(deadline, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) if !self.queue().was_taken(ordinal) => Err(AskError::Closed),
            _ => Err(AskError::Deadline),
        }
    }
}

impl<M> Mailbox<M> {
    pub(crate) fn new(queue: Arc<Queue<M>>) -> Mailbox<M> {
        Mailbox(Arc::new(Handle { queue }))
    }

    pub(crate) fn queue(&self) -> &Arc<Queue<M>> {
        &self.0.queue
    }

    /// Closes the mailbox: what waits is dropped unread, what runs goes on to its end, then the actor ends.
    pub fn close(&self) {
        self.queue().close();
    }

    /// Whether the actor has ended or is about to.
    pub fn is_closed(&self) -> bool {
        self.queue().is_closed()
    }

    /// A handle that does not keep the actor alive.
    pub fn downgrade(&self) -> WeakMailbox<M> {
        WeakMailbox(Arc::downgrade(&self.0))
    }

    /// Whether both reach the same actor.
    pub fn same(&self, other: &Mailbox<M>) -> bool {
        Arc::ptr_eq(self.queue(), other.queue())
    }
}

impl<M> WeakMailbox<M> {
    /// The handle, while another one exists.
    pub fn upgrade(&self) -> Option<Mailbox<M>> {
        self.0.upgrade().map(Mailbox)
    }
}

impl<M> Drop for Handle<M> {
    fn drop(&mut self) {
        self.queue.orphan();
    }
}

// Derived, these would ask the same of `M`.
impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Mailbox(self.0.clone())
    }
}

impl<M> Clone for WeakMailbox<M> {
    fn clone(&self) -> Self {
        WeakMailbox(self.0.clone())
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

// === impl Reply, Refused, AskError ===

impl<T> Reply<T> {
    /// A reply and what awaits it, for messages that are built without [`Mailbox::ask`].
    pub(crate) fn pair() -> (Reply<T>, oneshot::Receiver<T>) {
        let (reply, answer) = oneshot::channel();
        (Reply(reply), answer)
    }

    /// Answers. An asker that has left hears nothing, and that is no error.
    pub fn send(self, value: T) {
        self.hand(value);
    }

    /// Answers. False: the asker has left, and what was meant for it is nobody's.
    pub fn hand(self, value: T) -> bool {
        self.0.send(value).is_ok()
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl<M> Refused<M> {
    /// The message that was not accepted.
    pub fn into_message(self) -> M {
        match self {
            Refused::Full(message) | Refused::Closed(message) => message,
        }
    }
}

impl<M> fmt::Debug for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Full(_) => "Full",
            Refused::Closed(_) => "Closed",
        })
    }
}

impl<M> From<Refused<M>> for AskError {
    fn from(refused: Refused<M>) -> AskError {
        match refused {
            Refused::Full(_) => AskError::Full,
            Refused::Closed(_) => AskError::Closed,
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        let code = match error {
            AskError::Full | AskError::Closed => Code::Busy,
            AskError::Deadline => Code::Unknown,
        };
        Failure::new(code, error.to_string())
    }
}
