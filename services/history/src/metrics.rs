//! Every metric of this service. No label: what a dialog or an app does is not counted here.

use natter_telemetry::Metrics as Registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// What the log counts. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub rows_appended: Counter,
    pub append_seconds: Histogram,
    pub page_rows_scanned: Counter,
}

impl Metrics {
    /// Registers the metrics as `natter_history_...`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics {
            rows_appended: Counter::default(),
            append_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
            page_rows_scanned: Counter::default(),
        };
        registry.register(|registry| {
            let registry = registry.sub_registry_with_prefix("natter_history");
            registry.register("rows_appended", "Rows made durable", metrics.rows_appended.clone());
            registry.register(
                "append_seconds",
                "Time from an append's arrival until it is durable",
                metrics.append_seconds.clone(),
            );
            registry.register("page_rows_scanned", "Rows looked at to answer pages", metrics.page_rows_scanned.clone());
        });
        metrics
    }
}
