//! Links to a service that several processes run: each request goes to the process that should own what it is about. Who that is says
//! [`Places`]; not here: what a process does with what it does not own (it answers [`elsewhere`]).
//!
//! - A request that was certainly not carried out is tried again, at the process that is the right one by then, until shortly before the
//!   link's deadline. After that it is `unavailable`: still not carried out.
//! - A request that may be repeated ([`Routing::repeats`]) is also tried again when its outcome is unknown, and is taken from a process
//!   that is not the right one any more: a process that stands still answers nobody. Whoever is asked then is told so
//!   ([`is_repeated`]), and does not call a failure what the first attempt brought about.
//! - Every other request ends as the call of it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use crate::about::About;
use crate::link::{Link, LinkOptions, Transport};
use crate::tls::Tls;
use crate::transport::Absent;

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Into this process.
    Here,
    /// To the process at this `HOST:PORT`, in this run of it.
    There(String, u64),
    /// Nobody serves it.
    Nowhere,
}

/// Says which process should serve what.
pub trait Places: Send + Sync + 'static {
    /// The place of requests about this.
    fn place(&self, about: &About) -> Place;
    /// Resolves when a place may be another one than when this was called.
    fn moved(&self) -> BoxFuture<'static, ()>;
    /// The way to another process. Called within a tokio runtime.
    ///
    /// # Errors
    /// `address` is none.
    fn reach(&self, address: &str, tls: Option<&Tls>, options: LinkOptions) -> Result<Link, crate::Error> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        Link::channel_with(&format!("{scheme}://{address}"), tls, options)
    }
}

/// How requests are routed.
#[derive(Clone)]
pub struct Routing {
    pub places: Arc<dyn Places>,
    /// The service in this process, if it runs here.
    pub here: Option<Link>,
    /// Whether a request of this path (`/natter.dialog.v1.Dialogs/Post`) may be carried out twice.
    pub repeats: fn(&str) -> bool,
    /// How other processes are reached; none: without TLS.
    pub tls: Option<Tls>,
}

/// A refusal by a process that should not serve what it was asked. Nothing was done.
pub fn elsewhere() -> Status {
    let mut status = Status::unavailable("another process should serve this");
    status.metadata_mut().insert(ELSEWHERE, tonic::metadata::MetadataValue::from_static("1"));
    status
}

/// Whether this request was sent before and nobody knows what became of it: it may have been carried out already.
pub fn is_repeated<T>(request: &tonic::Request<T>) -> bool {
    request.metadata().contains_key(REPEATED)
}

const ELSEWHERE: &str = "natter-elsewhere";
const REPEATED: &str = "natter-repeated";
/// The first pause before a request is tried again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// Most requests of a link that wait to be tried again. Over it they fail at once.
const WAITING_MAX: usize = 8_192;
/// Processes to which connections are kept.
const CHANNELS_MAX: usize = 1_024;

/// The transport.
#[derive(Clone)]
pub(crate) struct Routed(Arc<Inner>);

struct Inner {
    routing: Routing,
    options: LinkOptions,
    channels: Mutex<BTreeMap<String, Transport>>,
    waiting: Semaphore,
}

type Answer = Result<Response<Body>, Status>;

impl Routed {
    pub(crate) fn new(routing: Routing, options: LinkOptions) -> Routed {
        Routed(Arc::new(Inner { routing, options, channels: Mutex::default(), waiting: Semaphore::new(WAITING_MAX) }))
    }
}

impl Service<Request<Body>> for Routed {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.call(request).await })
    }
}

impl Inner {
    async fn call(&self, request: Request<Body>) -> Answer {
        let began = Instant::now();
        let (head, mut body) = request.into_parts();
        let first = match body.frame().await {
            Some(frame) => frame?.into_data().unwrap_or_default(),
            None => Bytes::new(),
        };
        let about = About::of_frame(&first);
        // Of one message the end is known at once.
        let sent = match body.frame().now_or_never() {
            Some(None) => Sent::Whole(first),
            second => Sent::Stream(Some((first, second.flatten(), body))),
        };
        let mut call = Call { head, sent, about };
        let mut pause = PAUSES.0;
        loop {
            let answer = self.attempt(&mut call).await;
            let is_last = began.elapsed() + pause * 2 > self.options.deadline || !call.is_whole();
            if is_last || !self.is_tried_again(&call, &answer) {
                return answer;
            }
            let Ok(_waits) = self.waiting.try_acquire() else { return answer };
            if is_unknown(&answer) {
                call.head.headers.insert(REPEATED, HeaderValue::from_static("1"));
            }
            sleep(pause).await;
            pause = PAUSES.1.min(pause * 2);
        }
    }

