//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use natter_db::redis::{Redis, RedisOptions};
use natter_proto::{AppId, UserId};
use tokio::time::sleep;

use super::*;

const LIFE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn in_memory() {
    contract(&Streams::memory()).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn in_redis() {
    let nodes = std::env::var("NATTER_TEST_REDIS").expect("NATTER_TEST_REDIS names a server: cargo xtask test --servers");
    let options = RedisOptions { nodes: vec![nodes], ..RedisOptions::default() };
    contract(&Streams::from(&Lossy::from(Redis::connect(&options).await.unwrap()))).await;
}

async fn contract(streams: &Streams) {
    let streams = &**streams.kept().unwrap();
    what_was_kept_is_claimed_once_and_by_its_own_user(streams).await;
    what_was_forgotten_or_never_kept_is_of_nobody(streams).await;
    what_nobody_changes_goes_by_itself(streams).await;
}

async fn what_was_kept_is_claimed_once_and_by_its_own_user(streams: &dyn Kept) {
    let key = key("claimed");
    let keep = |update| async move { streams.keep(&self::key("claimed"), &update, LIFE).await.unwrap() };
    assert_eq!(keep(Update { is_new: true, ..update(1, 1..=3) }).await, Held::Here);
    assert_eq!(keep(Update { removed: vec![1, 2], ..update(2, 4..=4) }).await, Held::Here);
    assert_eq!(keep(update(3, u32::MAX..=u32::MAX)).await, Held::Here);

    let thief = StreamKey { user: UserId(35), ..key.clone() };
    assert_eq!(streams.claim(&thief, LIFE).await.unwrap(), None);
    assert_eq!(streams.claim(&StreamKey { app: AppId(906), ..key.clone() }, LIFE).await.unwrap(), None);
    let mut stored = streams.claim(&key, LIFE).await.unwrap().unwrap();
    stored.stanzas.sort();
    assert_eq!(stored, Stored { head: vec![0, 3], stanzas: [3, 4, u32::MAX].map(stanza).to_vec() });

    assert_eq!(streams.claim(&key, LIFE).await.unwrap(), None, "once");
    assert_eq!(keep(update(4, 5..=5)).await, Held::Claimed, "whoever had it must not write to its client any more");
    assert_eq!(keep(Update { is_new: true, ..update(4, 5..=5) }).await, Held::Claimed);
    assert_eq!(streams.forget(&key).await.unwrap(), Held::Claimed);
    assert_eq!(streams.claim(&key, LIFE).await.unwrap(), None, "nothing was kept of what came too late");
}

async fn what_was_forgotten_or_never_kept_is_of_nobody(streams: &dyn Kept) {
    let key = key("forgotten");
    assert_eq!(streams.claim(&key, LIFE).await.unwrap(), None);
    assert_eq!(streams.keep(&key, &update(1, 1..=1), LIFE).await.unwrap(), Held::Lost);
    assert_eq!(streams.claim(&key, LIFE).await.unwrap(), None, "a rest of a stream is none");
    streams.keep(&key, &Update { is_new: true, ..update(1, 1..=1) }, LIFE).await.unwrap();
    assert_eq!(streams.forget(&key).await.unwrap(), Held::Here);
    assert_eq!(streams.forget(&key).await.unwrap(), Held::Lost);
    assert_eq!(streams.claim(&key, LIFE).await.unwrap(), None);
}

async fn what_nobody_changes_goes_by_itself(streams: &dyn Kept) {
    let key = key("short");
    let short = Duration::from_millis(40);
    streams.keep(&key, &Update { is_new: true, ..update(1, 1..=1) }, LIFE).await.unwrap();
    streams.keep(&key, &update(2, 2..=2), short).await.unwrap();
    sleep(2 * short).await;
    assert_eq!(streams.keep(&key, &update(3, 3..=3), short).await.unwrap(), Held::Lost);
}

/// A name that no other run has.
fn key(name: &str) -> StreamKey {
    static RUN: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    let run = RUN.get_or_init(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    StreamKey { app: AppId(905), user: UserId(34), id: format!("{run} {name}") }
}

fn update(head: u8, ordinals: std::ops::RangeInclusive<u32>) -> Update {
    Update { head: vec![0, head], added: ordinals.map(stanza).collect(), ..Update::default() }
}

fn stanza(ordinal: u32) -> (u32, Vec<u8>) {
    (ordinal, format!("<message id='{ordinal}'/>\0").into_bytes())
}
