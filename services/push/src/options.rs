//! Settings of the push service.

use std::path::PathBuf;

use natter_actor::Clock;
use natter_outbound::{Line, Outbound};
use natter_telemetry::Metrics;
use serde::{Deserialize, Serialize};

use crate::provider::{self, Senders, Wrong};

/// Alerts: devices, credentials, what waits, how long is waited, and the providers that carry them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Devices on which one user wants alerts. A further one is refused.
    pub subscriptions_per_user_max: usize,
    /// Devices of all users of one app.
    pub subscriptions_per_app_max: u64,
    /// Sets of credentials of one app, its pair for Web Push among them. A further one is refused.
    pub credentials_per_app_max: usize,
    /// File with the key that credentials are sealed with: 64 hex digits. Empty: `push.key` in the data directory, made at the
    /// first start. Processes that share a store need the same one.
    pub key_file: PathBuf,
    /// Files with earlier keys. A start seals anew what they sealed, and does not need them any more. Where several processes
    /// run, give each of them the next key here before it takes the place of the present one.
    pub older_key_files: Vec<PathBuf>,
    /// How push services of browsers reach the operator: `mailto:` or `https://`. Empty: `https://` and the name of this host.
    pub contact: String,
    /// Events of one maker that are kept. One more takes the oldest away whose time has come.
    pub events_per_user_max: usize,
    /// Alerts of one app that wait. Over it the oldest is dropped.
    pub queue_max: u64,
    /// Milliseconds that a session has to prove that it has a message before its user is alerted.
    pub proof_ms: u32,
    /// Users whose alerts are sent at once.
    pub in_flight_max: usize,
    /// Users of one app whose alerts are sent at once. Well above `provider_in_flight_max`, so that a provider that hangs leaves
    /// room for the others of the app; not above `provider_waiting_max`, so that a busy one puts nobody off.
    pub in_flight_per_app_max: usize,
    /// Hours after which an alert that no provider took is given up.
    pub alert_hours: u32,
    /// Days for which is kept what was decided and tried.
    pub journal_days: u32,
    /// Whether push services of browsers on private addresses are asked, whose endpoints users name. The addresses below may
    /// always be private: they are the operator's.
    pub allow_private: bool,
    /// File with certificates of further authorities, PEM, trusted beside those of the system. Empty: none.
    pub extra_ca: PathBuf,
    /// Milliseconds for one request to a provider, and for the wait for a place before it.
    pub deadline_ms: u64,
    /// Requests at once of one app to one provider.
    pub provider_in_flight_max: usize,
    /// Alerts of one app that wait for a place with one provider; further ones are put off.
    pub provider_waiting_max: usize,
    /// Apple's push service.
    pub apns_url: String,
    /// The one for builds of developers.
    pub apns_sandbox_url: String,
    /// Firebase Cloud Messaging.
    pub fcm_url: String,
    /// Where access tokens for it are given out.
    pub fcm_token_url: String,
    /// What happens in an app, told to servers of its maker.
    pub webhooks: WebhookOptions,
}

impl Default for Options {
    fn default() -> Options {
        let provider = provider::Options::default();
        Options {
            subscriptions_per_user_max: 20,
            subscriptions_per_app_max: 1_000_000,
            credentials_per_app_max: 20,
            key_file: PathBuf::new(),
            older_key_files: Vec::new(),
            contact: String::new(),
            events_per_user_max: 1_000,
            queue_max: 100_000,
            proof_ms: 3_000,
            in_flight_max: 4_096,
            in_flight_per_app_max: 512,
            alert_hours: 24,
            journal_days: 7,
            allow_private: provider.allow_private,
            extra_ca: provider.extra_ca,
            deadline_ms: provider.deadline_ms,
            provider_in_flight_max: provider.in_flight_max,
            provider_waiting_max: provider.waiting_max,
            apns_url: provider.apns_url,
            apns_sandbox_url: provider.apns_sandbox_url,
            fcm_url: provider.fcm_url,
            fcm_token_url: provider.fcm_token_url,
            webhooks: WebhookOptions::default(),
        }
    }
}

impl Options {
    /// Whoever sends with these settings. The process has named its cryptography before (rustls).
    ///
    /// # Errors
    /// If a setting cannot be used.
    pub fn senders(&self, clock: Clock, registry: &Metrics) -> Result<Senders, Wrong> {
        let reaches = ["mailto:", "https://"].iter().any(|scheme| self.contact.starts_with(scheme));
        if !(self.contact.is_empty() || reaches) {
            return Err(Wrong::Contact(self.contact.clone()));
        }
        let provider = provider::Options {
            allow_private: self.allow_private,
            extra_ca: self.extra_ca.clone(),
            deadline_ms: self.deadline_ms,
            in_flight_max: self.provider_in_flight_max,
            waiting_max: self.provider_waiting_max,
            apns_url: self.apns_url.clone(),
            apns_sandbox_url: self.apns_sandbox_url.clone(),
            fcm_url: self.fcm_url.clone(),
            fcm_token_url: self.fcm_token_url.clone(),
        };
        Senders::new(&provider, clock, registry)
    }
}

/// What happens in an app, told to servers of its maker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookOptions {
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

impl Default for WebhookOptions {
    fn default() -> WebhookOptions {
        WebhookOptions {
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
const WEBHOOK_ANSWER_BYTES_MAX: usize = 64 * 1024;

impl WebhookOptions {
    /// The door to the receivers.
    ///
    /// # Errors
    /// If a network cannot be read, or the file of authorities.
    pub fn receivers(&self) -> Result<Outbound, natter_outbound::Wrong> {
        let options = natter_outbound::Options {
            deadline_ms: self.deadline_ms,
            answer_bytes_max: WEBHOOK_ANSWER_BYTES_MAX,
            requests_max: self.requests_max,
            requests_per_app_max: self.requests_per_app_max,
            private_networks: self.private_networks.clone(),
            ca_file: self.ca_file.clone(),
        };
        Outbound::line(&options, &Line::default())
    }
}
