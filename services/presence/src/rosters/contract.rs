//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::{Faults, Kv};
use natter_proto::UserId;
use natter_proto::presence::v1::ContactRow;

use super::{Rosters, View, open};
use crate::session::UserKey;

#[tokio::test(start_paused = true)]
async fn what_was_put_is_there_after_a_crash_and_counted() {
    let store = Store::open(Kv::memory());
    assert_eq!(store.rosters.revision(ann()).await, Ok(0));
    assert_eq!(store.rosters.put(vec![view(ann(), 78, "Bob"), view(bob(), 34, "")]).await, Ok(vec![1, 1]));
    assert_eq!(store.rosters.put(vec![view(ann(), 5, "Eve")]).await, Ok(vec![2]));
    let store = store.restarted();
    let all = store.rosters.all(ann()).await.unwrap();
    assert_eq!(all, [(UserId(5), row("Eve")), (UserId(78), row("Bob"))]);
    assert_eq!(store.rosters.revision(ann()).await, Ok(2));
    assert_eq!(store.rosters.get(bob(), UserId(34)).await, Ok(row("")));
    assert_eq!(store.rosters.get(UserKey::new(2, 78), UserId(34)).await, Ok(ContactRow::default()), "another app");
    let empty = View { row: ContactRow::default(), ..view(ann(), 78, "") };
    assert_eq!(store.rosters.put(vec![empty]).await, Ok(vec![3]));
    assert_eq!(store.rosters.all(ann()).await.unwrap().len(), 1);
    assert_eq!(store.rosters.get(ann(), UserId(78)).await, Ok(ContactRow::default()));
}

#[tokio::test(start_paused = true)]
async fn of_two_views_both_are_kept_or_none() {
    let store = Store::open(Kv::memory());
    store.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.rosters.put(vec![view(ann(), 78, "Bob"), view(bob(), 34, "")]).await.is_err());
    let store = store.restarted();
    assert_eq!((store.rosters.all(ann()).await.unwrap().len(), store.rosters.all(bob()).await.unwrap().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn lists_that_change_at_the_same_time_lose_nothing() {
    let store = Store::open(Kv::memory());
    let puts = (1..=6).map(|of| store.rosters.put(vec![view(ann(), of, "x")]));
    let mut revisions: Vec<u64> = futures::future::try_join_all(puts).await.unwrap().concat();
    revisions.sort_unstable();
    assert_eq!(revisions, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.rosters.all(ann()).await.unwrap().len(), 6);
}

struct Store {
    db: Kv,
    rosters: Arc<dyn Rosters>,
}

impl Store {
    fn open(db: Kv) -> Store {
        Store { rosters: open(db.clone()), db }
    }

    fn restarted(self) -> Store {
        Store::open(self.db.crash())
    }
}

fn ann() -> UserKey {
    UserKey::new(1, 34)
}

fn bob() -> UserKey {
    UserKey::new(1, 78)
}

fn row(name: &str) -> ContactRow {
    ContactRow { name: name.to_owned(), listed: true, ..ContactRow::default() }
}

fn view(owner: UserKey, of: u64, name: &str) -> View {
    View { owner, of: UserId(of), row: row(name) }
}
