//! The end of the stream that calls. One stream at a time, opened by the first call that needs it.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use natter_proto::rpc::v1 as wire;
use natter_proto::rpc::v1::calls_client::CallsClient;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Code;
use tonic::body::Body;

use super::{from_wire, to_wire};
use crate::link::Transport;

/// Bytes of a message that goes together with others; longer ones would hold them up.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of calls in one message of the stream, about.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// Calls of a stream that are not answered. Over it they go by themselves.
const WAITING_MAX: usize = 8_192;
/// Bytes of calls that the stream has not taken, those that were given up meanwhile among them; over it likewise.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// Bytes of one message of answers: an answer may be as long as a message of a link.
const ANSWERS_BYTES_MAX: usize = 8 << 20;
/// How long calls go by themselves to a server that does not know the stream.
const ALONE: Duration = Duration::from_secs(60);

/// Calls to one process. Clones share the stream.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Inner>);

struct Inner {
    transport: Transport,
    runtime: Handle,
    goes: fn(&str) -> bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of the newest call.
    newest: u64,
    /// Calls that the stream has not taken.
    queue: VecDeque<wire::Call>,
    queue_bytes: usize,
    given_up: Vec<u64>,
    waiting: BTreeMap<u64, Waiting>,
    /// The stream that is open, counted from 1; 0: none.
    stream: u64,
    streams: u64,
    /// Of the stream, while there is nothing for it.
    waker: Option<Waker>,
    /// The server stops: it answers what it has begun, and nothing else goes to it.
    is_stopping: bool,
    alone_until: Option<Instant>,
}

struct Waiting {
    answer: oneshot::Sender<Heard>,
    is_taken: bool,
}

/// What a caller hears of a call.
pub(crate) enum Heard {
    Answer(Response<Body>),
    /// It was not begun.
    NotThere,
    /// It may have been.
    Lost,
    /// The server does not know the stream, so it was not begun: it may go by itself.
    Alone,
}

/// How a stream ended.
enum Ending {
    /// No connection.
    NotThere,
    /// The server does not know it.
    Unknown,
    /// The connection was lost, or the server stopped.
    Broken,
}

impl Caller {
    /// Calls of the paths that `goes` says yes to, over a transport to their server. Called within a tokio runtime, which carries the
    /// stream.
    pub(crate) fn new(transport: Transport, goes: fn(&str) -> bool) -> Caller {
        Caller(Arc::new(Inner { transport, runtime: Handle::current(), goes, state: Mutex::default() }))
    }

    /// Whether calls of this path go together.
    pub(crate) fn goes(&self, path: &str) -> bool {
        (self.0.goes)(path)
    }

    /// Begins a call. What is returned is the wait for it: whoever drops it gives the call up. Nothing if it has to go by itself.
    pub(crate) fn begin(&self, head: &Parts, message: Bytes) -> Option<impl Future<Output = Heard> + use<>> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.0.state.lock();
        let is_full = state.waiting.len() >= WAITING_MAX || state.queue_bytes >= QUEUE_BYTES_MAX;
        if is_full || state.alone_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        state.newest += 1;
        let number = state.newest;
        if state.is_stopping {
            let _ = answer.send(Heard::NotThere);
        } else {
            let (path, headers) = (head.uri.path().to_owned(), to_wire(&head.headers));
            let call = wire::Call { number, path, headers, message };
            state.queue_bytes += bytes(&call);
            state.queue.push_back(call);
            state.waiting.insert(number, Waiting { answer, is_taken: false });
            state.wake();
        }
        if state.stream == 0 {
            state.streams += 1;
            state.stream = state.streams;
            self.0.runtime.spawn(run(self.0.clone(), state.stream));
        }
        drop(state);
        let held = Held { inner: self.0.clone(), number };
        Some(async move {
            let _held = held;
            answered.await.unwrap_or(Heard::Lost)
        })
    }
}

/// A call that somebody waits for.
struct Held {
    inner: Arc<Inner>,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.inner.state.lock();
        // One that is still in the queue is left out when its turn comes.
        if state.waiting.remove(&self.number).is_some_and(|waiting| waiting.is_taken) {
            state.given_up.push(self.number);
            state.wake();
        }
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// What goes next; nothing if nothing waits to.
    fn batch(&mut self) -> Option<wire::Batch> {
        let (mut calls, mut taken) = (Vec::new(), 0);
        while taken < BATCH_BYTES_MAX
            && let Some(call) = self.queue.pop_front()
        {
            self.queue_bytes -= bytes(&call);
            if let Some(waiting) = self.waiting.get_mut(&call.number) {
                waiting.is_taken = true;
                taken += bytes(&call);
                calls.push(call);
            }
        }
        let given_up = std::mem::take(&mut self.given_up);
        (!calls.is_empty() || !given_up.is_empty()).then_some(wire::Batch { calls, given_up })
    }

    fn answered(&mut self, answers: Vec<wire::Answer>) {
        for answer in answers {
            if let Some(waiting) = self.waiting.remove(&answer.number) {
                // Whoever does not wait any more does not hear it.
                let _ = waiting.answer.send(Heard::Answer(response(answer)));
            }
        }
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.queue_bytes = 0;
    }

