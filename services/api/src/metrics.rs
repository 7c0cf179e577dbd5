//! The metrics of the REST door. Labels are patterns of routes and HTTP statuses, and apps in a bounded number, never text of a request.

use natter_telemetry::{Apps, Metrics as Registry};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: &'static str,
    status: u32,
}

/// What is counted.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<Labels, Counter>,
    seconds: Histogram,
    open: Gauge,
    apps: Apps,
}

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            open: Gauge::default(),
            apps: registry.apps(),
        };
        let named = metrics.clone();
        registry.register(move |registry| {
            let registry = registry.sub_registry_with_prefix("natter_api");
            registry.register("requests", "Requests by route and status", named.requests);
            registry.register("request_seconds", "Time from the head of a request to its answer", named.seconds);
            registry.register("requests_open", "Requests being answered", named.open);
        });
        metrics
    }

    /// Counts a request as being answered until the guard is dropped: a client that leaves drops its request half way.
    pub(crate) fn open(&self) -> Open<'_> {
        self.open.inc();
        Open(&self.open)
    }

    /// Counts one answered request. `app`: 0 if it is nobody's.
    pub(crate) fn answered(&self, method: &'static str, route: &'static str, status: u16, ms: i64, app: u64) {
        if app > 0 {
            self.apps.request(app);
            if status >= 400 {
                self.apps.error(app);
            }
        }
        self.requests.get_or_create(&Labels { method, route, status: status.into() }).inc();
        self.seconds.observe(ms.max(0) as f64 / 1000.0);
    }
}

/// A request being answered.
pub(crate) struct Open<'a>(&'a Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
