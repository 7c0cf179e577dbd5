//! The contract of a link: what holds in process holds over a channel. Each test below runs on both, with calls that go together, and so
//! over TLS.

#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use natter_proto::{Code, Failure};
use natter_telemetry::{Options, Process, init, traceparent};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tonic::{Code as Grpc, Status};
use tracing::{Instrument, info_span};

use crate::tls::tests::Authority;
use crate::{Link, LinkOptions, Routes, Serving, serve, serve_with};
use echo::{Echo, Word, ask, say};

pub(crate) mod echo;

macro_rules! on_each_transport {
    ($($test:ident)*) => {
        mod in_process {
            $(#[tokio::test] async fn $test() { super::$test(super::Wire::InProcess).await })*
        }
        mod over_a_channel {
            $(#[tokio::test] async fn $test() { super::$test(super::Wire::Channel).await })*
        }
        mod together_over_a_channel {
            $(#[tokio::test] async fn $test() { super::$test(super::Wire::Together).await })*
        }
        mod over_tls {
            $(#[tokio::test] async fn $test() { super::$test(super::Wire::Tls).await })*
        }
    };
}

on_each_transport! {
    an_answer_comes_back
    a_failure_keeps_its_code_its_field_and_its_text
    a_call_ends_at_its_deadline_and_its_handler_with_it
    a_caller_that_leaves_does_not_harm_the_next
    a_panic_is_an_unknown_outcome_and_harms_nobody_else
    a_service_that_is_not_there_is_unavailable
    whoever_answers_anything_is_there
    a_message_over_four_mebibytes_is_refused_both_ways
}

async fn an_answer_comes_back(wire: Wire) {
    let link = wire.open(Echo::new(|word| async { Ok(word) }), SHORT).await;
    for text in ["romeo", "", "\u{1f339}"] {
        assert_eq!(ask(&link, text).await.unwrap(), text);
    }
}

async fn a_failure_keeps_its_code_its_field_and_its_text(wire: Wire) {
    let failure = Failure::of_field(Code::Exists, "login", "has already been taken – “romeo” 100%");
    let answer = failure.clone();
    let link = wire.open(Echo::new(move |_| std::future::ready(Err(Status::from(answer.clone())))), SHORT).await;
    assert_eq!(Failure::from(ask(&link, "romeo").await.unwrap_err()), failure);
}

async fn a_call_ends_at_its_deadline_and_its_handler_with_it(wire: Wire) {
    let (dropped, heard) = oneshot::channel();
    let dropped = Mutex::new(Some(dropped));
    let link = wire.open(Echo::new(move |_| held_open(dropped.lock().unwrap().take())), Duration::from_millis(50)).await;
    let status = ask(&link, "romeo").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Grpc::DeadlineExceeded, "no answer within 50 ms"));
    assert_eq!(Failure::from(status).code, Code::Unknown);
    assert!(heard.await.is_err(), "the handler was dropped");
}

async fn a_caller_that_leaves_does_not_harm_the_next(wire: Wire) {
    let (started, mut begun) = mpsc::channel(8);
    let echo = Echo::new(move |word: Word| {
        let started = started.clone();
        async move {
            if word.text == "slow" {
                started.send(()).await.unwrap();
                pending::<()>().await;
            }
            Ok(word)
        }
    });
    let link = wire.open(echo, LONG).await;
    for _ in 0..8 {
        let slow = link.clone();
        let caller = tokio::spawn(async move { ask(&slow, "slow").await });
        begun.recv().await.unwrap();
        caller.abort();
        yield_now().await;
    }
    assert_eq!(ask(&link, "next").await.unwrap(), "next");
}

async fn a_panic_is_an_unknown_outcome_and_harms_nobody_else(wire: Wire) {
    let echo = Echo::new(|word: Word| async move {
        assert_ne!(word.text, "bad", "as the test wants it");
        Ok(word)
    });
    let link = wire.open(echo, LONG).await;
    let status = ask(&link, "bad").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Grpc::Unknown, "the handler panicked"));
    assert_eq!(ask(&link, "next").await.unwrap(), "next");
}

async fn a_service_that_is_not_there_is_unavailable(wire: Wire) {
    let link = match wire {
        Wire::InProcess => Link::absent(),
        Wire::Channel | Wire::Together => {
            // Bound and let go: nobody listens there.
            let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
            Link::together(&format!("http://{address}"), None, LinkOptions { deadline: LONG }, wire.goes()).unwrap()
        }
        Wire::Tls => {
            let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
            let tls = Authority::new().tls();
            Link::channel_with(&format!("https://{address}"), Some(&tls), LinkOptions { deadline: LONG }).unwrap()
        }
    };
    for _ in 0..2 {
        let status = ask(&link, "romeo").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Grpc::Unavailable, "the service is not there"));
        assert_eq!(Failure::from(status).code, Code::Busy);
    }
    assert!(!link.is_answered().await);
}

