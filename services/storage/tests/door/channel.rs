//! The same door over a channel: bytes stream both ways, and a caller that leaves ends its upload.
#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::time::Duration;

use natter_proto::Code;
use natter_proto::storage::v1::storage_client::StorageClient;
use natter_rpc::{Link, LinkOptions, Routes, serve};
use tokio::net::TcpListener;

use crate::kit::{Door, Slow};

#[tokio::test]
async fn bytes_go_up_and_down_over_a_channel() {
    let mut door = over_a_channel(Duration::from_secs(30)).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let made = door.whole(&content).await;
    assert!(door.read(&made, 0, 3_000_000).await.unwrap() == content);
    assert!(door.read(&made, 65_537, 1_000_000).await.unwrap() == content[65_537..1_000_000]);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_upload_over_a_channel_too() {
    let mut door = over_a_channel(Duration::from_secs(30)).await;
    let made = door.made().await;
    Slow::begin(&mut door, &made, 8).await.leave().await;
    while door.files() > 0 {
        tokio::task::yield_now().await;
    }
    door.upload(&made, b"12345678").await.unwrap();
}

#[tokio::test]
async fn an_upload_ends_at_the_deadline_of_its_link_and_leaves_nothing() {
    let mut door = over_a_channel(Duration::from_secs(2)).await;
    let made = door.made().await;
    let slow = Slow::begin(&mut door, &made, 8).await;
    assert_eq!(slow.outcome().await.unwrap_err().code, Code::Unknown);
    while door.files() > 0 {
        tokio::task::yield_now().await;
    }
}

async fn over_a_channel(deadline: Duration) -> Door {
    let mut door = Door::open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Routes::new(door.service.server()), pending()));
    door.client = StorageClient::new(Link::channel(&uri, LinkOptions { deadline }).unwrap());
    door
}
