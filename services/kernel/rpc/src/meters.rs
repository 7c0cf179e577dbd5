//! Calls of services, measured where they are served: how many, how long, and how they failed. Labels are the names of services and
//! methods, and codes: as many as there are in the protos.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_telemetry::Metrics;
use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use tonic::Code;

/// What is measured of a process. Clone; all clones are the same.
#[derive(Clone)]
pub struct Meters(Arc<Inner>);

struct Inner {
    seconds: Family<Method, Histogram, fn() -> Histogram>,
    failures: Family<Failed, Counter>,
    /// By path, so that a call costs no label.
    known: RwLock<BTreeMap<Box<str>, (Method, Histogram)>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Method {
    service: String,
    method: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Failed {
    service: String,
    method: String,
    code: &'static str,
}

/// Methods that are told apart. There are not as many; the bound is for what a stranger makes up.
const METHODS_MAX: usize = 512;
/// Seconds.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

impl Meters {
    /// Registered under `natter_rpc`.
    pub fn new(metrics: &Metrics) -> Meters {
        let seconds: fn() -> Histogram = || Histogram::new(BUCKETS);
        let inner =
            Inner { seconds: Family::new_with_constructor(seconds), failures: Family::default(), known: RwLock::default() };
        metrics.register(|all| {
            let of_rpc = all.sub_registry_with_prefix("natter_rpc");
            of_rpc.register("seconds", "Calls served here, until their answer begins", inner.seconds.clone());
            of_rpc.register("failures", "Calls served here that failed, or that nobody waited for", inner.failures.clone());
        });
        Meters(Arc::new(inner))
    }

    /// A call of this path begins.
    pub(crate) fn begin(&self, path: &str) -> Call {
        Call { meters: self.clone(), path: path.into(), began: Instant::now(), is_over: false }
    }

    fn observe(&self, path: &str, seconds: f64, code: Code) {
        // No service of ours answers so: the path is one that somebody made up.
        let path = if code == Code::Unimplemented { "" } else { path };
        let (method, histogram) = self.method(path);
        histogram.observe(seconds);
        if code != Code::Ok {
            let Method { service, method } = method;
            self.0.failures.get_or_create(&Failed { service, method, code: word(code) }).inc();
        }
    }

    fn method(&self, path: &str) -> (Method, Histogram) {
        if let Some(known) = self.0.known.read().get(path) {
            return known.clone();
        }
        let mut known = self.0.known.write();
        let is_told_apart = known.len() < METHODS_MAX;
        let (service, method) =
            path.trim_start_matches('/').split_once('/').filter(|_| is_told_apart).unwrap_or(("other", "other"));
        let method = Method { service: service.to_owned(), method: method.to_owned() };
        let histogram = self.0.seconds.get_or_create(&method).clone();
        if is_told_apart {
            known.insert(path.into(), (method.clone(), histogram.clone()));
        }
        (method, histogram)
    }
}

/// A call that runs. Dropped before its end, nobody waited for it.
pub(crate) struct Call {
    meters: Meters,
    path: Box<str>,
    began: Instant,
    is_over: bool,
}

impl Call {
    pub(crate) fn end(mut self, code: Code) {
        self.is_over = true;
        self.meters.observe(&self.path, self.began.elapsed().as_secs_f64(), code);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            self.meters.observe(&self.path, self.began.elapsed().as_secs_f64(), Code::Cancelled);
        }
    }
}

fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
