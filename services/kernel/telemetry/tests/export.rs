//! The whole road of a span, to a collector of our own. One test: telemetry is set up once for a process.

#![allow(clippy::unwrap_used)]

use natter_telemetry::{
    Error, Options, Process, continued, continued_together, follow, init, is_kept, kept_traceparent, traceparent, within,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use tracing::{error_span, info_span};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_follows_another_over_a_wire_and_both_reach_the_collector() {
    assert_eq!(traceparent(), "", "nothing is traced yet");
    let process = Process { service: "natter-edge".into(), name: "edge-1".into(), version: "1".into() };
    let refused = Options { log: "natter=loudly".to_owned(), ..Options::default() };
    assert!(matches!(init(&refused, &process), Err(Error::Filter(_))));

    let (endpoint, mut spans) = collector().await;
    let options = Options { otlp_endpoint: Some(endpoint), sample: 1.0, ..Options::default() };
    let guard = init(&options, &process).unwrap();
    assert!(matches!(init(&options, &process), Err(Error::Set)));

    let sent = info_span!("send").in_scope(traceparent);
    assert!(sent.starts_with("00-") && sent.len() == 55, "{sent}");
    let receive = info_span!("receive");
    follow(&receive, &sent);
    let received = receive.in_scope(traceparent);
    drop(receive);
    assert_eq!(received[3..35], sent[3..35], "one trace");
    follow(&info_span!("stray"), "no traceparent");
    continued(&sent, || info_span!("later")).in_scope(|| {
        assert_eq!(kept_traceparent()[3..35], sent[3..35]);
        drop(within(|| info_span!("inner")));
    });
    // What nobody began, or what is not kept, begins nothing.
    let unkept = format!("{}00", &sent[..53]);
    for other in ["", "no traceparent", unkept.as_str()] {
        assert!(!is_kept(other));
        assert!(continued(other, || info_span!("never")).is_none() && within(|| info_span!("never")).is_none());
    }
    drop(continued_together(["", unkept.as_str(), sent.as_str(), received.as_str()], || info_span!("together")));
    // Were the transport's own spans exported, each export would cause the next.
    error_span!(target: "h2", "frame").in_scope(|| ());

    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    let mut names = Vec::new();
    while let Ok((name, parent)) = spans.try_recv() {
        assert!(
            !["receive", "later", "together"].contains(&name.as_str()) || sent[36..52] == parent,
            "{name} is a child of send"
        );
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["inner", "later", "receive", "send", "stray", "together"]);
}

#[test]
fn the_options_have_defaults_and_refuse_what_they_do_not_know() {
    assert_eq!(toml::from_str::<Options>("").unwrap(), Options::default());
    assert!(toml::from_str::<Options>("log_jason = true").is_err());
}

/// An OTLP collector: its address, and the name and parent of each span it was sent.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, String)>) {
    let (spans, received) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector(spans)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (endpoint, received)
}

struct Collector(mpsc::UnboundedSender<(String, String)>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let parent = span.parent_span_id.iter().map(|byte| format!("{byte:02x}")).collect();
            self.0.send((span.name, parent)).unwrap();
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
