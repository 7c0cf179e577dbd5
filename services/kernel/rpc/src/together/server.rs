//! The end of the stream that is called. A task of its own carries the calls of a stream, so that the connection goes on beside them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable};
use futures::stream::{FuturesUnordered, Stream, StreamExt, poll_fn};
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use natter_proto::rpc::v1 as wire;
use natter_proto::rpc::v1::calls_server::Calls;
use tokio::sync::{mpsc, watch};
use tonic::body::Body;
use tonic::{Status, Streaming, async_trait};
use tower::{Service, ServiceExt};

use super::{from_wire, to_wire};
use crate::Reply;

/// Calls of a stream that run beside each other. Above it the caller waits.
const RUNNING_MAX: usize = 4_096;
/// Bytes of answers in one message of the stream, about.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// Bytes of one answer; a message of a link is shorter.
const ANSWER_BYTES_MAX: usize = 5 << 20;
/// Messages of answers that wait for the connection.
const ANSWERS_MAX: usize = 4;

/// The service, in front of all others of its process.
#[derive(Clone)]
pub(crate) struct Together<S> {
    pub(crate) services: S,
    /// The server stops: streams are to end.
    pub(crate) stops: watch::Receiver<bool>,
}

type Answers = Pin<Box<dyn Stream<Item = Result<wire::Answers, Status>> + Send>>;

#[async_trait]
impl<S> Calls for Together<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    type TogetherStream = Answers;

    async fn together(&self, request: tonic::Request<Streaming<wire::Batch>>) -> Reply<Answers> {
        let (to, mut answers) = mpsc::channel(ANSWERS_MAX);
        tokio::spawn(carry(self.services.clone(), self.stops.clone(), request.into_inner(), to));
        Ok(tonic::Response::new(Box::pin(poll_fn(move |cx| answers.poll_recv(cx)))))
    }
}

/// Until the caller is gone, or has no more to ask and every answer, or the server stops.
async fn carry<S>(
    services: S,
    mut stops: watch::Receiver<bool>,
    mut batches: Streaming<wire::Batch>,
    to: mpsc::Sender<Result<wire::Answers, Status>>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut running = FuturesUnordered::new();
    let mut ends: BTreeMap<u64, AbortHandle> = BTreeMap::new();
    let (mut begun, mut takes) = (0, true);
    while takes || !running.is_empty() {
        tokio::select! {
            biased;
            () = to.closed() => return,
            Some(answer) = running.next(), if !running.is_empty() => {
                let answers = together(answer, &mut running, &mut ends);
                if !answers.is_empty() && to.send(Ok(wire::Answers { answers, ends: None })).await.is_err() {
                    return;
                }
            }
            () = stopped(&mut stops), if takes => {
                takes = false;
                let ends = wire::Answers { answers: Vec::new(), ends: Some(begun) };
                if to.send(Ok(ends)).await.is_err() {
                    return;
                }
            }
            batch = batches.message(), if takes && running.len() < RUNNING_MAX => match batch {
                Ok(Some(wire::Batch { calls, given_up })) => {
                    for call in calls {
                        begun = call.number;
                        let (end, ended) = AbortHandle::new_pair();
                        ends.insert(call.number, end);
                        let number = call.number;
                        running.push(Abortable::new(answer(services.clone(), call), ended).map(move |answer| (number, answer.ok())));
                    }
                    given_up.iter().filter_map(|number| ends.remove(number)).for_each(|end| end.abort());
                }
                Ok(None) => takes = false,
                // The connection is lost, and with it whoever waits.
                Err(_) => return,
            },
        }
    }
}

async fn stopped(stops: &mut watch::Receiver<bool>) {
    // Whoever would say it is gone: so is the server.
    let _ = stops.wait_for(|stops| *stops).await;
}

/// An answer, and those that are there as well.
fn together<F>(
    first: (u64, Option<wire::Answer>),
    running: &mut FuturesUnordered<F>,
    ends: &mut BTreeMap<u64, AbortHandle>,
) -> Vec<wire::Answer>
where
    F: Future<Output = (u64, Option<wire::Answer>)>,
{
    let (mut answers, mut bytes, mut next) = (Vec::new(), 0, Some(first));
    while let Some((number, answer)) = next {
        ends.remove(&number);
        // Nobody waits for one that was given up.
        if let Some(answer) = answer {
            bytes += answer.message.len();
            answers.push(answer);
        }
        next = if bytes < BATCH_BYTES_MAX { running.next().now_or_never().flatten() } else { None };
    }
    answers
}

/// What the process answers to a call.
async fn answer<S>(services: S, call: wire::Call) -> wire::Answer
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let number = call.number;
    let answer = match request(call) {
        Ok(request) => match services.oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        },
        Err(status) => status.into_http(),
    };
    let (mut head, body) = answer.into_parts();
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(body) => {
            head.headers.extend(body.trailers().cloned().unwrap_or_default());
            wire::Answer { number, headers: to_wire(&head.headers), message: body.to_bytes() }
        }
        Err(error) => {
            let status = match error.downcast::<Status>() {
                Ok(status) => *status,
                Err(_) => Status::out_of_range("an answer of too many bytes"),
            };
            wire::Answer { number, headers: to_wire(status.into_http::<Body>().headers()), message: Bytes::new() }
        }
    }
}

/// The call as it would come by itself.
fn request(call: wire::Call) -> Result<Request<Body>, Status> {
    let wire::Call { path, headers, message, .. } = call;
    let uri = Uri::try_from(path).map_err(|_| Status::unimplemented("no path of a method"))?;
    let mut request = Request::new(Body::new(Full::new(message).map_err(|never| match never {})));
    (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (Method::POST, uri, Version::HTTP_2);
    let of_request = request.headers_mut();
    of_request.insert(http::header::TE, HeaderValue::from_static("trailers"));
    of_request.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    of_request.extend(from_wire(headers));
    Ok(request)
}