async fn whoever_answers_anything_is_there(wire: Wire) {
    // It knows nothing of health.
    let link = wire.open(Echo::new(|word| async { Ok(word) }), SHORT).await;
    assert!(link.is_answered().await);
    // Connected, and silent.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let link = Link::channel(&format!("http://{address}"), LinkOptions { deadline: Duration::from_millis(50) }).unwrap();
    assert!(!link.is_answered().await);
}

async fn a_message_over_four_mebibytes_is_refused_both_ways(wire: Wire) {
    const MAX: usize = 4 << 20;
    let echo = Echo::new(|word: Word| async move { Ok(Word { text: "x".repeat(word.text.parse().unwrap_or(word.text.len())) }) });
    let link = wire.open(echo, LONG).await;
    // One byte of the field's key and four of its length stand before the text.
    assert_eq!(ask(&link, &"y".repeat(MAX - 5)).await.unwrap().len(), MAX - 5);
    let refused = ask(&link, &"y".repeat(MAX - 4)).await.unwrap_err();
    assert_eq!(Failure::from(refused).code, Code::TooLarge);
    let refused = ask(&link, &(MAX - 4).to_string()).await.unwrap_err();
    assert_eq!(Failure::from(refused).code, Code::TooLarge);
    assert_eq!(ask(&link, "5").await.unwrap(), "xxxxx");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_span_is_the_parent_of_what_the_handler_does() {
    // The collector is not there; spans are made all the same.
    let endpoint = Some("http://127.0.0.1:1".to_owned());
    let options = Options { log: "off".to_owned(), otlp_endpoint: endpoint, sample: 1.0, ..Options::default() };
    let process = Process { service: "test".into(), name: "test".into(), version: "1".into() };
    let guard = init(&options, &process).unwrap();
    for wire in [Wire::InProcess, Wire::Channel, Wire::Together, Wire::Tls] {
        let echo = Echo::new(|_| async { Ok(Word { text: traceparent() }) });
        let link = wire.open(echo, LONG).await;
        let call = async { (ask(&link, "").await.unwrap(), traceparent()) };
        let (handled, called) = call.instrument(info_span!("stanza")).await;
        assert_eq!(handled.len(), 55, "{handled}");
        assert_eq!(handled[3..35], called[3..35], "one trace");
    }
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
}

// === what only one of them has ===

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_leaves_its_outcome_unknown() {
    for wire in [Wire::Channel, Wire::Together] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let link = Link::together(&uri, None, LinkOptions { deadline: LONG }, wire.goes()).unwrap();
        let breaks = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            // The request arrives whole, then nothing more happens.
            let mut read = Vec::new();
            while !read.windows(5).any(|word| word == b"romeo") {
                assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
            }
        });
        let status = ask(&link, "romeo").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Grpc::Unknown, "the connection was lost"));
        breaks.await.unwrap();
    }
}

#[tokio::test]
async fn a_channel_finds_a_service_that_comes_late_and_one_that_comes_back() {
    for wire in [Wire::Channel, Wire::Together] {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let link = Link::together(&format!("http://{address}"), None, LinkOptions { deadline: LONG }, wire.goes()).unwrap();
        for _ in 0..2 {
            assert_eq!(ask(&link, "romeo").await.unwrap_err().code(), Grpc::Unavailable);
            let listener = TcpListener::bind(address).await.unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let routes = Routes::new(Echo::new(|word| async { Ok(word) }));
            let server = tokio::spawn(serve(listener, routes, async { drop(stopped.await) }));
            assert_eq!(ask(&link, "romeo").await.unwrap(), "romeo");
            drop(stop);
            server.await.unwrap().unwrap();
        }
    }
}

#[test]
fn a_link_needs_an_address() {
    assert!(Link::channel("not an address", LinkOptions::default()).is_err());
}

