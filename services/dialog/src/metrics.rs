//! Every metric of the dialog service: `natter_dialog_...`.

use natter_proto::{Code, Failure};
use natter_telemetry::{Apps, Metrics};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// What became of a post.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
pub enum Outcome {
    Stored,
    /// Told, not stored.
    Unsaved,
    Repeated,
    /// The sender's mistake, or over a limit.
    Refused,
    /// The store refused, or the dialog was busy. Nothing was written.
    NotStored,
    Unknown,
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Outcome {
        match failure.code {
            Code::Unknown | Code::Internal => Outcome::Unknown,
            Code::NotStored | Code::Busy | Code::Conflict => Outcome::NotStored,
            _ => Outcome::Refused,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: Outcome,
}

/// The counters of one process. Clones count together.
#[derive(Clone)]
pub struct Meters {
    posts: Family<OutcomeLabels, Counter>,
    /// Messages by app.
    pub apps: Apps,
    /// Posts decided together.
    pub batch: Histogram,
    /// Times a dialog was loaded.
    pub loads: Counter,
    /// Times a dialog gave up its state because only the store knew it.
    pub reloads: Counter,
    /// Dialogs in memory.
    pub live: Gauge,
}

impl Meters {
    /// Meters that are part of `metrics`.
    pub fn new(metrics: &Metrics) -> Meters {
        let meters = Meters {
            posts: Family::default(),
            apps: metrics.apps(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            loads: Counter::default(),
            reloads: Counter::default(),
            live: Gauge::default(),
        };
        meters.register(metrics);
        meters
    }

    /// Counts a post that was answered.
    pub fn posted(&self, outcome: Outcome) {
        self.posts.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("natter_dialog");
            registry.register("posts", "Posts that were answered, by outcome", self.posts.clone());
            registry.register("batch_posts", "Posts decided and appended together", self.batch.clone());
            registry.register("loads", "Times a dialog was loaded", self.loads.clone());
            registry.register("reloads", "Times a dialog was made again from the store", self.reloads.clone());
            registry.register("live", "Dialogs in memory", self.live.clone());
        });
    }
}
