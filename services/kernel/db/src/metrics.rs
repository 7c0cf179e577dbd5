//! The metrics of the store: `natter_db_...`.

use std::time::Instant;

use natter_telemetry::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::error::Error;

/// What was asked of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Get,
    Scan,
    Commit,
}

type Label = [(&'static str, &'static str); 1];

/// Counters and histograms of one store. They count from the start, whether registered or not.
pub(crate) struct Meters {
    seconds: Family<Label, Histogram, fn() -> Histogram>,
    failed: Family<Label, Counter>,
    /// Batches per group commit.
    pub group: Histogram,
    /// How often the store on disk was opened again after a failure.
    pub reopened: Counter,
}

impl Meters {
    pub fn new() -> Meters {
        Meters {
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_01, 2.5, 14))),
            failed: Family::default(),
            group: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            reopened: Counter::default(),
        }
    }

    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_db");
            ours.register("op_seconds", "Time of a call to the store, by kind", self.seconds.clone());
            ours.register("failed", "Calls to the store that failed or were refused", self.failed.clone());
            ours.register("group_batches", "Batches written by one group commit", self.group.clone());
            ours.register("reopened", "Times the store was opened again after a failure", self.reopened.clone());
        });
    }

    /// One call that ended.
    pub fn observe<T>(&self, op: Op, since: Instant, outcome: &Result<T, Error>) {
        let op = match op {
            Op::Get => "get",
            Op::Scan => "scan",
            Op::Commit => "commit",
        };
        self.seconds.get_or_create(&[("op", op)]).observe(since.elapsed().as_secs_f64());
        if let Err(error) = outcome {
            self.failed(error);
        }
    }

    /// One call that was refused or failed.
    pub fn failed(&self, error: &Error) {
        let error = match error {
            Error::Full => "full",
            Error::Condition => "condition",
            Error::NotStored(_) => "not_stored",
            Error::Unknown(_) => "unknown",
            Error::Corrupt(_) => "corrupt",
        };
        self.failed.get_or_create(&[("error", error)]).inc();
    }
}
