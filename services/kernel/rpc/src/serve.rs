//! Where channels arrive: a tonic server on a listener.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use natter_proto::rpc::v1::calls_server::CallsServer;
use natter_telemetry::follow;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;
use tower::layer::layer_fn;
use tracing::Instrument;

use crate::Error;
use crate::meters::Meters;
use crate::tls::Tls;
use crate::together::Together;
use crate::transport::{TRACEPARENT, guarded};

/// Calls of a connection that were given up before they were looked at. Over it the connection ends, and with it the calls of everybody
/// else (CVE-2023-44487 is why there is a bound; here callers are processes of the cluster, which give many up at once when a dialog moves).
const GIVEN_UP_MAX: usize = 8_192;
/// Bytes of one message of calls that go together: many short ones, and one that is longest.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How often a quiet connection is tried; a caller that vanished without a word gives its calls back.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Serves calls until `stop` resolves, then ends the calls that run and returns. A caller that never ends its streams holds
/// this up: whoever calls it bounds it.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, routes: Routes, stop: impl Future<Output = ()>) -> Result<(), Error> {
    serve_with(listener, routes, Serving::default(), stop).await
}

/// How calls are served.
#[derive(Clone, Default)]
pub struct Serving {
    /// None: without TLS, for whoever reaches the listener.
    pub tls: Option<Tls>,
    /// What is measured of them.
    pub meters: Option<Meters>,
}

/// The same, so.
///
/// # Errors
/// The listener failed.
pub async fn serve_with(
    listener: TcpListener,
    routes: Routes,
    Serving { tls, meters }: Serving,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = match tls {
        Some(tls) => tls.answer(Server::builder())?,
        None => Server::builder(),
    };
    let (stopping, stops) = watch::channel(false);
    let services = Door(routes.clone().prepare(), meters.clone());
    let together = CallsServer::new(Together { services, stops }).max_decoding_message_size(BATCH_BYTES_MAX);
    let routes = routes.add_service(together);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    server
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP_MAX))
        .layer(layer_fn(move |routes| Door(routes, meters.clone())))
        .add_routes(routes.prepare())
        .serve_with_incoming_shutdown(incoming, stop)
        .await
        .map_err(|error| Error::Serve(error.to_string()))
}

/// What a call passes on its way in: a span that follows the caller's, a measure, and a net for panics.
#[derive(Clone)]
struct Door<S>(S, Option<Meters>);

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let span = tracing::info_span!("call", path = request.uri().path());
        if let Some(parent) = request.headers().get(TRACEPARENT).and_then(|parent| parent.to_str().ok()) {
            follow(&span, parent);
        }
        let answer = guarded(self.0.clone(), request, self.1.as_ref());
        Box::pin(async move { Ok(answer.await.unwrap_or_else(Status::into_http)) }.instrument(span))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::contract::echo::{Echo, ask};
    use crate::{Link, LinkOptions};

    #[tokio::test]
    async fn calls_that_are_given_up_in_a_crowd_end_no_other_call_of_the_connection() {
        for goes in [|_: &str| false, |_: &str| true] {
            let slow = Echo::new(|word| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(word)
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(serve(listener, Routes::new(slow), std::future::pending()));
            let link = Link::together(&uri, None, LinkOptions::default(), goes).unwrap();
            assert_eq!(ask(&link, "romeo").await.unwrap(), "romeo");
            for turns in 0..8 {
                let crowd = async {
                    let mut crowd: Vec<_> = (0..200).map(|_| Box::pin(ask(&link, "gone"))).collect();
                    for call in &mut crowd {
                        assert!(futures::poll!(call).is_pending());
                    }
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                };
                let (answer, ()) = tokio::join!(ask(&link, "romeo"), crowd);
                assert_eq!(answer.unwrap(), "romeo", "given up after {turns} turns");
            }
        }
    }
}
