//! The two transports of a link, made to fail alike. Not here: deadlines (`link.rs`).

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use natter_telemetry::traceparent;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{ConnectError, Status};
use tower::{Service, ServiceExt};

/// The header that carries the caller's span (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// A generated server, called where the caller runs. The caller's span stays current.
#[derive(Clone)]
pub(crate) struct InProcess<S>(pub(crate) S);

/// A generated server, reached over HTTP/2.
#[derive(Clone)]
pub(crate) struct Remote(pub(crate) Channel);

/// Nobody.
#[derive(Clone)]
pub(crate) struct Absent;

type Answer = Result<Response<Body>, Status>;

impl<S> Service<Request<Body>> for InProcess<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(guarded(self.0.clone(), request))
    }
}

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Ok(parent) = HeaderValue::from_str(&traceparent())
            && !parent.is_empty()
        {
            request.headers_mut().insert(TRACEPARENT, parent);
        }
        let channel = self.0.clone();
        Box::pin(async move {
            let answer = channel.oneshot(request).await.map_err(|error| failure(&error))?;
            // An answer that breaks off was begun, so the request was carried out, perhaps not to its end.
            Ok(answer.map(|body| Body::new(body.map_err(|_| lost()))))
        })
    }
}

impl Service<Request<Body>> for Absent {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Err(not_there()))
    }
}

/// Calls a server and turns a handler's panic into an answer, on this side of whatever lies between.
pub(crate) async fn guarded<S>(server: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    match AssertUnwindSafe(async { server.oneshot(request).await }).catch_unwind().await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a handler panicked");
            Err(Status::unknown("the handler panicked"))
        }
    }
}

/// tonic calls more than this `unavailable`, a connection that fell silent among it; that request may have been carried out.
fn failure(error: &(dyn StdError + 'static)) -> Status {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return not_there();
        }
        cause = error.source();
    }
    lost()
}

fn not_there() -> Status {
    Status::unavailable("the service is not there")
}

fn lost() -> Status {
    Status::unknown("the connection was lost")
}
