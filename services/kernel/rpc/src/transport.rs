//! The two transports of a link, made to fail alike. Not here: deadlines (`link.rs`).

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use natter_proto::codec::handing_over;
use natter_telemetry::traceparent;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Status};
use tower::{Service, ServiceExt};

use crate::meters::Meters;
use crate::routed::code_of;
use crate::together::{Caller, Heard, MESSAGE_BYTES_MAX};

/// The header that carries the caller's span (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// A generated server, called where the caller runs. The caller's span stays current.
#[derive(Clone)]
pub(crate) struct InProcess<S>(pub(crate) S, pub(crate) Option<Meters>);

/// A generated server, reached over HTTP/2.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) channel: Channel,
    /// Calls that go together; none: each goes by itself.
    pub(crate) together: Option<Caller>,
}

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
        let answer = guarded(self.0.clone(), request.map(handed), self.1.as_ref());
        Box::pin(async move { Ok(answer.await?.map(handed)) })
    }
}

/// A body that stays in this process: whoever polls it decodes it, so its messages are handed over as they are.
struct Handed(Body);

fn handed(body: Body) -> Body {
    Body::new(Handed(body))
}

impl http_body::Body for Handed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        handing_over(|| Pin::new(&mut self.0).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
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
        let Remote { channel, together } = self.clone();
        Box::pin(async move {
            let request = match together.filter(|together| together.goes(request.uri().path())) {
                Some(together) => match along(together, request).await? {
                    Went::Answered(answer) => return Ok(answer),
                    Went::Alone(request) => request,
                },
                None => request,
            };
            let answer = channel.oneshot(request).await.map_err(|error| failure(&error))?;
            // An answer that breaks off was begun, so the request was carried out, perhaps not to its end.
            Ok(answer.map(|body| Body::new(body.map_err(|_| lost()))))
        })
    }
}

enum Went {
    Answered(Response<Body>),
    /// It has to go by itself.
    Alone(Request<Body>),
}

/// A call of one message goes together with others.
async fn along(together: Caller, request: Request<Body>) -> Result<Went, Status> {
    let (head, body) = request.into_parts();
    let message = body.collect().await?.to_bytes();
    if message.len() <= MESSAGE_BYTES_MAX
        && let Some(coming) = together.begin(&head, message.clone())
    {
        match coming.await {
            Heard::Answer(answer) => return Ok(Went::Answered(answer)),
            Heard::NotThere => return Err(not_there()),
            Heard::Lost => return Err(lost()),
            Heard::Alone => {}
        }
    }
    Ok(Went::Alone(Request::from_parts(head, Body::new(Full::new(message).map_err(|never| match never {})))))
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
/// That is also where it is measured.
pub(crate) fn guarded<S>(server: S, request: Request<Body>, meters: Option<&Meters>) -> impl Future<Output = Answer> + use<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let call = meters.map(|meters| meters.begin(request.uri().path()));
    async move {
        let answer = match AssertUnwindSafe(async { server.oneshot(request).await }).catch_unwind().await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("a handler panicked");
                Err(Status::unknown("the handler panicked"))
            }
        };
        if let Some(call) = call {
            call.end(match &answer {
                Ok(answer) => code_of(answer.headers()).unwrap_or(Code::Ok),
                Err(status) => status.code(),
            });
        }
        answer
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::stream::{self, StreamExt};
    use natter_proto::codec::Codec;
    use tonic::codec::{Codec as _, EncodeBody, SingleMessageCompressionOverride, Streaming};

    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Number {
        #[prost(uint64, tag = "1")]
        number: u64,
        #[prost(string, tag = "2")]
        text: String,
    }

    type Numbers = Codec<Number, Number>;

    #[tokio::test]
    async fn a_stream_within_a_process_arrives_whole_whether_its_messages_come_together_or_one_by_one() {
        for pauses in [false, true] {
            let numbers: Vec<Number> = (0..50).map(number).collect();
            let source = stream::iter(numbers.clone()).then(move |number| async move {
                if pauses && number.number % 3 == 0 {
                    tokio::task::yield_now().await;
                }
                Ok(number)
            });
            let read: Vec<Number> = reader(handed(body(source))).map(Result::unwrap).collect().await;
            assert_eq!(read, numbers);
        }
    }

    #[tokio::test]
    async fn what_was_handed_over_and_not_taken_is_dropped_and_no_other_reader_gets_it() {
        let mut unread = handed(body(stream::iter([Ok(number(1))])));
        let ticket = unread.frame().await.unwrap().unwrap().into_data().unwrap();
        let read: Vec<Number> = reader(handed(body(stream::iter([Ok(number(2))])))).map(Result::unwrap).collect().await;
        assert_eq!(read, [number(2)]);
        let stale = Body::new(http_body_util::Full::new(ticket).map_err(|never| match never {}));
        assert!(reader(stale).next().await.unwrap().is_err());
    }

    fn number(number: u64) -> Number {
        Number { number, text: "x".repeat(number as usize * 40) }
    }

    fn body(source: impl futures::Stream<Item = Result<Number, Status>> + Send + 'static) -> Body {
        let compression = SingleMessageCompressionOverride::Disable;
        Body::new(EncodeBody::new_server(Numbers::default().encoder(), source, None, compression, None))
    }

    fn reader(body: Body) -> Streaming<Number> {
        Streaming::new_request(Numbers::default().decoder(), body, None, None)
    }
}
