//! Health, reflection and measures, as somebody sees them who calls a process.

#![allow(clippy::unwrap_used)]

use std::future::pending;

use futures::stream;
use natter_proto::{Code, Failure};
use natter_telemetry::Metrics;
use tokio::net::TcpListener;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::*;
use crate::contract::echo::{Echo, Word, ask};
use crate::{Link, LinkOptions, Meters, Serving, serve_with};

#[tokio::test]
async fn a_process_says_whether_it_takes_calls_and_what_its_services_look_like() {
    let (link, health, _) = process().await;
    let status = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(link.clone()).check(request).await.map(|answer| answer.into_inner().status())
    };
    for serves in [false, true, false] {
        health.set(serves).await;
        for service in ["", "natter.test.v1.Echo"] {
            assert_eq!(status(service).await.unwrap() as i32, if serves { 1 } else { 2 }, "{service:?}");
        }
    }
    assert_eq!(status("natter.test.v1.None").await.unwrap_err().code(), tonic::Code::NotFound);

    let MessageResponse::ListServicesResponse(list) = reflected(&link, MessageRequest::ListServices(String::new())).await else {
        panic!("no list")
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["natter.test.v1.Echo", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let asked = MessageRequest::FileContainingSymbol("natter.dialog.v1.Dialogs".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = reflected(&link, asked).await else { panic!("no file") };
    let file = &files.file_descriptor_proto[0];
    assert!(file.windows(11).any(|word| word == b"PostRequest"));
}

#[tokio::test]
async fn calls_are_measured_by_service_and_method_wherever_they_come_from() {
    let (link, _, metrics) = process().await;
    ask(&link, "romeo").await.unwrap();
    ask(&link, "bad").await.unwrap_err();
    let absent = tonic::client::Grpc::new(link.clone());
    for n in 0..3 {
        stray(absent.clone(), format!("/natter.test.v1.None{n}/Say")).await;
    }
    let text = metrics.encode();
    let echo = "service=\"natter.test.v1.Echo\",method=\"Say\"";
    assert!(text.contains(&format!("natter_rpc_seconds_count{{{echo}}} 2")), "{text}");
    assert!(text.contains(&format!("natter_rpc_failures_total{{{echo},code=\"permission_denied\"}} 1")), "{text}");
    assert!(text.contains("natter_rpc_seconds_count{service=\"other\",method=\"other\"} 3") && !text.contains("None0"), "{text}");
}

#[tokio::test]
async fn a_call_that_nobody_waited_for_is_counted_as_one() {
    let metrics = Metrics::new();
    let meters = Meters::new(&metrics);
    let options = LinkOptions { deadline: std::time::Duration::from_millis(20) };
    let link = Link::measured(Echo::new(|_| pending()), options, &meters);
    ask(&link, "romeo").await.unwrap_err();
    let text = metrics.encode();
    assert!(text.contains("code=\"cancelled\"} 1") && text.contains("natter_rpc_seconds_count"), "{text}");
}

/// A link to a process that offers one service and refuses one word, and what is known of it.
async fn process() -> (Link, Health, Metrics) {
    let echo = Echo::new(|word: Word| async move {
        match word.text.as_str() {
            "bad" => Err(Status::from(Failure::new(Code::Forbidden, "a bad word"))),
            _ => Ok(word),
        }
    });
    let (routes, health) = Offered::default().add_service(echo).finish().await.unwrap();
    let (listener, metrics) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Metrics::new());
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let serving = Serving { meters: Some(Meters::new(&metrics)), ..Serving::default() };
    tokio::spawn(serve_with(listener, routes, serving, pending()));
    (Link::channel(&uri, LinkOptions::default()).unwrap(), health, metrics)
}

async fn reflected(link: &Link, asked: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
    let mut client = ServerReflectionClient::new(link.clone());
    let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response.unwrap()
}

/// A call of a path that nobody serves.
async fn stray(mut client: tonic::client::Grpc<Link>, path: String) {
    client.ready().await.unwrap();
    let codec = natter_proto::codec::Codec::<Word, Word>::default();
    let word = tonic::Request::new(Word { text: String::new() });
    let refused = client.unary(word, path.parse().unwrap(), codec).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
