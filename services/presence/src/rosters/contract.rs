//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_actor::Clock;
use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Error, Faults, Kv, KvOptions, Table};
use natter_proto::UserId;
use natter_proto::event::v1::{Posted, PostedRequest};
use natter_proto::presence::v1::ContactRow;
use prost::Message;

use super::{Rosters, View, open};
use crate::TABLES;
use crate::session::{Scope, UserKey};

const ANN: u64 = 34;
const BOB: u64 = 78;

#[tokio::test(start_paused = true)]
async fn in_memory() {
    // Each case on a store of its own, which crashes.
    keeps_the_contract(|app| Store { crashes: true, ..Store::of(&Kv::memory().into(), app) }).await;
}

#[tokio::test]
async fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let db = Kv::open(folder.path(), KvOptions::default()).unwrap().into();
    keeps_the_contract(|app| Store::of(&db, app)).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn cassandra() {
    on_cassandra(TABLES, async |cql| {
        let db = cql.clone().into();
        keeps_the_contract(|app| Store::of(&db, app)).await;
        a_step_that_was_cut_off_is_taken_when_it_is_repeated(cql.clone().into()).await;
        a_view_that_another_process_changed_is_not_overwritten(cql.into()).await;
    })
    .await;
}

// Each case in apps of its own.
async fn keeps_the_contract(store: impl Fn(u64) -> Store) {
    what_was_put_is_there_and_counted(store(1)).await;
    lists_that_change_at_the_same_time_lose_nothing(store(3)).await;
    a_request_is_told_of_once(store(4)).await;
    requests_to_one_user_at_the_same_time_are_each_told_of_once(store(5)).await;
    whoever_has_a_view_of_a_user_is_found(store(6)).await;
    an_erasure_removes_what_is_meant(store(8)).await;
}

async fn what_was_put_is_there_and_counted(store: Store) {
    let (ann, bob) = (store.user(ANN), store.user(BOB));
    assert_eq!(store.rosters.revision(ann).await, Ok(0));
    assert_eq!(store.rosters.all(ann).await, Ok(vec![]));
    assert_eq!(store.put(vec![view(ann, BOB, "Bob"), view(bob, ANN, "")]).await, Ok(vec![1, 1]));
    assert_eq!(store.put(vec![view(ann, 5, "Eve")]).await, Ok(vec![2]));
    let store = store.restarted();
    let all = store.rosters.all(ann).await.unwrap();
    assert_eq!(all, [(UserId(5), row("Eve")), (UserId(BOB), row("Bob"))]);
    assert_eq!(store.rosters.revision(ann).await, Ok(2));
    assert_eq!(store.rosters.get(bob, UserId(ANN)).await, Ok(row("")));
    let elsewhere = UserKey::new(store.app + 1, BOB);
    assert_eq!(store.rosters.get(elsewhere, UserId(ANN)).await, Ok(ContactRow::default()), "another app");
    let empty = View { was: row("Bob"), row: ContactRow::default(), ..view(ann, BOB, "") };
    assert_eq!(store.put(vec![empty]).await, Ok(vec![3]));
    assert_eq!(store.rosters.all(ann).await.unwrap().len(), 1);
    assert_eq!(store.rosters.get(ann, UserId(BOB)).await, Ok(ContactRow::default()));
}

async fn lists_that_change_at_the_same_time_lose_nothing(store: Store) {
    let puts = (1..=6).map(|of| store.put(vec![view(store.user(ANN), of, "x")]));
    let mut revisions: Vec<u64> = futures::future::try_join_all(puts).await.unwrap().concat();
    revisions.sort_unstable();
    assert_eq!(revisions, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.rosters.all(store.user(ANN)).await.unwrap().len(), 6);
}

async fn a_request_is_told_of_once(store: Store) {
    let (ann, bob) = (store.user(ANN), store.user(BOB));
    let asked = PostedRequest { from: ANN, to: BOB, at: 5 };
    assert_eq!(store.told().await, []);
    let revisions = store.rosters.put(vec![view(ann, BOB, "Bob"), view(bob, ANN, "")], Some(asked)).await.unwrap();
    assert_eq!(revisions, [1, 1]);
    let store = store.restarted();
    assert_eq!(store.told().await, [asked]);
    store.put(vec![view(ann, 5, "Eve")]).await.unwrap();
    assert_eq!(store.told().await.len(), 1);
}

