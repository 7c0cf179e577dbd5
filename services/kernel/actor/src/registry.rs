//! Actors by key: made on first use, ended when idle, at most one of each key at a time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::actor::Actor;
use crate::executor::Executor;
use crate::mailbox::{AskError, Mailbox, Refused, Reply};
use crate::queue::{Ordinal, Queue};
use crate::shell::{Ending, launch};

/// The bounds of a registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryOptions {
    /// Most messages that wait for one actor.
    pub capacity: usize,
    /// An actor without mail for this long ends.
    pub idle: Duration,
    /// Most actors at a time; over it a message for a new key is refused as `Full`.
    pub actors_max: usize,
}

/// Finds or makes the actor of a key. Clone; all clones share the actors. An actor lives on the thread of the actor that needed
/// it first, for what crosses threads costs ten times as much; if it was needed elsewhere, the key decides.
pub struct Registry<K, A: Actor>(Arc<Shared<K, A>>);

struct Shared<K, A: Actor> {
    executor: Executor,
    options: RegistryOptions,
    make: Make<K, A>,
    /// Never iterated: the order of a hash map must not be seen.
    live: Mutex<HashMap<K, Mailbox<A::Message>>>,
}

/// Where an accepted message waits, and for how many before it.
type Posted<M> = Result<(Mailbox<M>, Ordinal), Refused<M>>;

type Make<K, A> = Arc<dyn Fn(&K, Mailbox<<A as Actor>::Message>) -> A + Send + Sync>;

/// How often a message follows an actor that closed under it before it is given back.
const SUCCESSORS_MAX: usize = 8;

impl<K, A> Registry<K, A>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    A: Actor,
{
    /// A registry without actors. `make` builds the actor of a key, on the thread it will live on.
    pub fn new(
        executor: Executor,
        options: RegistryOptions,
        make: impl Fn(&K, Mailbox<A::Message>) -> A + Send + Sync + 'static,
    ) -> Self {
        Registry(Arc::new(Shared { executor, options, make: Arc::new(make), live: Mutex::new(HashMap::new()) }))
    }

    /// [`Mailbox::ask`] for the actor of `key`, which is made if there is none. A message that meets a closing actor goes to
    /// its successor.
    ///
    /// # Errors
    /// As [`Mailbox::ask`]; `Full` also when there are `actors_max` actors and none of this key.
    pub async fn ask<T>(&self, key: &K, deadline: Duration, make: impl FnOnce(Reply<T>) -> A::Message) -> Result<T, AskError> {
        let (reply, answer) = Reply::pair();
        let (mailbox, ordinal) = self.post(key, make(reply))?;
        mailbox.wait(ordinal, deadline, answer).await
    }

    /// [`Mailbox::tell`] for the actor of `key`, which is made if there is none.
    ///
    /// # Errors
    /// `Full`: the mailbox, or the registry. `Closed`: the executor is gone. The message comes back.
    pub fn tell(&self, key: &K, message: A::Message) -> Result<(), Refused<A::Message>> {
        self.post(key, message).map(|_| ())
    }

    /// Closes the actors of keys that a choice says yes to, in the order of their keys: what runs goes on to its end, what waits is
    /// refused, and who asks again makes another one.
    pub fn close(&self, choice: impl Fn(&K) -> bool)
    where
        K: Ord,
    {
        let live = self.0.live.lock();
        let mut chosen: Vec<(&K, &Mailbox<A::Message>)> = live.iter().filter(|(key, _)| choice(key)).collect();
        chosen.sort_by_key(|(key, _)| *key);
        let chosen: Vec<Mailbox<A::Message>> = chosen.into_iter().map(|(_, mailbox)| mailbox.clone()).collect();
        // Unlocked: who ends takes itself out.
        drop(live);
        chosen.iter().for_each(Mailbox::close);
    }

    /// How many actors live.
    pub fn len(&self) -> usize {
        self.0.live.lock().len()
    }

    /// Whether no actor lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn post(&self, key: &K, message: A::Message) -> Posted<A::Message> {
        let mut message = message;
        for _ in 0..SUCCESSORS_MAX {
            let Some(mailbox) = self.find_or_make(key) else { return Err(Refused::Full(message)) };
            match mailbox.queue().push(message) {
                Ok(ordinal) => return Ok((mailbox, ordinal)),
                Err(Refused::Closed(back)) => message = back,
                Err(full) => return Err(full),
            }
        }
        Err(Refused::Closed(message))
    }

    /// An open mailbox of `key`, unless there are too many actors.
    fn find_or_make(&self, key: &K) -> Option<Mailbox<A::Message>> {
        let mut live = self.0.live.lock();
        let predecessor = live.get(key).cloned();
        match &predecessor {
            Some(mailbox) if !mailbox.is_closed() => return predecessor,
            None if live.len() >= self.0.options.actors_max => return None,
            _ => {}
        }
        let mailbox = Mailbox::new(Arc::new(Queue::new(self.0.options.capacity)));
        live.insert(key.clone(), mailbox.clone());
        drop(live);

        let start = self.starter(key, mailbox.clone());
        match predecessor {
            // It may be at its last batch; two writers of one key would be none.
            Some(predecessor) => predecessor.queue().when_ended(start),
            None => start(),
        }
        Some(mailbox)
    }

    fn starter(&self, key: &K, mailbox: Mailbox<A::Message>) -> Box<dyn FnOnce() + Send> {
        let ending = Ending::new(mailbox.queue().clone(), Some(self.farewell(key, &mailbox)));
        let (executor, make, key) = (self.0.executor.clone(), self.0.make.clone(), key.clone());
        let lane = Executor::lane_here().unwrap_or_else(|| lane(&key));
        let idle = self.0.options.idle;
        Box::new(move || launch(&executor, lane, mailbox, Some(idle), ending, move |mailbox| make(&key, mailbox)))
    }

    /// Forgets the mailbox, unless a successor has taken its place.
    fn farewell(&self, key: &K, mailbox: &Mailbox<A::Message>) -> Box<dyn FnOnce() + Send> {
        let (shared, key, queue) = (Arc::downgrade(&self.0), key.clone(), mailbox.queue().clone());
        Box::new(move || {
            let Some(shared) = shared.upgrade() else { return };
            let mut live = shared.live.lock();
            if live.get(&key).is_some_and(|mailbox| Arc::ptr_eq(mailbox.queue(), &queue)) {
                live.remove(&key);
            }
        })
    }
}

impl<K, A: Actor> Clone for Registry<K, A> {
    fn clone(&self) -> Self {
        Registry(self.0.clone())
    }
}

/// The lane of a key: the same in every process and every run.
fn lane(key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
