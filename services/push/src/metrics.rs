//! Every metric of the push service: `natter_push_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    pub posted: Counter,
    pub decided: Family<Labels, Counter>,
    pub attempts: Family<Labels, Counter>,
    pub in_flight: Gauge,
    pub dropped: Counter,
    pub hooks: Family<Labels, Counter>,
}

/// Why, or with which outcome.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Labels {
    pub reason: &'static str,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_push");
            ours.register("posted", "Messages that were looked at", metrics.posted.clone());
            ours.register("decided", "Decisions not to alert a user, by reason", metrics.decided.clone());
            ours.register("attempts", "Attempts to send an alert to a device, by outcome", metrics.attempts.clone());
            ours.register("in_flight", "Users whose alerts are being sent", metrics.in_flight.clone());
            ours.register("dropped", "Alerts dropped because too many of their app waited", metrics.dropped.clone());
            let help = "What webhooks are told, by what becomes of it";
            ours.register("webhook_deliveries", help, metrics.hooks.clone());
        });
        metrics
    }

    pub fn decided(&self, reason: &'static str, count: u64) {
        self.decided.get_or_create(&Labels { reason }).inc_by(count);
    }

    pub fn hooked(&self, reason: &'static str, count: u64) {
        self.hooks.get_or_create(&Labels { reason }).inc_by(count);
    }

    pub fn attempted(&self, reason: &'static str) {
        self.attempts.get_or_create(&Labels { reason }).inc();
    }
}
