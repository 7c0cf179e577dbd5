//! What an actor is to its author: a state, one kind of message, one method. How it is run says `shell.rs`.

/// Ends the actor that returns it. Its mailbox is closed; through a registry the next message makes a new actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop;

/// A state that only its own mail changes.
///
/// An actor keeps nothing that cannot be rebuilt: after [`Stop`] or a panic a new one is made from the store.
pub trait Actor: Sized + 'static {
    /// One enum per actor: the match on it lists all that can happen.
    type Message: Send + 'static;

    /// Most messages handed over at once: all that wait, at most this many. Asked once, when the actor starts.
    fn batch(&self) -> usize {
        1
    }

    /// Takes the mail that waits, oldest first, never empty. Runs to its end before the next mail is taken and is dropped
    /// half way only when the process (in a simulation: the node) is killed.
    fn handle(&mut self, mail: Vec<Self::Message>) -> impl Future<Output = Result<(), Stop>>;
}
