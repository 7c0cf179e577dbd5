//! Logs, metrics and traces, set up once, before anything else of a process runs.
//!
//! The idea: services write `tracing` events and spans and register `prometheus-client` metrics; where these go is decided
//! here. Logs go to standard error, metrics are read by whoever asks [`Metrics::encode`], spans go to an OTLP collector if
//! one is configured. A span crosses a link or the bus as its W3C `traceparent`: [`traceparent`] on one side, [`follow`] on
//! the other. What is done later, or for several at once, is [`continued`] only where the trace is kept.
//!
//! The parts: [`Options`], [`init`] and its [`Guard`], [`Process`]; [`Logs`], the filter of logs, changed at run time; [`Metrics`], and [`Apps`] and [`Offenders`] in it; `trace` with the two functions of the wire.
//!
//! Invariants:
//! - One span per stanza or request, never one for the life of a connection: a span keeps its events until it closes.
//! - No label of a metric holds a user, a dialog or any other id that grows with use. Of apps a bounded number is told apart.
//! - No body, token, password or key in a log, a span or a label, at any level.
//! - Nothing here blocks or fails the work it observes: spans that find the exporter's queue full are dropped.
//! - The tracing subscriber and the propagator are the only globals of the process.

mod apps;
mod filter;
mod logs;
mod metrics;
mod offenders;
mod options;
mod top;
mod trace;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

pub use apps::Apps;
pub use filter::{FilterFault, check_filter};
pub use logs::Logs;
pub use metrics::Metrics;
pub use offenders::{MINUTES, Offence, Offenders, Who};
pub use options::Options;
pub use top::Count;
pub use trace::{continued, continued_together, follow, is_kept, kept_traceparent, traceparent, within};

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter cannot be read.
    #[error("cannot read the log filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The collector's address is no address, or there is no tokio runtime to reach it from.
    #[error("cannot export spans: {0}")]
    Export(String),
    /// It is set up already.
    #[error("a tracing subscriber is set already")]
    Set,
}

/// Which process this is, on each of its spans.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// What it is: the same for all processes that do the same.
    pub service: String,
    /// Which of them.
    pub name: String,
    pub version: String,
}

/// Keeps the exporter alive. Dropped last in `main`, it sends what is left, for at most three seconds.
#[must_use = "spans are lost when the guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    spans: Option<SdkTracerProvider>,
    logs: Logs,
}

/// Sets up logs and traces for the whole process. With a collector it must be called within a tokio runtime of several
/// threads, and the guard be dropped within it.
///
/// # Errors
/// The options cannot be followed, or it was called before. Nothing is set up then.
pub fn init(options: &Options, process: &Process) -> Result<Guard, Error> {
    let (layer, logs) = logs(options)?;
    let spans = match &options.otlp_endpoint {
        Some(endpoint) => Some(exporter(endpoint, options.sample, process)?),
        None => None,
    };
    tracing_subscriber::registry().with(layer).with(spans.as_ref().map(traces)).try_init().map_err(|_| Error::Set)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(Guard { spans, logs })
}

impl Guard {
    /// The filter of the logs, to be changed while the process runs.
    pub fn logs(&self) -> Logs {
        self.logs.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(spans) = &self.spans {
            // The collector may be gone, and nobody is left to hear it.
            let _ = spans.shutdown_with_timeout(Duration::from_secs(3));
        }
    }
}

/// Crates that write what passes through them, bodies and passwords included, into their finest level: whatever the filter
/// says, they stay below it.
const TALKATIVE: [&str; 5] = ["actix_http", "h2", "hyper", "tokio_tungstenite", "tungstenite"];

fn logs(options: &Options) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, Logs), Error> {
    let discreet = TALKATIVE
        .into_iter()
        .fold(Targets::new().with_default(LevelFilter::TRACE), |filter, target| filter.with_target(target, LevelFilter::DEBUG));
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&options.log)?);
    let (filter, layer) = (filter.and(discreet), fmt::layer().with_writer(stderr));
    let layer = match options.log_json {
        true => layer.json().flatten_event(true).with_filter(filter).boxed(),
        false => layer.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
    };
    Ok((layer, Logs::of(handle, &options.log)))
}

fn exporter(endpoint: &str, sample: f64, process: &Process) -> Result<SdkTracerProvider, Error> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Error::Export("there is no tokio runtime".to_owned()));
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter = exporter.map_err(|error| Error::Export(error.to_string()))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        // Whoever began the trace decided; only traces that begin here are drawn by lot.
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample))))
        .with_resource(resource(process))
        .build())
}

/// By the semantic conventions of OpenTelemetry. What `OTEL_RESOURCE_ATTRIBUTES` says is added.
fn resource(process: &Process) -> Resource {
    let attributes = [
        KeyValue::new("service.namespace", "natter"),
        KeyValue::new("service.instance.id", process.name.clone()),
        KeyValue::new("service.version", process.version.clone()),
    ];
    Resource::builder().with_attributes(attributes).with_service_name(process.service.clone()).build()
}

fn traces<S>(spans: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    // The exporter's own calls run through these crates; traced, each export would cause the next.
    let filter = ["h2", "hyper", "hyper_util", "opentelemetry", "opentelemetry_sdk", "rustls", "tonic", "tower"]
        .into_iter()
        .fold(Targets::new().with_default(LevelFilter::INFO), |filter, target| filter.with_target(target, LevelFilter::OFF))
        // The spans of messages are finer than what is logged: where nobody traces, they are never made.
        .with_target("natter", LevelFilter::DEBUG);
    tracing_opentelemetry::layer().with_tracer(spans.tracer("natter")).with_filter(filter)
}
