//! The engine in memory: edges of one process share it.

use std::collections::HashMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use natter_db::Error;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Held, Kept, Stored, StreamKey, Update};

#[derive(Default)]
pub(super) struct Memory {
    streams: Mutex<HashMap<StreamKey, (Instant, State)>>,
}

enum State {
    Kept(Stored),
    Claimed,
}

impl Memory {
    fn look<T>(&self, key: &StreamKey, then: impl FnOnce(&mut HashMap<StreamKey, (Instant, State)>) -> T) -> T {
        let mut streams = self.streams.lock();
        let now = Instant::now();
        if streams.get(key).is_some_and(|(until, _)| *until <= now) {
            streams.remove(key);
        }
        then(&mut streams)
    }

    fn change(&self, key: &StreamKey, update: &Update, life: Duration) -> Held {
        let until = Instant::now() + life;
        self.look(key, |streams| {
            if update.is_new {
                // Those that nobody asked for again.
                streams.retain(|_, (until, _)| *until > Instant::now());
                streams.entry(key.clone()).or_insert_with(|| (until, State::Kept(Stored::default())));
            }
            let (stays_until, stored) = match streams.get_mut(key) {
                Some((until, State::Kept(stored))) => (until, stored),
                Some((_, State::Claimed)) => return Held::Claimed,
                None => return Held::Lost,
            };
            *stays_until = until;
            stored.head.clone_from(&update.head);
            stored.stanzas.retain(|(ordinal, _)| !update.removed.contains(ordinal));
            stored.stanzas.extend(update.added.iter().cloned());
            Held::Here
        })
    }
}

impl Kept for Memory {
    fn keep<'a>(&'a self, key: &'a StreamKey, update: &'a Update, life: Duration) -> BoxFuture<'a, Result<Held, Error>> {
        ready(Ok(self.change(key, update, life))).boxed()
    }

    fn claim<'a>(&'a self, key: &'a StreamKey, life: Duration) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        let claimed = self.look(key, |streams| {
            let (until, state) = streams.get_mut(key)?;
            *until = Instant::now() + life;
            match std::mem::replace(state, State::Claimed) {
                State::Kept(stored) => Some(stored),
                State::Claimed => None,
            }
        });
        ready(Ok(claimed)).boxed()
    }

    fn forget<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Held, Error>> {
        let held = self.look(key, |streams| match streams.get(key) {
            Some((_, State::Claimed)) => Held::Claimed,
            Some((_, State::Kept(_))) => {
                streams.remove(key);
                Held::Here
            }
            None => Held::Lost,
        });
        ready(Ok(held)).boxed()
    }
}
