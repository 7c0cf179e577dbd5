//! Settings of webhooks.

use std::path::PathBuf;

use natter_outbound::{Line, Outbound, Wrong};
use serde::{Deserialize, Serialize};

/// What happens in an app, told to servers of its maker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Webhooks of one app. A further one is refused.
    pub per_app_max: usize,
    /// Whether one may be on `http`, where everybody on the way reads what is told.
    pub allow_http: bool,
    /// Networks that may be asked although they are no part of the public internet, as `["10.1.2.0/24", "127.0.0.1"]`. All others
    /// of that kind (private, loopback, link-local and so on) are refused, also when a name leads there.
    pub private_networks: Vec<String>,
    /// File with certificates of further authorities, PEM, trusted beside those of the system. Empty: none.
    pub ca_file: PathBuf,
    /// Milliseconds for one request: name, connection, answer.
    pub deadline_ms: u64,
    /// Requests at once.
    pub requests_max: usize,
    /// Requests of one app at once.
    pub requests_per_app_max: usize,
    /// Dialogs of which one webhook is told at once. Of one dialog it is told one after the other.
    pub dialogs_at_once_max: usize,
    /// What waits for one webhook. Over it the oldest is parked.
    pub waiting_max: u64,
    /// Hours after which what waits is parked: only an operator sends it again.
    pub waiting_hours: u32,
    /// What is parked of one webhook. Over it the oldest is forgotten.
    pub parked_max: u64,
    /// Failures in a row after which a webhook pauses: one request at a time, now and then, until one succeeds.
    pub failures_max: u32,
    /// Milliseconds before the second try; before each further one twice as long.
    pub retry_ms: u64,
    /// Milliseconds between the tries of one that pauses, at first; each time twice as long.
    pub probe_ms: u64,
    /// And at most.
    pub probe_ms_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            per_app_max: 10,
            allow_http: false,
            private_networks: Vec::new(),
            ca_file: PathBuf::new(),
            deadline_ms: 10_000,
            requests_max: 1_024,
            requests_per_app_max: 32,
            dialogs_at_once_max: 16,
            waiting_max: 100_000,
            waiting_hours: 72,
            parked_max: 10_000,
            failures_max: 5,
            retry_ms: 1_000,
            probe_ms: 30_000,
            probe_ms_max: 600_000,
        }
    }
}

/// Bytes of an answer. Nobody reads it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Options {
    /// The door to the receivers.
    ///
    /// # Errors
    /// If a network cannot be read, or the file of authorities.
    pub fn receivers(&self) -> Result<Outbound, Wrong> {
        let options = natter_outbound::Options {
            deadline_ms: self.deadline_ms,
            answer_bytes_max: ANSWER_BYTES_MAX,
            requests_max: self.requests_max,
            requests_per_app_max: self.requests_per_app_max,
            private_networks: self.private_networks.clone(),
            ca_file: self.ca_file.clone(),
        };
        Outbound::line(&options, &Line::default())
    }
}
