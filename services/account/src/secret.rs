//! Argon2id on a bounded pool: at most so many runs at once, at most so many logins waiting for one. A run takes 19 MiB and
//! some 30 ms, so a login storm without bounds would take the machine.
//!
//! Nothing here compares or remembers; the rules of a login are in `calls/credentials.rs`.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::metrics::Metrics;
use crate::options::Argon2Options;

/// The pool.
pub struct Hashers {
    argon2: Argon2<'static>,
    inline: bool,
    /// Those that wait or run.
    queue: Arc<Semaphore>,
    /// Those that run.
    slots: Arc<Semaphore>,
    metrics: Metrics,
}

/// The right to hash. While a run is under way its slot is taken, also if whoever asked has gone.
pub struct Turn<'a> {
    hashers: &'a Hashers,
    held: Arc<Held>,
}

struct Held {
    _queue: OwnedSemaphorePermit,
    _slot: OwnedSemaphorePermit,
    metrics: Metrics,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.metrics.hashes_waiting.dec();
    }
}

impl Hashers {
    /// A pool of this cost and size. A cost that Argon2 does not know becomes its default.
    pub fn new(options: &Argon2Options, metrics: Metrics) -> Hashers {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let params = Params::new(options.memory_kib, options.passes, 1, None).unwrap_or_else(|error| {
            tracing::warn!(%error, "argon2: settings not possible, taking the defaults");
            Params::default()
        });
        Hashers {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            inline: options.inline,
            queue: Arc::new(Semaphore::new(threads + options.waiting_max)),
            slots: Arc::new(Semaphore::new(threads)),
            metrics,
        }
    }

    /// Waits for a turn. `HashersBusy` at once if too many wait.
    pub async fn turn(&self) -> Result<Turn<'_>, Error> {
        let Ok(queue) = self.queue.clone().try_acquire_owned() else {
            self.metrics.hashes_refused.inc();
            return Err(Error::HashersBusy);
        };
        let slot = self.slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        self.metrics.hashes_waiting.inc();
        Ok(Turn { hashers: self, held: Arc::new(Held { _queue: queue, _slot: slot, metrics: self.metrics.clone() }) })
    }
}

impl Turn<'_> {
    /// The hash of a password under a random salt, in PHC form.
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, Error> {
        let password = password.to_owned();
        let hash =
            self.run(move |argon2| argon2.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()));
        Ok(hash.await.expect("a salt of 16 bytes and a bounded password are what Argon2 takes"))
    }

    /// Whether `password` has this hash. Constant time in what it compares.
    pub async fn matches(&self, password: &str, hash: &str) -> bool {
        let (password, hash) = (password.to_owned(), hash.to_owned());
        self.run(move |argon2| argon2.verify_password(password.as_bytes(), hash.as_str()).is_ok()).await
    }

    /// Takes as long as a check, for a user who is not there.
    pub async fn burn(&self, password: &str) {
        let _ = self.hash(password, [0; 16]).await;
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static) -> T {
        self.hashers.metrics.hashes.inc();
        if self.hashers.inline {
            return work(&self.hashers.argon2);
        }
        let (argon2, held) = (self.hashers.argon2.clone(), self.held.clone());
        let run = tokio::task::spawn_blocking(move || {
            let _held = held;
            work(&argon2)
        });
        run.await.expect("Argon2 does not panic, and the runtime outlives its callers")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_hash_matches_its_password_only() {
        let hashers = Hashers::new(&Argon2Options { inline: false, ..Argon2Options::cheap() }, Metrics::default());
        let turn = hashers.turn().await.unwrap();
        let hash = turn.hash("p&ss=1 é", [3; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert!(turn.matches("p&ss=1 é", &hash).await);
        assert!(!turn.matches("p&ss=1 e", &hash).await);
        assert!(!turn.matches("p&ss=1 é", "not a hash").await);
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once() {
        let hashers = Hashers::new(&Argon2Options { waiting_max: 1, ..Argon2Options::cheap() }, Metrics::default());
        let running = hashers.turn().await.unwrap();
        let mut waiting = Box::pin(hashers.turn());
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(hashers.turn().await.err(), Some(Error::HashersBusy));
        drop(running);
        let turn = waiting.await.unwrap();
        drop(turn);
        assert!(hashers.turn().await.is_ok());
    }
}
