//! Records and debts that go from one process to another by way of Redis: what the next one finds, and what becomes of verbs when the
//! server is gone. Against a real server, which `NATTER_TEST_REDIS` names.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use natter_actor::{Chance, Clock};
use natter_db::redis::{Redis, RedisOptions};
use natter_proto::AppId;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};
use natter_telemetry::Metrics;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Debts, open};
use crate::debt::Limits;
use crate::metrics::Meters;
use crate::session::{Scope, SessionKey, UserKey};

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn the_next_process_finds_what_the_one_before_kept() {
    let redis = connect(&address()).await;
    let user = somebody();
    let one = process(&redis, 120_000);
    one.ready(Some(user)).await.unwrap();
    for n in 1..=4 {
        one.keep(user, session(n), record(n)).await.unwrap();
    }
    one.close(user, &session(1)).await.unwrap();
    one.vanish(user, &session(2)).await.unwrap();
    one.vanish(user, &session(3)).await.unwrap();
    assert_eq!(take(&*one, user, 5).await, Some(record(2)), "taken, and not settled");

    // 4 lives, and is announced again; 3 was owed, 2 was taken.
    let next = process(&redis, 120_000);
    next.ready(Some(user)).await.unwrap();
    next.revive(user, session(4), SessionRecord { seen_at: 44, ..record(4) }).await.unwrap();
    assert_eq!(next.is_unproving(user, &session(4)), Some(false));
    assert_eq!(take(&*next, user, 6).await, Some(record(2)));
    assert_eq!(take(&*next, user, 7).await, Some(record(3)));
    assert_eq!(take(&*next, user, 8).await, None, "who lives owes nothing");
    for n in [6, 7] {
        next.settle(user, &session(n), true).await.unwrap();
    }

    // The last one finds its last word.
    let last = process(&redis, 120_000);
    last.ready(Some(user)).await.unwrap();
    assert_eq!(take(&*last, user, 9).await.map(|record| record.seen_at), Some(44));
    assert_eq!(last.erase(Scope { app: user.app, user: Some(user.user) }).await, Ok(1));
    let last = process(&redis, 120_000);
    last.ready(Some(user)).await.unwrap();
    assert_eq!(take(&*last, user, 9).await, None, "erased");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn a_debt_is_over_at_the_same_time_wherever_it_is_found() {
    let redis = connect(&address()).await;
    let user = somebody();
    let one = process(&redis, 300);
    one.ready(Some(user)).await.unwrap();
    one.keep(user, session(1), record(1)).await.unwrap();
    one.vanish(user, &session(1)).await.unwrap();
    sleep(Duration::from_millis(350)).await;
    let next = process(&redis, 120_000);
    next.ready(Some(user)).await.unwrap();
    assert_eq!(take(&*next, user, 2).await, None);
    next.expire().await.unwrap();
    assert_eq!(redis.fields(&format!("{{p:{}:{}}}:records", user.app, user.user)).await, Ok(vec![]), "and gone");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn an_app_that_is_given_up_is_read_anew_when_it_comes_back() {
    let redis = connect(&address()).await;
    let user = somebody();
    let (one, other) = (process(&redis, 120_000), process(&redis, 120_000));
    one.ready(Some(user)).await.unwrap();
    one.keep(user, session(1), record(1)).await.unwrap();
    one.forget(&|app| app == user.app);
    assert_eq!(one.is_unproving(user, &session(1)), None);
    other.ready(Some(user)).await.unwrap();
    assert_eq!(take(&*other, user, 2).await, Some(record(1)));
    other.settle(user, &session(2), true).await.unwrap();
    other.keep(user, session(2), record(2)).await.unwrap();
    one.ready(Some(user)).await.unwrap();
    assert_eq!(take(&*one, user, 3).await, Some(record(2)));
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn a_server_that_is_gone_fails_verbs_in_time_and_memory_decides() {
    let (way, address) = way_to(address()).await;
    let redis = connect(&address).await;
    let user = somebody();
    let debts = process(&redis, 120_000);
    debts.ready(Some(user)).await.unwrap();
    debts.keep(user, session(1), record(1)).await.unwrap();
    way.abort();
    let _ = way.await;
    let since = Instant::now();
    assert!(debts.keep(user, session(1), record(9)).await.is_err());
    assert!(debts.vanish(user, &session(1)).await.is_err());
    assert!(debts.ready(Some(UserKey { app: AppId(user.app.0 + 1), ..user })).await.is_err());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert_eq!(take(&*debts, user, 2).await, Some(record(9)));
}

// === helpers ===

fn address() -> String {
    std::env::var("NATTER_TEST_REDIS").expect("NATTER_TEST_REDIS names a server: cargo xtask test --servers")
}

async fn connect(address: &str) -> Redis {
    let options = RedisOptions { nodes: vec![address.to_owned()], ..RedisOptions::default() };
    Redis::connect(&options).await.unwrap()
}

/// An engine with a memory of its own.
fn process(redis: &Redis, ttl_ms: i64) -> Arc<dyn Debts> {
    let limits = Limits { ttl_ms, debts_per_user_max: 20 };
    open(&redis.clone().into(), Clock::system(), limits, Meters::new(&Metrics::new()))
}

/// A way to the server that can be cut.
async fn way_to(server: String) -> (JoinHandle<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let way = tokio::spawn(async move {
        let mut ways = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&server).await.unwrap();
            ways.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (way, address)
}

async fn take(debts: &dyn Debts, user: UserKey, by: u64) -> Option<SessionRecord> {
    debts.take(user, &session(by), &client()).await.unwrap()
}

/// A user that no other test has.
fn somebody() -> UserKey {
    UserKey::new(Chance::system().u64() >> 1, 34)
}

fn session(session: u64) -> SessionKey {
    SessionKey { edge: "e:1".into(), boot: u64::MAX, session }
}

fn record(n: u64) -> SessionRecord {
    SessionRecord { client: Some(client()), seen_at: n as i64, since: n as i64, ..SessionRecord::default() }
}

fn client() -> Fingerprint {
    Fingerprint { agent: "phone".into(), ..Fingerprint::default() }
}
