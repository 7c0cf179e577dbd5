//! A value that many wait for, as tokio's `watch`, with one difference: who waited first is woken first, where tokio draws whom. So a
//! simulation is the same life each time.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The value, and who may change it. Clones share it.
pub struct Watched<T>(Arc<Shared<T>>);

/// Looks at the value, and remembers which it saw.
pub struct Watcher<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    value: T,
    /// Counts the changes.
    version: u64,
}

impl<T: Clone> Watched<T> {
    pub fn new(value: T) -> Watched<T> {
        Watched(Arc::new(Shared { state: Mutex::new(State { value, version: 0 }), changed: Notify::new() }))
    }

    pub fn get(&self) -> T {
        self.0.state.lock().value.clone()
    }

    /// Everybody who waits is told, also if the value is the same.
    pub fn set(&self, value: T) {
        let before = {
            let mut state = self.0.state.lock();
            state.version += 1;
            std::mem::replace(&mut state.value, value)
        };
        self.0.changed.notify_waiters();
        drop(before);
    }

    /// Somebody who has seen the value as it is.
    pub fn watch(&self) -> Watcher<T> {
        Watcher { shared: self.0.clone(), seen: self.0.state.lock().version }
    }
}

impl<T: Clone> Watcher<T> {
    /// The value, which is seen from here on.
    pub fn get(&mut self) -> T {
        let state = self.shared.state.lock();
        self.seen = state.version;
        state.value.clone()
    }

    /// Resolves when the value was set since it was seen; never if nobody sets it. It is seen then. Dropped half way, nothing is missed.
    pub async fn changed(&mut self) -> T {
        loop {
            // Of what is set from here on it hears.
            let told = self.shared.changed.notified();
            {
                let state = self.shared.state.lock();
                if self.seen != state.version {
                    self.seen = state.version;
                    return state.value.clone();
                }
            }
            told.await;
        }
    }

    /// Resolves when the value is one that is waited for, at once if it is.
    pub async fn until(&mut self, is_it: impl Fn(&T) -> bool) -> T {
        let mut value = self.get();
        while !is_it(&value) {
            value = self.changed().await;
        }
        value
    }
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Watched(self.0.clone())
    }
}

impl<T> Clone for Watcher<T> {
    fn clone(&self) -> Self {
        Watcher { shared: self.shared.clone(), seen: self.seen }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use futures::poll;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    #[tokio::test]
    async fn what_was_set_since_it_was_seen_is_heard_once() {
        let watched = Watched::new(1);
        let mut watcher = watched.watch();
        assert!(poll!(std::pin::pin!(watcher.changed())).is_pending(), "it was seen");
        watched.set(2);
        watched.set(3);
        assert_eq!(watcher.changed().await, 3);
        assert!(poll!(std::pin::pin!(watcher.changed())).is_pending());
        let mut other = watcher.clone();
        watched.set(3);
        assert_eq!((watcher.get(), other.changed().await), (3, 3));
        assert!(poll!(std::pin::pin!(watcher.changed())).is_pending(), "seen by a look");
        assert_eq!(watched.watch().until(|value| *value == 3).await, 3);
    }

    #[tokio::test]
    async fn who_waited_first_is_woken_first() {
        let all = LocalSet::new();
        all.run_until(async {
            for _ in 0..10 {
                let (watched, woken) = (Watched::new(false), Arc::new(Mutex::new(Vec::new())));
                let wait = |n: usize| {
                    let (mut watcher, woken) = (watched.watch(), woken.clone());
                    spawn_local(async move {
                        watcher.until(|is_on| *is_on).await;
                        woken.lock().push(n);
                    })
                };
                let waiting: Vec<_> = (0..40).map(wait).collect();
                yield_now().await;
                watched.set(true);
                for one in waiting {
                    one.await.unwrap();
                }
                assert_eq!(*woken.lock(), (0..40).collect::<Vec<_>>());
            }
        })
        .await;
    }
}
