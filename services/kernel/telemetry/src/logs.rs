//! What is logged, changed while the process runs. What may be set says `filter.rs`.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::{EnvFilter, Registry};

use crate::filter::check_filter;

/// The filter of the logs of this process. Clone; all clones are the same filter.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    /// None: of a process that has set nothing up; there is nothing to change.
    handle: Option<Handle<EnvFilter, Registry>>,
    setting: String,
    in_force: Mutex<String>,
}

impl Logs {
    pub(crate) fn of(handle: Handle<EnvFilter, Registry>, setting: &str) -> Logs {
        Logs::made(Some(handle), setting)
    }

    /// Of a process whose logs are set up elsewhere: a test.
    pub fn fixed(setting: &str) -> Logs {
        Logs::made(None, setting)
    }

    fn made(handle: Option<Handle<EnvFilter, Registry>>, setting: &str) -> Logs {
        Logs(Arc::new(Inner { handle, setting: setting.to_owned(), in_force: Mutex::new(setting.to_owned()) }))
    }

    /// From now on this filter holds; none: that of the settings. One that cannot be is logged, and changes nothing.
    pub fn set(&self, filter: Option<&str>) {
        let filter = match filter {
            Some(filter) if check_filter(filter).is_err() => return tracing::warn!(filter, "a filter of logs that is none"),
            Some(filter) => filter,
            None => &self.0.setting,
        };
        let mut in_force = self.0.in_force.lock();
        if *in_force == filter {
            return;
        }
        let Ok(parsed) = EnvFilter::try_new(filter) else { return tracing::warn!(filter, "a filter of logs that is none") };
        if let Some(handle) = &self.0.handle
            && let Err(error) = handle.reload(parsed)
        {
            return tracing::warn!(%error, "the filter of logs cannot be changed");
        }
        filter.clone_into(&mut in_force);
        drop(in_force);
        tracing::warn!(filter, "another filter of logs holds");
    }

    /// What holds.
    pub fn in_force(&self) -> String {
        self.0.in_force.lock().clone()
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("in_force", &self.in_force()).finish_non_exhaustive()
    }
}
