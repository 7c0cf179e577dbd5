//! What a call costs: `cargo run --release -p natter-rpc --example call_cost`. The figures stand in
//! `services/decisions/0002-grpc-with-tonic.md`. CPU time (of both sides) is what a busy machine distorts least.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::convert::Infallible;
use std::future::pending;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{Request, Response};
use natter_proto::codec::Codec;
use natter_rpc::{Link, LinkOptions, Routes, serve};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::NamedService;

use tower::{Service, service_fn};

fn main() {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    threads.block_on(async {
        let options = LinkOptions { deadline: Duration::from_secs(10) };
        one_at_a_time("in process", Link::local(Parrot, options), 200_000).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Routes::new(Parrot), pending()));
        let channel = Link::channel(&uri, options).unwrap();
        one_at_a_time("over a channel on loopback", channel.clone(), 10_000).await;
        many_at_a_time("over a channel on loopback", channel, 64, 1_000).await;
    });
}

async fn one_at_a_time(what: &str, link: Link, calls: u32) {
    call(&link).await;
    let began = (Instant::now(), cpu());
    for _ in 0..calls {
        call(&link).await;
    }
    report(&format!("{what}, one at a time"), began, calls);
}

async fn many_at_a_time(what: &str, link: Link, callers: u32, calls: u32) {
    let began = (Instant::now(), cpu());
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let link = link.clone();
            tokio::spawn(async move {
                for _ in 0..calls {
                    call(&link).await;
                }
            })
        })
        .collect();
    let count = callers.len() as u32 * calls;
    for caller in callers {
        caller.await.unwrap();
    }
    report(&format!("{what}, 64 at a time"), began, count);
}

fn report(what: &str, (began_at, cpu_then): (Instant, u64), calls: u32) {
    let (wall, cpu) = (began_at.elapsed().as_secs_f64() * 1e6, (cpu() - cpu_then) as f64 / 1e3);
    println!("{what}: {:.1} us per call, CPU {:.1} us", wall / f64::from(calls), cpu / f64::from(calls));
}

/// Nanoseconds that the threads of this process have run.
fn cpu() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let times = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap());
    times.map(|time| time.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

async fn call(link: &Link) {
    let mut client = tonic::client::Grpc::new(link.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/natter.test.v1.Parrot/Say");
    let request = tonic::Request::new(Payload { bytes: vec![7; 1_024] });
    client.unary(request, path, Codec::<Payload, Payload>::default()).await.unwrap();
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// A server in the shape that tonic generates; says what it was told.
#[derive(Clone)]
struct Parrot;

impl NamedService for Parrot {
    const NAME: &'static str = "natter.test.v1.Parrot";
}

impl Service<Request<Body>> for Parrot {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let say = service_fn(|request: tonic::Request<Payload>| async { Ok(tonic::Response::new(request.into_inner())) });
        let mut grpc = tonic::server::Grpc::new(Codec::<Payload, Payload>::default());
        Box::pin(async move { Ok(grpc.unary(say, request).await) })
    }
}
