//! What a generated client calls through. How a call travels says `transport.rs`.

use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use natter_proto::UNARY;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::Error;
use crate::meters::Meters;
use crate::routed::{Routed, Routing};
use crate::tls::Tls;
use crate::together::Caller;
use crate::transport::{Absent, InProcess, Remote};

/// The way to one service. Clone; give it to a generated client: `DialogsClient::new(link.clone())`.
#[derive(Clone)]
pub struct Link {
    pub(crate) transport: Transport,
    deadline: Duration,
    keeps_order: bool,
}

pub(crate) type Transport = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// The settings of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkOptions {
    /// Longest wait for an answer. Of a stream of answers it bounds the wait for its beginning.
    pub deadline: Duration,
}

impl Default for LinkOptions {
    fn default() -> LinkOptions {
        LinkOptions { deadline: Duration::from_secs(2) }
    }
}

/// Longest wait for a connection; less than a deadline, so that a service which is not there is known not to be.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// How often a quiet connection is tried, and how long its silence may last: what bounds the wait within a stream.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

impl Link {
    /// A link to a generated server in this process.
    pub fn local<S>(server: S, options: LinkOptions) -> Link
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Link { keeps_order: true, ..Link::over(InProcess(server, None), options) }
    }

    /// The same, and its calls are measured.
    pub fn measured<S>(server: S, options: LinkOptions, meters: &Meters) -> Link
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Link { keeps_order: true, ..Link::over(InProcess(server, Some(meters.clone())), options) }
    }

    /// A link to a server elsewhere (`http://host:port`), connected at the first call and again when the connection is lost.
    /// Called within a tokio runtime.
    ///
    /// # Errors
    /// `uri` is not the address of a service.
    pub fn channel(uri: &str, options: LinkOptions) -> Result<Link, Error> {
        Link::channel_with(uri, None, options)
    }

    /// The same over TLS, if there is any (`https://host:port`).
    ///
    /// # Errors
    /// As before.
    pub fn channel_with(uri: &str, tls: Option<&Tls>, options: LinkOptions) -> Result<Link, Error> {
        Link::together(uri, tls, options, |path| UNARY.binary_search(&path).is_ok())
    }

    /// The same; calls of the paths that `goes` says yes to go together: their messages are one, and so are their answers.
    pub(crate) fn together(uri: &str, tls: Option<&Tls>, options: LinkOptions, goes: fn(&str) -> bool) -> Result<Link, Error> {
        let endpoint = Endpoint::from_shared(uri.to_owned()).map_err(|_| Error::Address(uri.to_owned()))?;
        let endpoint = match tls {
            Some(tls) => tls.dial(endpoint)?,
            None => endpoint,
        };
        let channel = endpoint
            .connect_timeout(CONNECT_MAX.min(options.deadline / 2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect_lazy();
        let by_itself = Remote { channel: channel.clone(), together: None };
        let together = Some(Caller::new(Transport::new(by_itself), goes));
        Ok(Link::over(Remote { channel, together }, options))
    }

    /// A link to a service that several processes run. Called within a tokio runtime.
    pub fn routed(routing: Routing, options: LinkOptions) -> Link {
        Link::over(Routed::new(routing, options), options)
    }

    /// This link with a deadline of its own, for a caller who would rather wait.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Link {
        Link { deadline, ..self }
    }

    /// A link to a service that nobody runs: every call is `unavailable`.
    pub fn absent() -> Link {
        Link::over(Absent, LinkOptions::default())
    }

    /// Whether anybody answers there, whatever he says.
    pub async fn is_answered(&self) -> bool {
        match HealthClient::new(self.clone()).check(HealthCheckRequest::default()).await {
            Ok(_) => true,
            Err(status) => !matches!(status.code(), Code::Unavailable | Code::Unknown | Code::DeadlineExceeded),
        }
    }

    /// Whether calls begin at the server in the order in which they were made here. Over a channel they run beside each other there: who
    /// needs an order waits for the answer before he makes the next call.
    pub fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    pub(crate) fn over<S>(transport: S, options: LinkOptions) -> Link
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Status> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Link { transport: BoxCloneSyncService::new(transport), deadline: options.deadline, keeps_order: false }
    }
}

/// Fails never: a transport's failure becomes an answer that says so, and the generated client passes its code on as it is.
impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A transport that is not ready is waited for under the deadline, in `call`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (transport, deadline) = (self.transport.clone(), self.deadline);
        Box::pin(async move {
            let answer = match timeout(deadline, transport.oneshot(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(Status::deadline_exceeded(format!("no answer within {} ms", deadline.as_millis()))),
            };
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
