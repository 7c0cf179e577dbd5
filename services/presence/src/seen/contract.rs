//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_actor::Clock;
use natter_db::{Faults, Kv};

use super::{Seen, open};
use crate::session::UserKey;

const START: i64 = 1_000_000;

#[tokio::test(start_paused = true)]
async fn a_user_was_last_there_when_he_left() {
    let store = Store::open(Kv::memory(), START);
    assert_eq!(store.last(34).await, None);
    store.seen.came(user(34), START + 1).await.unwrap();
    let stored = store.seen.left(user(34), START + 5);
    assert_eq!(store.last(34).await, Some(START + 5), "from the moment he leaves");
    stored.await.unwrap();
    assert_eq!(store.last(34).await, Some(START + 5));
    assert_eq!(store.seen.last(UserKey::new(2, 34)).await, Ok(None), "another app");
    store.seen.came(user(34), START + 7).await.unwrap();
    store.seen.left(user(34), START + 9).await.unwrap();
    let store = store.restarted(START + 100);
    assert_eq!(store.last(34).await, Some(START + 9));
}

#[tokio::test(start_paused = true)]
async fn who_was_there_when_the_process_died_was_there_until_then() {
    let store = Store::open(Kv::memory(), START);
    store.seen.alive(START).await.unwrap();
    store.seen.came(user(34), START + 1).await.unwrap();
    store.seen.alive(START + 60).await.unwrap();
    let store = store.restarted(START + 100);
    store.seen.alive(START + 100).await.unwrap();
    assert_eq!(store.last(34).await, Some(START + 60));
    store.seen.came(user(35), START + 110).await.unwrap();
    store.seen.alive(START + 200).await.unwrap();
    let store = store.restarted(START + 300);
    assert_eq!(store.last(34).await, Some(START + 60), "not until a later process died");
    assert_eq!(store.last(35).await, Some(START + 200));
}

#[tokio::test(start_paused = true)]
async fn what_a_store_does_not_take_this_process_knows_all_the_same() {
    let store = Store::open(Kv::memory(), START);
    store.seen.came(user(34), START + 1).await.unwrap();
    store.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.seen.left(user(34), START + 5).await.is_err());
    assert_eq!(store.last(34).await, Some(START + 5));
}

struct Store {
    db: Kv,
    seen: Arc<dyn Seen>,
}

impl Store {
    fn open(db: Kv, now: i64) -> Store {
        Store { seen: open(db.clone(), &Clock::paused(now)), db }
    }

    fn restarted(self, now: i64) -> Store {
        Store::open(self.db.crash(), now)
    }

    async fn last(&self, id: u64) -> Option<i64> {
        self.seen.last(user(id)).await.unwrap()
    }
}

fn user(user: u64) -> UserKey {
    UserKey::new(1, user)
}
