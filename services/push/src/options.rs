//! Settings of the push service.

use serde::{Deserialize, Serialize};

/// Alerts: devices, what waits, how long is waited.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Devices on which one user wants alerts. A further one is refused.
    pub subscriptions_per_user_max: usize,
    /// Devices of all users of one app.
    pub subscriptions_per_app_max: u64,
    /// Events of one maker that are kept. One more takes the oldest away whose time has come.
    pub events_per_user_max: usize,
    /// Alerts of one app that wait. Over it the oldest is dropped.
    pub queue_max: u64,
    /// Milliseconds that a session has to prove that it has a message before its user is alerted.
    pub proof_ms: u32,
    /// Users whose alerts are sent at once.
    pub in_flight_max: usize,
    /// Users of one app whose alerts are sent at once. More than one provider may hold up at once, so that one that hangs leaves
    /// room for the others.
    pub in_flight_per_app_max: usize,
    /// Hours after which an alert that no provider took is given up.
    pub alert_hours: u32,
    /// Days for which is kept what was decided and tried.
    pub journal_days: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            subscriptions_per_user_max: 20,
            subscriptions_per_app_max: 1_000_000,
            events_per_user_max: 1_000,
            queue_max: 100_000,
            proof_ms: 3_000,
            in_flight_max: 512,
            in_flight_per_app_max: 64,
            alert_hours: 24,
            journal_days: 7,
        }
    }
}