async fn requests_to_one_user_at_the_same_time_are_each_told_of_once(store: Store) {
    let ask = |from: u64| {
        let asked = PostedRequest { from, to: BOB, at: 5 };
        store.rosters.put(vec![view(store.user(BOB), from, "")], Some(asked))
    };
    futures::future::try_join_all((1..=6).map(ask)).await.unwrap();
    let mut told: Vec<u64> = store.told().await.iter().map(|asked| asked.from).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3, 4, 5, 6]);
}

async fn whoever_has_a_view_of_a_user_is_found(store: Store) {
    let bob = store.user(BOB);
    for owner in 1..=5 {
        store.put(vec![view(store.user(owner), BOB, "Bob")]).await.unwrap();
        store.put(vec![view(store.user(owner), 99, "other")]).await.unwrap();
    }
    store.put(vec![view(UserKey::new(store.app + 1, 6), BOB, "Bob")]).await.unwrap();
    let empty = View { was: row("Bob"), row: ContactRow::default(), ..view(store.user(3), BOB, "") };
    store.put(vec![empty]).await.unwrap();
    assert_eq!(store.owners_of(bob).await, [1, 2, 4, 5]);
    store.put(vec![view(store.user(3), BOB, "Bob")]).await.unwrap();
    assert_eq!(store.owners_of(bob).await, [1, 2, 3, 4, 5], "added once more");
}

async fn an_erasure_removes_what_is_meant(store: Store) {
    let elsewhere = UserKey::new(store.app + 1, ANN);
    for of in 1..=4 {
        store.put(vec![view(store.user(ANN), of, "x")]).await.unwrap();
        store.put(vec![view(store.user(BOB), of, "x")]).await.unwrap();
    }
    store.put(vec![view(elsewhere, BOB, "Bob")]).await.unwrap();
    assert_eq!(store.rosters.erase(Scope::of(store.app, ANN), 100).await, Ok(5), "four views and a revision");
    assert_eq!(store.rosters.erase(Scope::of(store.app, ANN), 100).await, Ok(0));
    assert_eq!((store.rosters.all(store.user(ANN)).await, store.rosters.revision(store.user(ANN)).await), (Ok(vec![]), Ok(0)));
    assert_eq!(store.rosters.all(store.user(BOB)).await.unwrap().len(), 4);
    // Pages, until one is not full.
    while store.rosters.erase(Scope::of(store.app, 0), 2).await.unwrap() >= 2 {}
    assert_eq!((store.rosters.all(store.user(BOB)).await, store.owners_of(store.user(1)).await), (Ok(vec![]), vec![]));
    assert_eq!(store.rosters.revision(elsewhere).await, Ok(1), "another app's");
    assert_eq!(store.put(vec![view(store.user(ANN), BOB, "Bob")]).await, Ok(vec![1]), "it begins anew");
}

// === one process, one store ===

#[tokio::test(start_paused = true)]
async fn of_two_views_both_are_kept_or_none() {
    let kv = Kv::memory();
    let store = Store { crashes: true, ..Store::of(&kv.clone().into(), 1) };
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    let (ann, bob) = (store.user(ANN), store.user(BOB));
    let asked = PostedRequest { from: ANN, to: BOB, at: 5 };
    assert!(store.rosters.put(vec![view(ann, BOB, "Bob"), view(bob, ANN, "")], Some(asked)).await.is_err());
    kv.set_faults(Faults::default());
    assert_eq!(store.told().await, []);
    let store = store.restarted();
    assert_eq!((store.rosters.all(ann).await.unwrap().len(), store.rosters.all(bob).await.unwrap().len()), (0, 0));
}

// === rows that lie apart ===

