//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_bus::Log;
use natter_db::{Error, Faults, Kv, Table};
use natter_proto::UserId;
use natter_proto::event::v1::{Posted, PostedRequest};
use natter_proto::presence::v1::ContactRow;
use prost::Message;

use super::{Rosters, View, open};
use crate::session::UserKey;

#[tokio::test(start_paused = true)]
async fn what_was_put_is_there_after_a_crash_and_counted() {
    let store = Store::open(Kv::memory());
    assert_eq!(store.rosters.revision(ann()).await, Ok(0));
    assert_eq!(store.put(vec![view(ann(), 78, "Bob"), view(bob(), 34, "")]).await, Ok(vec![1, 1]));
    assert_eq!(store.put(vec![view(ann(), 5, "Eve")]).await, Ok(vec![2]));
    let store = store.restarted();
    let all = store.rosters.all(ann()).await.unwrap();
    assert_eq!(all, [(UserId(5), row("Eve")), (UserId(78), row("Bob"))]);
    assert_eq!(store.rosters.revision(ann()).await, Ok(2));
    assert_eq!(store.rosters.get(bob(), UserId(34)).await, Ok(row("")));
    assert_eq!(store.rosters.get(UserKey::new(2, 78), UserId(34)).await, Ok(ContactRow::default()), "another app");
    let empty = View { row: ContactRow::default(), ..view(ann(), 78, "") };
    assert_eq!(store.put(vec![empty]).await, Ok(vec![3]));
    assert_eq!(store.rosters.all(ann()).await.unwrap().len(), 1);
    assert_eq!(store.rosters.get(ann(), UserId(78)).await, Ok(ContactRow::default()));
}

#[tokio::test(start_paused = true)]
async fn of_two_views_both_are_kept_or_none() {
    let store = Store::open(Kv::memory());
    store.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.put(vec![view(ann(), 78, "Bob"), view(bob(), 34, "")]).await.is_err());
    let store = store.restarted();
    assert_eq!((store.rosters.all(ann()).await.unwrap().len(), store.rosters.all(bob()).await.unwrap().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn lists_that_change_at_the_same_time_lose_nothing() {
    let store = Store::open(Kv::memory());
    let puts = (1..=6).map(|of| store.put(vec![view(ann(), of, "x")]));
    let mut revisions: Vec<u64> = futures::future::try_join_all(puts).await.unwrap().concat();
    revisions.sort_unstable();
    assert_eq!(revisions, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.rosters.all(ann()).await.unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_told_of_exactly_when_its_views_are_kept() {
    let store = Store::open(Kv::memory());
    let asked = PostedRequest { from: 34, to: 78, at: 5 };
    store.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.rosters.put(vec![view(ann(), 78, "Bob")], Some(asked)).await.is_err());
    store.db.set_faults(Faults::default());
    assert_eq!(store.told().await, []);
    store.rosters.put(vec![view(ann(), 78, "Bob"), view(bob(), 34, "")], Some(asked)).await.unwrap();
    let store = store.restarted();
    assert_eq!(store.told().await, [asked]);
    store.put(vec![view(ann(), 5, "Eve")]).await.unwrap();
    assert_eq!(store.told().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_to_one_user_at_the_same_time_are_each_told_of_once() {
    let store = Store::open(Kv::memory());
    let ask = |from: u64| store.rosters.put(vec![view(bob(), from, "")], Some(PostedRequest { from, to: 78, at: 5 }));
    futures::future::try_join_all((1..=6).map(ask)).await.unwrap();
    let mut told: Vec<u64> = store.told().await.iter().map(|asked| asked.from).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3, 4, 5, 6]);
}

struct Store {
    db: Kv,
    posted: Log,
    rosters: Arc<dyn Rosters>,
}

impl Store {
    fn open(db: Kv) -> Store {
        let posted = Log::embedded(db.clone(), Table("posted"), 100);
        Store { rosters: open(db.clone(), posted.clone()), posted, db }
    }

    fn put(&self, views: Vec<View>) -> BoxFuture<'_, Result<Vec<u64>, Error>> {
        self.rosters.put(views, None)
    }

    /// The requests of app 1 that the durable log tells of.
    async fn told(&self) -> Vec<PostedRequest> {
        self.posted.ready().await.unwrap();
        let entries = self.posted.read(1, 100).await.unwrap();
        entries.into_iter().map(|entry| Posted::decode(entry.value).unwrap().contact_request.unwrap()).collect()
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
