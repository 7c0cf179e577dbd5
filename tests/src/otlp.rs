//! An OTLP collector that remembers the spans it was sent, and finds the trace of one piece of work. It samples and forgets nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use natter_rpc::{Reply, Request, Response, Routes, async_trait, serve};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One span as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    /// Name of its parent; empty: it began the trace, or its parent did not come.
    pub parent: String,
    /// Attributes of the process.
    pub process: BTreeMap<String, String>,
    /// All that it says, for a look at what it must not say.
    pub text: String,
}

/// Takes spans until it is dropped.
pub struct Collector {
    /// For `telemetry.otlp_endpoint`.
    pub endpoint: String,
    spans: Spans,
    server: JoinHandle<()>,
}

type Spans = Arc<Mutex<Vec<Exported>>>;

/// A span, and the attributes of the process that it is of.
type Exported = (BTreeMap<String, String>, Span);

impl Collector {
    pub async fn start() -> Result<Collector> {
        let spans = Spans::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let routes = Routes::new(TraceServiceServer::new(Door(spans.clone())));
        let server = tokio::spawn(async move {
            let _ = serve(listener, routes, std::future::pending()).await;
        });
        Ok(Collector { endpoint, spans, server })
    }

    /// The traces in which there is a span of this name, each with its spans in the order in which they began.
    pub fn traces_with(&self, name: &str) -> Vec<Vec<Seen>> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let mut traces: BTreeMap<&[u8], Vec<&Exported>> = BTreeMap::new();
        for span in spans.iter() {
            traces.entry(&span.1.trace_id).or_default().push(span);
        }
        traces.retain(|_, spans| spans.iter().any(|(_, span)| span.name == name));
        traces.into_values().map(|spans| seen(&spans)).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn seen(trace: &[&(BTreeMap<String, String>, Span)]) -> Vec<Seen> {
    let mut trace = trace.to_vec();
    trace.sort_by_key(|(_, span)| span.start_time_unix_nano);
    let name_of = |id: &[u8]| trace.iter().find(|(_, span)| span.span_id == id).map(|(_, span)| span.name.clone());
    let one = |(process, span): &&(BTreeMap<String, String>, Span)| Seen {
        name: span.name.clone(),
        parent: name_of(&span.parent_span_id).unwrap_or_default(),
        process: process.clone(),
        text: format!("{span:?}"),
    };
    trace.iter().map(one).collect()
}

struct Door(Spans);

#[async_trait]
impl TraceService for Door {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Reply<ExportTraceServiceResponse> {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for of_process in request.into_inner().resource_spans {
            let process: BTreeMap<_, _> =
                of_process.resource.unwrap_or_default().attributes.into_iter().filter_map(word).collect();
            let all = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| (process.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn word(attribute: KeyValue) -> Option<(String, String)> {
    match attribute.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some((attribute.key, text)),
        _ => None,
    }
}

/// The span of this name; the only one.
pub fn only<'a>(trace: &'a [Seen], name: &str) -> Result<&'a Seen> {
    let mut all = trace.iter().filter(|span| span.name == name);
    let first = all.next().with_context(|| format!("no span {name}"))?;
    anyhow::ensure!(all.next().is_none(), "two spans {name}");
    Ok(first)
}