    /// The server begins no call above this one.
    fn stops(&mut self, begun: u64) {
        self.is_stopping = true;
        self.clear();
        for Waiting { answer, .. } in self.waiting.split_off(&(begun + 1)).into_values() {
            let _ = answer.send(Heard::NotThere);
        }
    }

    fn ended(&mut self, ending: &Ending) {
        (self.stream, self.is_stopping) = (0, false);
        self.clear();
        self.given_up.clear();
        self.wake();
        if matches!(ending, Ending::Unknown) {
            self.alone_until = Some(Instant::now() + ALONE);
        }
        for Waiting { answer, is_taken } in std::mem::take(&mut self.waiting).into_values() {
            let heard = match ending {
                Ending::Unknown => Heard::Alone,
                Ending::NotThere => Heard::NotThere,
                Ending::Broken if is_taken => Heard::Lost,
                Ending::Broken => Heard::NotThere,
            };
            let _ = answer.send(heard);
        }
    }
}

async fn run(inner: Arc<Inner>, stream: u64) {
    let mut open = Open { inner: &inner, ending: Ending::Broken };
    open.ending = exchange(&inner, stream).await;
}

/// A stream that is carried. However whoever carries it ends, nobody waits for it any more.
struct Open<'a> {
    inner: &'a Inner,
    ending: Ending,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.inner.state.lock().ended(&self.ending);
    }
}

/// From the first call to the end of the stream.
async fn exchange(inner: &Arc<Inner>, stream: u64) -> Ending {
    let calls = CallsClient::new(inner.transport.clone());
    let mut calls = calls.max_decoding_message_size(ANSWERS_BYTES_MAX);
    let mut answers = match calls.together(Outgoing { inner: inner.clone(), stream }).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => {
            return match status.code() {
                Code::Unavailable => Ending::NotThere,
                Code::Unimplemented => Ending::Unknown,
                _ => Ending::Broken,
            };
        }
    };
    while let Ok(Some(wire::Answers { answers, ends })) = answers.message().await {
        let mut state = inner.state.lock();
        state.answered(answers);
        if let Some(begun) = ends {
            state.stops(begun);
        }
    }
    Ending::Broken
}

/// What the stream takes: all that waits when it has room for it.
struct Outgoing {
    inner: Arc<Inner>,
    stream: u64,
}

impl Stream for Outgoing {
    type Item = wire::Batch;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<wire::Batch>> {
        let mut state = self.inner.state.lock();
        // One that has ended takes nothing from the next.
        if state.stream != self.stream {
            return Poll::Ready(None);
        }
        let batch = state.batch();
        if batch.is_none() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(batch)
    }
}

/// The answer as a transport gives it. All headers stand before the message, so a code among them is the end of it.
fn response(answer: wire::Answer) -> Response<Body> {
    let mut response = Response::new(match answer.message.is_empty() {
        true => Body::empty(),
        false => Body::new(Full::new(answer.message).map_err(|never| match never {})),
    });
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.extend(from_wire(answer.headers));
    response
}

/// What a call takes in a message of the stream, at most.
fn bytes(call: &wire::Call) -> usize {
    /// Of the tags and lengths of a call or a header.
    const FIELDS: usize = 32;
    let headers = call.headers.iter().map(|header| header.name.len() + header.value.len() + FIELDS);
    call.path.len() + call.message.len() + headers.sum::<usize>() + FIELDS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use prost::Message;

    use super::*;

    #[test]
    fn short_calls_with_long_headers_fill_a_message_too_and_what_is_given_up_is_left_out() {
        let mut state = State::default();
        let header = || wire::Header { name: "traceparent".into(), value: Bytes::from(vec![b'0'; 200]) };
        for number in 1..=4_000 {
            let call = wire::Call { number, path: "/a/b".into(), headers: vec![header()], message: Bytes::new() };
            state.queue_bytes += bytes(&call);
            state.queue.push_back(call);
            if number % 2 == 0 {
                state.waiting.insert(number, Waiting { answer: oneshot::channel().0, is_taken: false });
            }
        }
        let batches: Vec<wire::Batch> = std::iter::from_fn(|| state.batch()).collect();
        assert!(batches.len() > 1 && batches.iter().all(|batch| batch.encoded_len() < BATCH_BYTES_MAX + 1_024));
        assert_eq!(batches.iter().map(|batch| batch.calls.len()).sum::<usize>(), 2_000);
        assert_eq!((state.queue_bytes, state.queue.len()), (0, 0));
    }

    #[tokio::test]
    async fn what_nobody_takes_is_bounded_also_when_its_callers_have_gone() {
        let absent = Transport::new(crate::transport::Absent);
        let caller = Caller::new(absent, |_| true);
        let head = http::Request::new(()).into_parts().0;
        let message = Bytes::from(vec![0; MESSAGE_BYTES_MAX]);
        // The stream has no turn meanwhile.
        let begun = (0..1_000).take_while(|_| caller.begin(&head, message.clone()).is_some()).count();
        assert_eq!(begun, QUEUE_BYTES_MAX / MESSAGE_BYTES_MAX);
    }
}
