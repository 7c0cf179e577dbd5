//! Every metric of requests to the outside: `natter_outbound_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::error::Error;
use crate::request::Answer;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
enum End {
    Answered,
    Malformed,
    Barred,
    Busy,
    Late,
    TooLong,
    Broken,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_outbound");
            ours.register("requests", "Requests to addresses outside, by how they ended", metrics.requests.clone());
        });
        metrics
    }

    pub fn ended(&self, outcome: &Result<Answer, Error>) {
        let end = match outcome {
            Ok(_) => End::Answered,
            Err(Error::Malformed) => End::Malformed,
            Err(Error::Barred) => End::Barred,
            Err(Error::Busy) => End::Busy,
            Err(Error::Late) => End::Late,
            Err(Error::TooLong) => End::TooLong,
            Err(Error::Broken) => End::Broken,
        };
        self.requests.get_or_create(&Labels { end }).inc();
    }
}