#[tokio::test]
async fn in_process_a_message_is_handed_over_and_not_spelled() {
    let (seen, mut places) = mpsc::unbounded_channel();
    let echo = Echo::new(move |word: Word| {
        seen.send(word.text.as_ptr() as usize).unwrap();
        async { Ok(word) }
    });
    let text = "romeo".to_owned();
    let place = text.as_ptr() as usize;
    let link = Wire::InProcess.open(echo.clone(), LONG).await;
    let answer = say(&link, text).await.unwrap();
    assert_eq!((answer.as_str(), answer.as_ptr() as usize), ("romeo", place));
    assert_eq!(places.recv().await, Some(place));
    let link = Wire::Channel.open(echo, LONG).await;
    assert_eq!(ask(&link, "romeo").await.unwrap(), "romeo");
}

#[tokio::test]
async fn a_handler_that_calls_another_keeps_its_own_messages_apart() {
    let inner = Wire::InProcess.open(Echo::new(|word: Word| async move { Ok(Word { text: word.text + "!" }) }), LONG).await;
    let outer = Echo::new(move |word: Word| {
        let inner = inner.clone();
        async move {
            let first = say(&inner, word.text.clone()).await?;
            Ok(Word { text: say(&inner, first).await? + &word.text })
        }
    });
    let link = Wire::InProcess.open(outer, LONG).await;
    let (romeo, juliet) = tokio::join!(ask(&link, "romeo"), ask(&link, "juliet"));
    assert_eq!((romeo.unwrap(), juliet.unwrap()), ("romeo!!romeo".to_owned(), "juliet!!juliet".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_process_follows_paused_time() {
    let link = Wire::InProcess.open(Echo::new(|_| pending()), LONG).await;
    let asked_at = tokio::time::Instant::now();
    assert_eq!(ask(&link, "romeo").await.unwrap_err().code(), Grpc::DeadlineExceeded);
    assert_eq!(asked_at.elapsed(), LONG);
    let (patient, asked_at) = (link.with_deadline(3 * LONG), tokio::time::Instant::now());
    assert_eq!(ask(&patient, "romeo").await.unwrap_err().code(), Grpc::DeadlineExceeded);
    assert_eq!(asked_at.elapsed(), 3 * LONG);
}

#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn a_faulty_link_loses_by_its_seed_and_a_lost_answer_was_carried_out() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let (done, mut carried_out) = mpsc::unbounded_channel();
        let echo = Echo::new(move |word: Word| {
            done.send(word.text.clone()).unwrap();
            async { Ok(word) }
        });
        let faults = crate::Faults { lost_per_mille: 200, delay_max: Duration::from_millis(20) };
        let link = Wire::InProcess.open(echo, SHORT).await.faulty(faults, natter_actor::Chance::seeded(seed));
        let mut answered = Vec::new();
        for n in 0..100 {
            match ask(&link, &n.to_string()).await {
                Ok(text) => answered.push(text),
                Err(status) => assert_eq!(status.code(), Grpc::DeadlineExceeded),
            }
        }
        drop(link);
        let mut reached = Vec::new();
        while let Some(text) = carried_out.recv().await {
            reached.push(text);
        }
        assert!(answered.len() < reached.len() && reached.len() < 100, "{} {}", answered.len(), reached.len());
        runs.push((answered, reached));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[1], runs[2]);
}

// === helpers ===

const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
enum Wire {
    InProcess,
    Channel,
    /// A channel on which calls go together.
    Together,
    Tls,
}

impl Wire {
    /// A link to `echo`, whose server lives as long as the test.
    async fn open(self, echo: Echo, deadline: Duration) -> Link {
        let options = LinkOptions { deadline };
        match self {
            Wire::InProcess => Link::local(echo, options),
            Wire::Channel | Wire::Together => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let uri = format!("http://{}", listener.local_addr().unwrap());
                tokio::spawn(serve(listener, Routes::new(echo), pending()));
                Link::together(&uri, None, options, self.goes()).unwrap()
            }
            Wire::Tls => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let (uri, tls) = (format!("https://{}", listener.local_addr().unwrap()), Authority::new().tls());
                let serving = Serving { tls: Some(tls.clone()), ..Serving::default() };
                tokio::spawn(serve_with(listener, Routes::new(echo), serving, pending()));
                Link::together(&uri, Some(&tls), options, self.goes()).unwrap()
            }
        }
    }

    /// Which calls go together. The echo is not among the services of the protos.
    fn goes(self) -> fn(&str) -> bool {
        match self {
            Wire::InProcess | Wire::Channel => |_| false,
            Wire::Together | Wire::Tls => |_| true,
        }
    }
}

/// Holds the sender until it is dropped itself.
async fn held_open(dropped: Option<oneshot::Sender<()>>) -> Result<Word, Status> {
    let _held = dropped;
    pending().await
}
