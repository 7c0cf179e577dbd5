//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Faults, Kv};

use super::{Seen, open};
use crate::TABLES;
use crate::session::{Scope, UserKey};

const START: i64 = 1_000_000;

#[tokio::test(start_paused = true)]
async fn in_memory() {
    keeps_the_contract(|| Kv::memory().into()).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn cassandra() {
    on_cassandra(TABLES, async |cql| {
        let db: Db = cql.into();
        keeps_the_contract(|| db.clone()).await;
        the_later_word_stands_whichever_comes_last(Store::open(db, 11, "a", START)).await;
    })
    .await;
}

// Each case in apps of its own.
async fn keeps_the_contract(db: impl Fn() -> Db) {
    a_user_was_last_there_when_he_left(Store::open(db(), 1, "a", START)).await;
    who_was_there_when_the_process_died_was_there_until_then(Store::open(db(), 3, "b", START)).await;
    who_is_erased_was_never_there(Store::open(db(), 5, "c", START)).await;
}

async fn a_user_was_last_there_when_he_left(store: Store) {
    assert_eq!(store.last(34).await, None);
    store.seen.came(store.user(34), START + 1).await.unwrap();
    let stored = store.seen.left(store.user(34), START + 5);
    assert_eq!(store.last(34).await, Some(START + 5), "from the moment he leaves");
    stored.await.unwrap();
    assert_eq!(store.last(34).await, Some(START + 5));
    assert_eq!(store.seen.last(UserKey::new(store.app + 1, 34)).await, Ok(None), "another app");
    store.seen.came(store.user(34), START + 7).await.unwrap();
    store.seen.left(store.user(34), START + 9).await.unwrap();
    let store = store.restarted(START + 100);
    assert_eq!(store.last(34).await, Some(START + 9));
}

async fn who_was_there_when_the_process_died_was_there_until_then(store: Store) {
    store.seen.alive(START).await.unwrap();
    store.seen.came(store.user(34), START + 1).await.unwrap();
    store.seen.alive(START + 60).await.unwrap();
    let store = store.restarted(START + 100);
    store.seen.alive(START + 100).await.unwrap();
    assert_eq!(store.last(34).await, Some(START + 60));
    store.seen.came(store.user(35), START + 110).await.unwrap();
    store.seen.alive(START + 200).await.unwrap();
    let store = store.restarted(START + 300);
    assert_eq!(store.last(34).await, Some(START + 60), "not until a later process died");
    assert_eq!(store.last(35).await, Some(START + 200));
}

async fn who_is_erased_was_never_there(store: Store) {
    for user in 1..=9 {
        store.seen.came(store.user(user), START + 1).await.unwrap();
        store.seen.left(store.user(user), START + 5).await.unwrap();
    }
    store.seen.came(UserKey::new(store.app + 1, 1), START + 1).await.unwrap();
    assert_eq!(store.seen.erase(Scope::of(store.app, 4), 10).await, Ok(1));
    assert_eq!((store.last(4).await, store.last(5).await), (None, Some(START + 5)));
    let (mut pages, mut gone) = (0, 0);
    loop {
        let page = store.seen.erase(Scope::of(store.app, 0), 3).await.unwrap();
        (pages, gone) = (pages + 1, gone + page);
        if page < 3 {
            break;
        }
    }
    assert_eq!((pages, gone, store.last(5).await), (3, 8, None));
    assert!(store.seen.last(UserKey::new(store.app + 1, 1)).await.unwrap().is_some(), "another app's");
}

async fn the_later_word_stands_whichever_comes_last(store: Store) {
    store.seen.left(store.user(34), START + 50).await.unwrap();
    store.seen.came(store.user(34), START + 20).await.unwrap();
    let store = store.restarted(START + 100);
    assert_eq!(store.last(34).await, Some(START + 50));
    // He is there, with another process, which lives on.
    let other = Store::open(store.db.clone(), store.app, "other", START);
    other.seen.came(other.user(34), START + 60).await.unwrap();
    other.seen.alive(START + 90).await.unwrap();
    assert_eq!(store.last(34).await, Some(START + 90));
}

#[tokio::test(start_paused = true)]
async fn what_a_store_does_not_take_this_process_knows_all_the_same() {
    let kv = Kv::memory();
    let store = Store::open(kv.clone().into(), 1, "a", START);
    store.seen.came(store.user(34), START + 1).await.unwrap();
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.seen.left(store.user(34), START + 5).await.is_err());
    assert_eq!(store.last(34).await, Some(START + 5));
}

struct Store {
    db: Db,
    app: u64,
    process: String,
    seen: Arc<dyn Seen>,
}

impl Store {
    fn open(db: Db, app: u64, process: &str, now: i64) -> Store {
        Store { seen: open(&db, now, process), db, app, process: process.to_owned() }
    }

    fn restarted(self, now: i64) -> Store {
        let db = match self.db {
            Db::Kv(kv) => kv.crash().into(),
            db => db,
        };
        Store::open(db, self.app, &self.process, now)
    }

    fn user(&self, user: u64) -> UserKey {
        UserKey::new(self.app, user)
    }

    async fn last(&self, id: u64) -> Option<i64> {
        self.seen.last(self.user(id)).await.unwrap()
    }
}
