//! The contract of the port, run on every engine: what a restart, a lost answer or a second taker finds.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_actor::Clock;
use natter_db::Kv;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};
use natter_telemetry::Metrics;
use std::time::Duration;
use tokio::time::advance;

use super::{Debts, open};
use crate::debt::Limits;
use crate::metrics::Meters;
use crate::session::{SessionKey, UserKey};

const TTL: Duration = Duration::from_secs(120);

#[tokio::test(start_paused = true)]
async fn what_a_process_left_is_owed_after_its_restart() {
    let mut store = Store::memory().await;
    for n in 1..=4 {
        store.debts.keep(user(), session(n), record(n)).await.unwrap();
    }
    store.debts.close(user(), &session(1)).await.unwrap();
    store.debts.vanish(user(), &session(2)).await.unwrap();
    store.debts.vanish(user(), &session(3)).await.unwrap();
    assert_eq!(store.take(5).await, Some(record(2)), "taken, and not settled");
    store = store.restarted().await;
    // 4 lived, 3 was owed, 2 was taken: all three are debts.
    assert_eq!(store.take(6).await, Some(record(2)));
    assert_eq!(store.take(7).await, Some(record(3)));
    assert_eq!(store.take(8).await, Some(record(4)));
    assert_eq!(store.take(9).await, None);
    for n in 6..=8 {
        store.debts.settle(user(), &session(n), true).await.unwrap();
    }
    store = store.restarted().await;
    assert_eq!(store.take(9).await, None, "settled, and gone for good");
}

#[tokio::test(start_paused = true)]
async fn a_debt_found_at_a_start_is_valid_from_then_on() {
    let mut store = Store::memory().await;
    store.debts.keep(user(), session(1), record(1)).await.unwrap();
    store.debts.vanish(user(), &session(1)).await.unwrap();
    advance(TTL - Duration::from_millis(1)).await;
    store = store.restarted().await;
    advance(TTL - Duration::from_millis(1)).await;
    store.debts.expire().await.unwrap();
    assert_eq!(store.take(2).await, Some(record(1)));
    store.debts.vanish(user(), &session(2)).await.unwrap();
    advance(TTL).await;
    assert_eq!(store.take(3).await, None);
    store.debts.expire().await.unwrap();
    store = store.restarted().await;
    assert_eq!(store.take(4).await, None, "expired, and gone for good");
}

#[tokio::test(start_paused = true)]
async fn many_records_are_found_and_none_twice() {
    let mut store = Store::memory().await;
    for n in 0..2_500 {
        store.debts.keep(UserKey::new(u64::MAX, n), session(n), record(n)).await.unwrap();
    }
    store = store.restarted().await;
    for n in 0..2_500 {
        let taken = store.debts.take(UserKey::new(u64::MAX, n), &session(9_999), &client()).await.unwrap();
        assert_eq!(taken, Some(record(n)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_does_not_stop_the_return() {
    let store = Store::memory().await;
    store.debts.keep(user(), session(1), record(1)).await.unwrap();
    store.db.set_faults(natter_db::Faults { not_stored: 1.0, ..Default::default() });
    assert!(store.debts.keep(user(), session(1), record(2)).await.is_err());
    assert!(store.debts.vanish(user(), &session(1)).await.is_err());
    assert_eq!(store.take(2).await, Some(record(2)));
}

// === helpers ===

struct Store {
    db: Kv,
    clock: Clock,
    debts: Arc<dyn Debts>,
}

impl Store {
    async fn memory() -> Store {
        Store::open(Kv::memory(), Clock::paused(1_000_000)).await
    }

    async fn restarted(self) -> Store {
        Store::open(self.db.crash(), self.clock).await
    }

    async fn open(db: Kv, clock: Clock) -> Store {
        let limits = Limits { ttl_ms: TTL.as_millis() as i64, debts_per_user_max: 20 };
        let debts = open(&db.clone().into(), clock.clone(), limits, Meters::new(&Metrics::new()));
        debts.ready(None).await.unwrap();
        Store { db, clock, debts }
    }

    async fn take(&self, by: u64) -> Option<SessionRecord> {
        self.debts.take(user(), &session(by), &client()).await.unwrap()
    }
}

fn user() -> UserKey {
    UserKey::new(1, 34)
}

fn session(session: u64) -> SessionKey {
    SessionKey { edge: "e".into(), boot: u64::MAX, session }
}

fn record(n: u64) -> SessionRecord {
    SessionRecord { client: Some(client()), seen_at: n as i64, since: n as i64, ..SessionRecord::default() }
}

fn client() -> Fingerprint {
    Fingerprint { agent: "phone".into(), ..Fingerprint::default() }
}
