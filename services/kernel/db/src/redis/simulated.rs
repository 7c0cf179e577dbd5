//! A server of hashes in memory, for simulations on one thread with paused time. Not here: any other verb, and what goes by its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use natter_actor::Chance;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::error::Error;

/// Hashes that processes share. Clones are the same.
#[derive(Clone)]
pub struct Hashes(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    delay_max: Duration,
    hashes: BTreeMap<String, BTreeMap<String, Bytes>>,
}

impl Hashes {
    /// `delay_max`: how long a way to them takes at most.
    pub fn new(chance: Chance, delay_max: Duration) -> Hashes {
        Hashes(Arc::new(Mutex::new(State { chance, delay_max, hashes: BTreeMap::new() })))
    }

    pub(super) async fn fields(&self, key: &str) -> Vec<(String, Bytes)> {
        self.travel().await;
        let hash = self.0.lock().hashes.get(key).cloned().unwrap_or_default();
        self.travel().await;
        hash.into_iter().collect()
    }

    pub(super) async fn put_fields(&self, key: &str, fields: &[(String, Vec<u8>)]) {
        self.travel().await;
        {
            let mut state = self.0.lock();
            let hash = state.hashes.entry(key.to_owned()).or_default();
            for (field, value) in fields {
                match value.is_empty() {
                    true => _ = hash.remove(field),
                    false => _ = hash.insert(field.clone(), Bytes::copy_from_slice(value)),
                }
            }
        }
        self.travel().await;
    }

    pub(super) fn unknown<T>() -> Result<T, Error> {
        Err(Error::NotStored("simulated servers of Redis know hashes only".into()))
    }

    async fn travel(&self) {
        let delay = {
            let state = self.0.lock();
            state.chance.below(state.delay_max.as_micros() as u64 + 1)
        };
        sleep(Duration::from_micros(delay)).await;
    }
}
