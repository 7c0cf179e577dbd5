//! Actors on actix, behind one small door: state that one writer must order, reached by bounded mail.
//!
//! The idea: actix runs the actors (an arbiter is one thread) and nobody outside this crate knows. The mailbox is our own,
//! because every clone of an actix `Addr` lifts its bound by one and because a dialog wants all mail that waits at once.
//! One thread with paused time can take the place of the arbiters, so that a simulation runs the code of production.
//!
//! The parts, in the order a message meets them:
//! - [`Registry`]: actors by key, made on first use, ended when idle; [`start`]: one actor without a key.
//! - [`Mailbox`]: the handle; [`Mailbox::tell`], [`Mailbox::deliver`], [`Mailbox::ask`] with its [`Reply`].
//! - `queue`: the bounded mail itself, and what is known of its actor's life.
//! - `shell`: the actix actor that owns an [`Actor`] and hands it its mail in batches.
//! - [`Executor`]: where all of it runs. [`Clock`] and [`Chance`]: the other two things a simulation replaces.
//! - [`Rates`]: how often somebody may send at all, asked before there is mail; [`Dial`]: a limit that may change while it is in use.
//! - [`Watched`]: a value that many wait for, who are woken in the order of their waiting.
//!
//! Invariants:
//! - A batch runs to its end before the next is taken; nothing interleaves, nothing but a kill drops it half way.
//! - A mailbox never holds more than its capacity, however many handles there are.
//! - Of one key of a registry at most one actor exists: the successor is made after its predecessor was dropped.
//! - A panic or [`Stop`] ends the actor, never the thread. What waited in its mailbox is dropped unread and its askers
//!   hear [`AskError::Closed`]; the next message makes a new actor, from scratch.
//! - A message that was accepted is either handed to an actor or dropped because that actor ended. Idle actors close their
//!   mailbox only while it is empty, so going idle loses nothing.
//! - On [`Executor::local`] with paused time the order of events depends on the program and its seeds only.

mod actor;
mod chance;
mod clock;
mod dial;
mod executor;
mod mailbox;
mod queue;
mod rates;
mod registry;
mod shell;
mod watched;

pub use actor::{Actor, Stop};
pub use chance::Chance;
pub use clock::Clock;
pub use dial::Dial;
pub use executor::Executor;
pub use mailbox::{AskError, Mailbox, Refused, Reply, WeakMailbox};
pub use rates::Rates;
pub use registry::{Registry, RegistryOptions};
pub use shell::start;
pub use watched::{Watched, Watcher};
