//! The contract of the port, run on every engine.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::{Faults, Kv, KvOptions};
use natter_proto::presence::v1::PrivacyItem;

use super::{Lists, Names, open};
use crate::privacy::List;
use crate::session::UserKey;

#[tokio::test(start_paused = true)]
async fn the_embedded_lists_keep_the_contract_in_memory() {
    let db = Kv::memory();
    let crash = {
        let db = db.clone();
        move || open(db.crash())
    };
    keep_the_contract(open(db), crash).await;
}

#[tokio::test]
async fn the_embedded_lists_keep_the_contract_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Kv::open(directory.path(), KvOptions::default()).unwrap();
    keep_the_contract(open(kv.clone()), move || open(kv)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_changes_nothing() {
    let db = Kv::memory();
    let lists = open(db.clone());
    lists.put(ann(), "a".into(), list(78)).await.unwrap();
    lists.set_default(ann(), Some("a".into())).await.unwrap();
    db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(lists.put(ann(), "b".into(), list(78)).await.is_err());
    assert!(lists.set_default(ann(), None).await.is_err());
    assert!(lists.delete(ann(), "a".into()).await.is_err());
    db.set_faults(Faults::default());
    assert_eq!(lists.names(ann()).await.unwrap(), names(&["a"], Some("a")));
}

async fn keep_the_contract(lists: Arc<dyn Lists>, reopen: impl FnOnce() -> Arc<dyn Lists>) {
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

    let lists = reopen();
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
