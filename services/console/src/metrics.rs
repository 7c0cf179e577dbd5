//! Every metric of the console: `natter_console_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    requests: Family<StatusLabels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_console");
            ours.register("requests", "Requests of the admin API by status", metrics.requests.clone());
        });
        metrics
    }

    /// Counts an answer.
    pub fn answered(&self, status: u16) {
        self.requests.get_or_create(&StatusLabels { status }).inc();
    }
}
