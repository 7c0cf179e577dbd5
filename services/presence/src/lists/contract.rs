//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Faults, Kv, KvOptions};
use natter_proto::presence::v1::PrivacyItem;

use super::{Names, open};
use crate::TABLES;
use crate::privacy::List;
use crate::session::{Scope, UserKey};

#[tokio::test(start_paused = true)]
async fn in_memory() {
    let kv = Kv::memory();
    let crash = {
        let kv = kv.clone();
        move || kv.crash().into()
    };
    keep_the_contract(kv.into(), crash).await;
}

#[tokio::test]
async fn on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let db: Db = Kv::open(directory.path(), KvOptions::default()).unwrap().into();
    keep_the_contract(db.clone(), move || db).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn cassandra() {
    on_cassandra(TABLES, async |cql| {
        let db: Db = cql.into();
        keep_the_contract(db.clone(), move || db).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_changes_nothing() {
    let kv = Kv::memory();
    let lists = open(&kv.clone().into());
    lists.put(ann(), "a".into(), list(78)).await.unwrap();
    lists.set_default(ann(), Some("a".into())).await.unwrap();
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(lists.put(ann(), "b".into(), list(78)).await.is_err());
    assert!(lists.set_default(ann(), None).await.is_err());
    assert!(lists.delete(ann(), "a".into()).await.is_err());
    kv.set_faults(Faults::default());
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["a"], Some("a")));
}

async fn keep_the_contract(db: Db, reopen: impl FnOnce() -> Db) {
    let lists = open(&db);
    assert_eq!(lists.names(ann()).await.unwrap(), Names::default());
    assert_eq!((lists.get(ann(), "a".into()).await.unwrap(), lists.default(ann()).await.unwrap()), (None, None));

    lists.put(ann(), "b".into(), list(78)).await.unwrap();
    lists.put(ann(), "a".into(), list(5)).await.unwrap();
    lists.put(ann(), "ab".into(), list(6)).await.unwrap();
    lists.put(ann(), "a".into(), list(7)).await.unwrap();
    assert_eq!(lists.default(ann()).await.unwrap(), None, "a list that is not the default");
    lists.set_default(ann(), Some("a".into())).await.unwrap();
    lists.put(bob(), "c".into(), list(34)).await.unwrap();
    assert_eq!(lists.names(UserKey::new(2, 34)).await.unwrap(), Names::default(), "another app");

    let lists = open(&reopen());
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["a", "ab", "b"], Some("a")));
    assert_eq!(lists.get(ann(), "b".into()).await.unwrap(), Some(list(78)));
    assert_eq!(lists.default(ann()).await.unwrap(), Some(list(7)), "replaced as a whole");
    assert_eq!(lists.names(bob()).await.unwrap(), names(&["c"], None));

    lists.delete(ann(), "b".into()).await.unwrap();
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["a", "ab"], Some("a")));
    lists.delete(ann(), "a".into()).await.unwrap();
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["ab"], None), "it was the default");
    lists.put(ann(), "a".into(), list(8)).await.unwrap();
    assert_eq!(lists.default(ann()).await.unwrap(), None, "nor is another of its name");
    lists.set_default(ann(), Some("ab".into())).await.unwrap();
    lists.set_default(ann(), None).await.unwrap();
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["a", "ab"], None));

    lists.set_default(ann(), Some("ab".into())).await.unwrap();
    lists.put(UserKey::new(2, 34), "x".into(), list(1)).await.unwrap();
    assert_eq!(lists.erase(Scope::of(1, 34), 10).await, Ok(2));
    assert_eq!((lists.names(ann()).await.unwrap(), lists.default(ann()).await.unwrap()), (Names::default(), None));
    assert_eq!(lists.names(bob()).await.unwrap(), names(&["c"], None), "another's");
    lists.put(ann(), "ab".into(), list(1)).await.unwrap();
    assert_eq!(lists.default(ann()).await.unwrap(), None, "the default went with it");
    // Pages, until one is not full.
    while lists.erase(Scope::of(1, 0), 1).await.unwrap() >= 1 {}
    assert_eq!((lists.names(ann()).await.unwrap(), lists.names(bob()).await.unwrap()), (Names::default(), Names::default()));
    assert_eq!(lists.names(UserKey::new(2, 34)).await.unwrap(), names(&["x"], None), "another app's");
}

fn ann() -> UserKey {
    UserKey::new(1, 34)
}

fn bob() -> UserKey {
    UserKey::new(1, 78)
}

fn list(user: u64) -> List {
    List::kept(vec![PrivacyItem { user, message: true, order: 1, ..PrivacyItem::default() }])
}

fn names(all: &[&str], default: Option<&str>) -> Names {
    Names { all: all.iter().map(|name| (*name).to_owned()).collect(), default: default.map(str::to_owned) }
}
