//! What is in force, by app. What an earlier look found is used for a while: a change that was made in this process is seen at once,
//! one of another process when that time is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_proto::push::v1::Settings;
use parking_lot::Mutex;

use crate::error::Error;
use crate::policy::Policy;
use crate::service::Shared;

/// How long what was found is used, milliseconds.
const FRESH_MS: i64 = 2_000;
/// Apps. Over it all are looked for again.
const APPS_MAX: usize = 4_096;

/// What was found.
#[derive(Default)]
pub struct Policies(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// And when it was found, unix milliseconds.
    by_app: BTreeMap<u64, (Arc<Policy>, i64)>,
    /// Grows with each change made here: who began to look before it may have found what was before it.
    changes: u64,
}

impl Policies {
    /// What was found of an app and when, and the number of changes.
    fn look(&self, app: u64) -> (Option<(Arc<Policy>, i64)>, u64) {
        let known = self.0.lock();
        (known.by_app.get(&app).cloned(), known.changes)
    }

    fn remember(&self, app: u64, changes: u64, policy: &Arc<Policy>, now: i64) {
        let mut known = self.0.lock();
        if known.changes != changes {
            return;
        }
        if known.by_app.len() >= APPS_MAX && !known.by_app.contains_key(&app) {
            known.by_app.clear();
        }
        known.by_app.insert(app, (Arc::clone(policy), now));
    }

    fn forget(&self, app: u64) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.by_app.remove(&app);
    }
}

impl Shared {
    /// What is in force for an app.
    pub async fn policy(&self, app: u64) -> Result<Arc<Policy>, Error> {
        let now = self.clock.now_ms();
        let (found, changes) = self.policies.look(app);
        if let Some((policy, at)) = &found
            && (0..FRESH_MS).contains(&(now - at))
        {
            return Ok(Arc::clone(policy));
        }
        let settings = self.settings.get(app).await?.unwrap_or_default();
        let policy = match found {
            Some((policy, _)) if *policy.settings() == settings => policy,
            _ => Arc::new(Policy::new(settings)),
        };
        self.policies.remember(app, changes, &policy, now);
        Ok(policy)
    }

    /// Puts settings that were checked.
    pub async fn put_policy(&self, app: u64, policy: &Policy) -> Result<(), Error> {
        let put = self.settings.put(app, policy.settings()).await;
        // Also of one that failed nobody knows what is kept.
        self.policies.forget(app);
        Ok(put?)
    }

    /// Forgets the settings of an app. How many rows went.
    pub async fn forget_policy(&self, app: u64) -> Result<usize, Error> {
        let went = self.settings.forget(app).await;
        self.policies.forget(app);
        Ok(usize::from(went?))
    }
}

impl Shared {
    /// The settings of an app.
    pub async fn alert_settings(&self, app: u64) -> Result<Settings, Error> {
        Ok(self.policy(app).await?.settings().clone())
    }
}