    /// Once, to the place that is the right one.
    async fn attempt(&self, call: &mut Call) -> Answer {
        let places = &self.routing.places;
        let mut moved = places.moved();
        let place = places.place(&call.about);
        let answer = self.transport(&place).oneshot(call.request());
        if !call.is_whole() || !(self.routing.repeats)(call.path()) {
            return answer.await;
        }
        let mut answer = std::pin::pin!(answer);
        loop {
            // The answer first: what was carried out is not repeated without need.
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = &mut moved => {
                    moved = places.moved();
                    if places.place(&call.about) != place {
                        return Err(Status::unknown("another process should serve this by now"));
                    }
                }
            }
        }
    }

    fn transport(&self, place: &Place) -> Transport {
        match place {
            Place::Here => match &self.routing.here {
                Some(here) => here.transport.clone(),
                None => Transport::new(Absent),
            },
            Place::There(address, _) => self.channel(address),
            Place::Nowhere => Transport::new(Absent),
        }
    }

    fn channel(&self, address: &str) -> Transport {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(address) {
            return channel.clone();
        }
        let Ok(link) = self.routing.places.reach(address, self.routing.tls.as_ref(), self.options) else {
            tracing::error!(address, "a member of the cluster has an address that is none");
            return Transport::new(Absent);
        };
        if channels.len() >= CHANNELS_MAX {
            channels.clear();
        }
        channels.insert(address.to_owned(), link.transport.clone());
        link.transport
    }

    fn is_tried_again(&self, call: &Call, answer: &Answer) -> bool {
        match answer {
            Ok(answer) if answer.headers().contains_key(ELSEWHERE) => true,
            Err(status) if status.code() == Code::Unavailable => true,
            _ => is_unknown(answer) && (self.routing.repeats)(call.path()),
        }
    }
}

/// Whether an attempt ended so that the request may have been carried out, and may not.
fn is_unknown(answer: &Answer) -> bool {
    match answer {
        Ok(answer) => code_of(answer.headers()) == Some(Code::Unknown),
        Err(status) => status.code() != Code::Unavailable,
    }
}

// Of an answer that has no body: a failure.
pub(crate) fn code_of(headers: &HeaderMap<HeaderValue>) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

/// A call that may be made several times.
struct Call {
    /// All of the request but its body.
    head: http::request::Parts,
    sent: Sent,
    about: About,
}

/// A stream of messages of which a first one, and perhaps a second, was read.
type Begun = (Bytes, Option<Result<http_body::Frame<Bytes>, Status>>, Body);

/// What a call sends.
enum Sent {
    /// One message.
    Whole(Bytes),
    /// A message, perhaps another, and others to come. Taken once.
    Stream(Option<Begun>),
}

impl Call {
    fn path(&self) -> &str {
        self.head.uri.path()
    }

    fn is_whole(&self) -> bool {
        matches!(self.sent, Sent::Whole(_))
    }

    fn request(&mut self) -> Request<Body> {
        let body = match &mut self.sent {
            Sent::Whole(message) => Body::new(Full::new(message.clone()).map_err(|never| match never {})),
            Sent::Stream(stream) => match stream.take() {
                Some((first, second, rest)) => {
                    let begun = [Some(Ok(http_body::Frame::data(first))), second].into_iter().flatten();
                    Body::new(StreamBody::new(futures::StreamExt::chain(
                        futures::stream::iter(begun),
                        http_body_util::BodyStream::new(rest),
                    )))
                }
                None => Body::empty(),
            },
        };
        Request::from_parts(self.head.clone(), body)
    }
}

#[cfg(test)]
mod tests;