async fn a_step_that_was_cut_off_is_taken_when_it_is_repeated(db: Db) {
    let kv = Kv::memory();
    let store = Store { rosters: open(&db, log(&kv), Clock::system()), posted: log(&kv), ..Store::of(&db, 20) };
    let (ann, bob) = (store.user(ANN), store.user(BOB));
    let asks = ContactRow { ask: true, ..row("") };
    let asked = ContactRow { asked: true, ..ContactRow::default() };
    let mine = View { row: asks.clone(), ..view(ann, BOB, "") };
    let theirs = View { row: asked.clone(), ..view(bob, ANN, "") };
    let request = PostedRequest { from: ANN, to: BOB, at: 5 };

    // The log does not take it.
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(store.rosters.put(vec![mine.clone(), theirs.clone()], Some(request)).await.is_err());
    kv.set_faults(Faults::default());
    assert_eq!(store.rosters.get(ann, UserId(BOB)).await, Ok(asks.clone()), "the list says that it is asked");
    assert_eq!(store.rosters.get(bob, UserId(ANN)).await, Ok(ContactRow::default()), "who is asked is told nothing yet");
    // What the step finds to change the second time.
    assert_eq!(store.rosters.put(vec![theirs], Some(request)).await, Ok(vec![1]));
    assert_eq!((store.rosters.get(bob, UserId(ANN)).await, store.told().await), (Ok(asked.clone()), vec![request]));

    // Of an answer the view of who answers comes last: with a stale one nothing of his is changed, and the request waits yet.
    let grants = View { was: row("stale"), row: ContactRow { from: true, ..row("") }, ..view(bob, ANN, "") };
    let has = View { was: asks, row: ContactRow { to: true, ..row("") }, ..view(ann, BOB, "") };
    assert_eq!(store.put(vec![grants.clone(), has.clone()]).await, Err(Error::Condition));
    assert_eq!(store.rosters.get(bob, UserId(ANN)).await, Ok(asked.clone()));
    assert_eq!(store.rosters.get(ann, UserId(BOB)).await, Ok(has.row));
    assert_eq!(store.put(vec![View { was: asked, ..grants }]).await, Ok(vec![2]));
}

async fn a_view_that_another_process_changed_is_not_overwritten(db: Db) {
    let (one, other) = (Store::of(&db, 21), Store::of(&db, 21));
    let ann = one.user(ANN);
    one.put(vec![view(ann, BOB, "Bob")]).await.unwrap();
    other.put(vec![View { was: row("Bob"), ..view(ann, BOB, "Bobby") }]).await.unwrap();
    assert_eq!(one.put(vec![View { was: row("Bob"), ..view(ann, BOB, "Robert") }]).await, Err(Error::Condition));
    assert_eq!(one.rosters.get(ann, UserId(BOB)).await, Ok(row("Bobby")));
    assert_eq!(one.rosters.revision(ann).await, Ok(2));
}

// === helpers ===

struct Store {
    db: Db,
    app: u64,
    posted: Log,
    /// Of the log, where rows are elsewhere.
    kv: Kv,
    crashes: bool,
    rosters: Arc<dyn Rosters>,
}

impl Store {
    fn of(db: &Db, app: u64) -> Store {
        let kv = match db {
            Db::Kv(kv) => kv.clone(),
            Db::Cql(_) => Kv::memory(),
        };
        Store::open(db.clone(), app, kv)
    }

    fn open(db: Db, app: u64, kv: Kv) -> Store {
        let posted = log(&kv);
        Store { rosters: open(&db, posted.clone(), Clock::system()), db, app, posted, kv, crashes: false }
    }

    fn user(&self, user: u64) -> UserKey {
        UserKey::new(self.app, user)
    }

    fn put(&self, views: Vec<View>) -> BoxFuture<'_, Result<Vec<u64>, Error>> {
        self.rosters.put(views, None)
    }

    /// Page by page.
    async fn owners_of(&self, of: UserKey) -> Vec<u64> {
        let (mut all, mut after) = (Vec::new(), Vec::new());
        loop {
            let (owners, next) = self.rosters.owners(of, after, 2).await.unwrap();
            all.extend(owners.into_iter().map(|owner| owner.0));
            if next.is_empty() {
                return all;
            }
            after = next;
        }
    }

    /// The requests that the durable log tells of.
    async fn told(&self) -> Vec<PostedRequest> {
        self.posted.ready().await.unwrap();
        let entries = self.posted.read(self.app, 100).await.unwrap();
        entries.into_iter().map(|entry| Posted::decode(entry.value).unwrap().contact_request.unwrap()).collect()
    }

    fn restarted(self) -> Store {
        if self.crashes {
            let kv = self.kv.crash();
            return Store { crashes: true, ..Store::open(kv.clone().into(), self.app, kv) };
        }
        Store::open(self.db, self.app, self.kv)
    }
}

fn log(kv: &Kv) -> Log {
    Log::embedded(kv.clone(), Table("posted"), 100)
}

fn row(name: &str) -> ContactRow {
    ContactRow { name: name.to_owned(), listed: true, ..ContactRow::default() }
}

fn view(owner: UserKey, of: u64, name: &str) -> View {
    View { owner, of: UserId(of), was: ContactRow::default(), row: row(name) }
}
