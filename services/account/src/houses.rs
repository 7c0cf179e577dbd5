//! The public keys of houses that sign tokens, by the address they are fetched from. Kept in memory, and fetched again when they
//! are old or when a token names one that is not among them; never more often than its pace, whoever sends what.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use natter_outbound::{Outbound, Request};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::error::Error;

/// Keys are fetched again after this.
const AGE_MAX_MS: i64 = 60 * 60 * 1000;
/// Between two fetches from one address, whatever came of the first.
const PACE_MS: i64 = 10 * 1000;
/// Addresses in memory; the one that was fetched from longest ago makes room.
const HOUSES_MAX: usize = 1_024;

/// The houses.
#[derive(Default)]
pub struct Houses(Mutex<BTreeMap<String, Arc<House>>>);

struct House {
    known: Mutex<Known>,
    /// One fetches while the others wait for what it brings.
    turn: Semaphore,
}

/// What is known of a house.
#[derive(Clone, Default)]
struct Known {
    keys: Option<Arc<JwkSet>>,
    /// Unix milliseconds.
    fetched_at: i64,
    tried_at: Option<i64>,
}

impl Known {
    // `unknown`: a token named a key that is not among them.
    fn is_due(&self, unknown: bool, now: i64) -> bool {
        let stale = unknown || self.keys.is_none() || now - self.fetched_at >= AGE_MAX_MS;
        stale && self.tried_at.is_none_or(|tried| now - tried >= PACE_MS)
    }
}

impl Houses {
    /// The keys at `url`, asked for by `app`. Old ones if the house does not answer; `ProviderFailed` without any.
    pub async fn keys(&self, outbound: &Outbound, app: u64, url: &str, unknown: bool, now: i64) -> Result<Arc<JwkSet>, Error> {
        let house = self.of(url);
        let seen = house.known.lock().clone();
        if seen.is_due(unknown, now) {
            let _turn = house.turn.acquire().await.map_err(|_| Error::ProviderFailed)?;
            // Who waited finds what another has fetched, or that it was tried.
            if house.known.lock().is_due(unknown, now) {
                house.known.lock().tried_at = Some(now);
                let (house, outbound, url) = (house.clone(), outbound.clone(), url.to_owned());
                // A task of its own: a client that leaves half way must not have used up the try of all others.
                let fetch = tokio::spawn(async move { house.fetch(&outbound, app, &url, now).await });
                let _ = fetch.await;
            }
        }
        house.known.lock().keys.clone().ok_or(Error::ProviderFailed)
    }

    fn of(&self, url: &str) -> Arc<House> {
        let mut houses = self.0.lock();
        if !houses.contains_key(url) && houses.len() >= HOUSES_MAX {
            let idle = houses.iter().min_by_key(|(_, house)| house.known.lock().fetched_at).map(|(url, _)| url.clone());
            idle.map(|idle| houses.remove(&idle));
        }
        let fresh = || Arc::new(House { known: Mutex::default(), turn: Semaphore::new(1) });
        houses.entry(url.to_owned()).or_insert_with(fresh).clone()
    }
}

impl House {
    async fn fetch(&self, outbound: &Outbound, app: u64, url: &str, now: i64) {
        let answer = outbound.ask(app, &Request::get(url)).await;
        let keys = match &answer {
            Ok(answer) if answer.status == 200 => serde_json::from_slice::<JwkSet>(&answer.body).ok(),
            _ => None,
        };
        match keys {
            Some(keys) => {
                let mut known = self.known.lock();
                known.keys = Some(Arc::new(keys));
                known.fetched_at = now;
            }
            None => {
                let status = answer.map(|answer| answer.status);
                tracing::warn!(app, ?status, "the keys of an identity provider cannot be fetched");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use natter_outbound::Answer;

    #[tokio::test]
    async fn keys_are_fetched_when_old_or_unknown_and_never_faster_than_their_pace() {
        let (outbound, asked, status) = house();
        let houses = Houses::default();
        let ask = async |unknown: bool, now: i64| houses.keys(&outbound, 1, "https://id.test", unknown, now).await.is_ok();
        let mut fetches = Vec::new();
        for (unknown, now) in [
            (false, 0),
            (false, 5_000),
            (true, 9_999),
            (true, 10_000),
            (true, 19_999),
            (false, AGE_MAX_MS),
            (false, 10_000 + AGE_MAX_MS),
        ] {
            assert!(ask(unknown, now).await);
            fetches.push(asked.load(Ordering::Relaxed));
        }
        assert_eq!(fetches, [1, 1, 1, 2, 2, 2, 3]);
        status.store(500, Ordering::Relaxed);
        assert!(ask(true, 3 * AGE_MAX_MS).await, "old keys are better than none");
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_house_that_never_answered_is_not_asked_by_everybody() {
        let (outbound, asked, status) = house();
        status.store(500, Ordering::Relaxed);
        let houses = Houses::default();
        for now in [0, 1, 9_999] {
            assert_eq!(houses.keys(&outbound, 1, "https://id.test", false, now).await.unwrap_err(), Error::ProviderFailed);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        status.store(200, Ordering::Relaxed);
        assert!(houses.keys(&outbound, 1, "https://id.test", false, 10_000).await.is_ok());
    }

    fn house() -> (Outbound, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (asked, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(200)));
        let (count, code) = (asked.clone(), status.clone());
        let outbound = Outbound::written(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Answer { status: code.load(Ordering::Relaxed) as u16, body: br#"{"keys":[]}"#.to_vec(), ..Answer::default() })
        });
        (outbound, asked, status)
    }
}
