//! What is posted comes over NATS JetStream, from other processes, and is alerted as from the store. In real time: the servers are real.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_bus::{Log, LogOptions, NatsOptions};
use natter_proto::dialog::v1::DialogKind;
use tokio::time::{Instant, sleep};

use crate::kit::*;

const PAIR: u8 = 0xaa;

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn what_other_processes_tell_is_alerted_once_and_done() {
    let (here, there) = (log().await, log().await);
    here.own(|_| true);
    let door = Door::told_by(here.clone());
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.subscribe(android(BOB, "b")).await.unwrap();
    // Told by this process, by another one, and by that one again.
    door.says(PAIR, 1, "hi").await;
    let other = Door::told_by(there);
    other.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    other.says(PAIR, 2, "there").await;
    other.says(PAIR, 2, "there").await;
    door.world.rows.lock().push(door.message(PAIR, 2, "there"));
    other.asks().await;
    door.world.asking.lock().insert((ANN, BOB));
    let mut sent = Vec::new();
    until(|| {
        sent.extend(door.sent().into_iter().map(|(token, _)| token));
        sent.len() >= 3 && here.lanes().is_empty()
    })
    .await;
    assert_eq!(sent, ["b", "b", "b"]);
    assert!(other.providers.sent.lock().is_empty(), "it reads nothing");
}

async fn log() -> Log {
    let nodes = std::env::var("NATTER_TEST_NATS").expect("NATTER_TEST_NATS names a server");
    let nodes = nodes.split(',').map(str::to_owned).collect();
    let name = format!("test-push-{}", std::process::id());
    let nats = NatsOptions { nodes, prefix: name.clone(), ..NatsOptions::default() };
    let options = LogOptions { stream: name, bytes_max: 1 << 20, deadline_ms: 5_000, ..LogOptions::default() };
    let log = Log::jetstream(&nats, &options).await.unwrap();
    while log.ready().await.is_err() {}
    log
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < patience, "it never is");
        sleep(Duration::from_millis(20)).await;
    }
}
