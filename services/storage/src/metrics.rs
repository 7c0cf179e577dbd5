//! Every metric of the storage service: `natter_storage_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    pub uploads: Family<UploadLabels, Counter>,
    pub uploads_open: Gauge,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub swept: Counter,
}

/// How an upload ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct UploadLabels {
    pub outcome: Outcome,
}

/// See [`UploadLabels`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
pub enum Outcome {
    Stored,
    Refused,
    Failed,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_storage");
            ours.register("uploads", "Uploads by how they ended; one that its client left was refused", metrics.uploads.clone());
            ours.register("uploads_open", "Uploads under way", metrics.uploads_open.clone());
            ours.register("bytes_in", "Bytes of files that were taken", metrics.bytes_in.clone());
            ours.register("bytes_out", "Bytes of files that were read", metrics.bytes_out.clone());
            ours.register("swept", "Files removed because they were not finished in time", metrics.swept.clone());
        });
        metrics
    }

    pub fn ended(&self, outcome: Outcome) {
        self.uploads.get_or_create(&UploadLabels { outcome }).inc();
    }
}
