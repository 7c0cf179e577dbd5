//! What only calls that go together have.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use natter_proto::rpc::v1 as wire;
use natter_proto::rpc::v1::calls_server::{Calls, CallsServer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Status, Streaming, async_trait};

use crate::contract::echo::{Echo, Word, ask};
use crate::{Link, LinkOptions, Reply, Routes, serve};

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    (listener, uri)
}

fn link(uri: &str) -> Link {
    Link::together(uri, None, LinkOptions { deadline: Duration::from_secs(20) }, |_| true).unwrap()
}

/// Counts the calls in each message, and answers none of them.
struct Counts(mpsc::UnboundedSender<usize>);

#[async_trait]
impl Calls for Counts {
    type TogetherStream = futures::stream::Pending<Result<wire::Answers, Status>>;

    async fn together(&self, request: Request<Streaming<wire::Batch>>) -> Reply<Self::TogetherStream> {
        let (seen, mut batches) = (self.0.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(batch)) = batches.message().await {
                seen.send(batch.calls.len()).unwrap();
            }
        });
        Ok(tonic::Response::new(futures::stream::pending()))
    }
}

#[tokio::test]
async fn what_waits_at_the_same_time_is_one_message() {
    let (listener, uri) = listener().await;
    let (seen, mut counts) = mpsc::unbounded_channel();
    let server = Server::builder().add_service(CallsServer::new(Counts(seen)));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let link = link(&uri);
    let calls = async {
        let calls: Vec<_> = (0..50).map(|_| ask(&link, "romeo")).collect();
        join_all(calls).await
    };
    tokio::select! {
        biased;
        _ = calls => panic!("nobody answers"),
        first = counts.recv() => assert_eq!(first, Some(50)),
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_stream_is_called_call_by_call() {
    let (listener, uri) = listener().await;
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let echo = Echo::new(move |word| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(word) }
    });
    // As a release before this one serves.
    tokio::spawn(Server::builder().add_routes(Routes::new(echo)).serve_with_incoming(TcpIncoming::from(listener)));
    let link = link(&uri);
    let answers = join_all((0..20).map(|n| {
        let link = link.clone();
        async move { ask(&link, &n.to_string()).await.unwrap() == n.to_string() }
    }));
    assert!(answers.await.into_iter().all(|is_its_own| is_its_own));
    assert_eq!(begun.load(Ordering::Relaxed), 20, "each was begun once");
}

#[tokio::test]
async fn a_server_that_stops_answers_what_it_began_and_begins_nothing_more() {
    let (listener, uri) = listener().await;
    let (go, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (goes, began) = (go.clone(), begun.clone());
    let echo = Echo::new(move |word: Word| {
        let (goes, began) = (goes.clone(), began.clone());
        async move {
            began.notify_one();
            goes.notified().await;
            Ok(word)
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Routes::new(echo), async { drop(stopped.await) }));
    let link = link(&uri);
    let early = tokio::spawn({
        let link = link.clone();
        async move { ask(&link, "early").await }
    });
    begun.notified().await;
    drop(stop);
    // Until it has noticed, it begins what comes, and is left alone with it.
    let refused = loop {
        match timeout(Duration::from_millis(100), ask(&link, "late")).await {
            Ok(answer) => break answer.unwrap_err(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(refused.code(), Code::Unavailable, "it was certainly not begun");
    go.notify_one();
    assert_eq!(early.await.unwrap().unwrap(), "early");
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_call_says_of_itself_and_what_its_answer_says_arrive() {
    let (listener, uri) = listener().await;
    let echo = Echo::told(|word, is_repeated| async move {
        let mut refusal = Status::failed_precondition(format!("{} {is_repeated}", word.text));
        refusal.metadata_mut().insert("natter-elsewhere", "1".parse().unwrap());
        Err(refusal)
    });
    tokio::spawn(serve(listener, Routes::new(echo), std::future::pending()));
    let mut client = tonic::client::Grpc::new(link(&uri));
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/natter.test.v1.Echo/Say");
    let mut word = Request::new(Word { text: "romeo".to_owned() });
    word.metadata_mut().insert("natter-repeated", "1".parse().unwrap());
    let codec = natter_proto::codec::Codec::<Word, Word>::default();
    let refused = client.unary(word, path, codec).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, "romeo true"));
    assert!(refused.metadata().contains_key("natter-elsewhere"));
}
