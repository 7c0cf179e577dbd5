//! The driver of Redis against a real server, which `NATTER_TEST_REDIS` names (`cargo xtask test` starts one).
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use natter_db::Error;
use natter_db::redis::{Redis, RedisOptions, Script};

const MINUTE: Duration = Duration::from_secs(60);

async fn redis() -> Redis {
    let nodes = std::env::var("NATTER_TEST_REDIS").expect("NATTER_TEST_REDIS names a server: cargo xtask test --servers");
    let options = RedisOptions { nodes: vec![nodes], deadline_ms: 20_000, ..RedisOptions::default() };
    Redis::connect(&options).await.unwrap()
}

// A key that no other test has.
fn key(name: &str) -> String {
    format!("test:{{{name}:{}}}", std::process::id())
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn a_value_is_there_until_it_is_forgotten_or_its_time_is_over() {
    let (redis, key) = (redis().await, key("value"));
    assert_eq!(redis.get(&key).await, Ok(None));
    redis.put(&key, b"\x00\xff", MINUTE).await.unwrap();
    assert_eq!(redis.get(&key).await, Ok(Some(Bytes::from_static(b"\x00\xff"))));
    assert_eq!((redis.put_new(&key, b"x", MINUTE).await, redis.forget(&key).await), (Ok(false), Ok(true)));
    assert_eq!((redis.put_new(&key, b"x", MINUTE).await, redis.forget(&key).await), (Ok(true), Ok(true)));
    assert_eq!(redis.forget(&key).await, Ok(false));
    let (one, other) = (format!("{key}:1"), format!("{key}:2"));
    redis.put(&one, b"1", MINUTE).await.unwrap();
    let both = redis.multi_get(&[other, one.clone()]).await.unwrap();
    assert_eq!(both, [None, Some(Bytes::from_static(b"1"))]);
    redis.put(&one, b"1", Duration::from_millis(1)).await.unwrap();
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while redis.get(&one).await.unwrap().is_some() {
        assert!(tokio::time::Instant::now() < patience, "it does not go");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn a_stream_keeps_the_order_and_its_bound() {
    let (redis, key) = (redis().await, key("stream"));
    assert_eq!(redis.read(&key, "", 9).await, Ok(vec![]));
    for n in 0..1_000_u16 {
        redis.append(&key, &n.to_be_bytes(), 500, MINUTE).await.unwrap();
    }
    let all = redis.read(&key, "", 5_000).await.unwrap();
    // The bound is kept about: by whole pieces of a stream.
    assert!((500..=600).contains(&all.len()), "{}", all.len());
    let numbers: Vec<u16> = all.iter().map(|(_, value)| u16::from_be_bytes(value[..].try_into().unwrap())).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&999));
    let page = redis.read(&key, &all[9].0, 3).await.unwrap();
    assert_eq!(page, all[10..13]);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn a_script_is_one_step() {
    let (redis, key) = (redis().await, key("script"));
    let swap = Script::new(
        "local before = redis.call('HGET', KEYS[1], ARGV[1]) redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) \
         redis.call('PEXPIRE', KEYS[1], 60000) return { before or '' }",
    );
    assert_eq!(redis.run(&swap, &[&key], &[b"a", b"1"]).await, Ok(vec![Bytes::new()]));
    assert_eq!(redis.run(&swap, &[&key], &[b"a", b"2"]).await, Ok(vec![Bytes::from_static(b"1")]));
    assert_eq!(redis.fields(&key).await, Ok(vec![("a".into(), Bytes::from_static(b"2"))]));
    let wrong = Script::new("return redis.call('NOTHING')");
    assert!(matches!(redis.run(&wrong, &[&key], &[]).await, Err(Error::NotStored(_))));
    assert!(matches!(redis.get(&key).await, Err(Error::NotStored(_))), "of another kind");
}

#[tokio::test]
async fn who_reaches_no_server_is_told_so() {
    let options = RedisOptions { nodes: vec!["127.0.0.1:1".into()], deadline_ms: 100, ..RedisOptions::default() };
    assert!(matches!(Redis::connect(&options).await, Err(Error::NotStored(_))));
    assert!(matches!(Redis::connect(&RedisOptions::default()).await, Err(Error::NotStored(_))));
}
