//! Signed tokens that are used for a while before the next is made: Apple's, one for each key, and those of Web Push, one for each
//! key and push service. In memory only.
//!
//! Apple refuses tokens older than an hour, and refuses everything for a while if they change more than every 20 minutes.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::json;

use super::credentials::{ApnsToken, Print, Vapid};
use super::jwt::{Unusable, base64};

const MINUTE_MS: i64 = 60 * 1_000;
/// Apple's tokens: used for so long, and never replaced before so long.
const APNS_AGE_MAX_MS: i64 = 40 * MINUTE_MS;
const APNS_AGE_MIN_MS: i64 = 20 * MINUTE_MS;
/// Those of Web Push: valid for so long (RFC 8292, 2 allows 24 hours), used for half of it.
const VAPID_LIFE_S: i64 = 12 * 60 * 60;
const VAPID_AGE_MAX_MS: i64 = 6 * 60 * MINUTE_MS;
/// Tokens in memory; the oldest makes room.
const PROOFS_MAX: usize = 10_000;

/// The tokens.
#[derive(Default)]
pub(super) struct Proofs(Mutex<BTreeMap<(Print, String), Proof>>);

struct Proof {
    text: String,
    /// Unix milliseconds.
    made_at: i64,
}

impl Proofs {
    /// The token for Apple. Each key has one at a time.
    pub fn apns(&self, of: &ApnsToken, now: i64) -> Result<String, Unusable> {
        self.get((of.print, String::new()), now, APNS_AGE_MAX_MS, || {
            of.key.token(Some(&of.key_id), &json!({"iss": of.team_id, "iat": now.div_euclid(1_000)}))
        })
    }

    /// Apple says that its token is too old. Whether there will be another at once: not if it is young, as then one of the clocks
    /// is wrong and a fresh one would be refused too.
    pub fn apns_is_renewed(&self, of: &ApnsToken, now: i64) -> bool {
        let mut proofs = self.0.lock();
        let key = (of.print, String::new());
        let Some(proof) = proofs.get(&key) else { return true };
        let is_old = now - proof.made_at >= APNS_AGE_MIN_MS;
        if is_old {
            proofs.remove(&key);
        }
        is_old
    }

    /// The value of `authorization` for the push service at `origin` (RFC 8292, 3).
    pub fn vapid(&self, of: &Vapid, origin: &str, now: i64) -> Result<String, Unusable> {
        let token = self.get((of.print, origin.to_owned()), now, VAPID_AGE_MAX_MS, || {
            let expires = now.div_euclid(1_000) + VAPID_LIFE_S;
            of.key.token(None, &json!({"aud": origin, "exp": expires, "sub": of.subject}))
        })?;
        Ok(format!("vapid t={token}, k={}", base64(of.key.public())))
    }

    // Signing takes less than a tenth of a millisecond: two that need the same token do not make it twice.
    fn get(
        &self,
        key: (Print, String),
        now: i64,
        age_max_ms: i64,
        make: impl FnOnce() -> Result<String, Unusable>,
    ) -> Result<String, Unusable> {
        let mut proofs = self.0.lock();
        // From the future: the clock was set back, and nobody may believe it.
        if let Some(proof) = proofs.get(&key).filter(|proof| (0..age_max_ms).contains(&(now - proof.made_at))) {
            return Ok(proof.text.clone());
        }
        let text = make()?;
        if proofs.len() >= PROOFS_MAX && !proofs.contains_key(&key) {
            let oldest = proofs.iter().min_by_key(|(_, proof)| proof.made_at).map(|(key, _)| key.clone());
            oldest.map(|oldest| proofs.remove(&oldest));
        }
        proofs.insert(key, Proof { text: text.clone(), made_at: now });
        Ok(text)
    }
}

#[cfg(test)]
#[path = "proofs/tests.rs"]
mod tests;
