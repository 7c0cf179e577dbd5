//! Every metric of mails: `natter_mail_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::error::Error;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    mails: Family<Labels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
enum End {
    Sent,
    Malformed,
    Refused,
    Unreached,
    Off,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_mail");
            ours.register("mails", "Mails, by how handing them over ended", metrics.mails.clone());
        });
        metrics
    }

    pub fn ended(&self, outcome: &Result<(), Error>) {
        let end = match outcome {
            Ok(()) => End::Sent,
            Err(Error::Malformed) => End::Malformed,
            Err(Error::Refused(_)) => End::Refused,
            Err(Error::Unreached) => End::Unreached,
            Err(Error::Off) => End::Off,
        };
        self.mails.get_or_create(&Labels { end }).inc();
    }
}
