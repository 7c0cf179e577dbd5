//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use natter_db::{Kv, KvOptions};
use natter_proto::push::v1::{Credential, CredentialRow};

use super::{Embedded, Error, Vault};

#[tokio::test]
async fn what_was_put_comes_back_by_app_until_it_is_removed() {
    on_each_engine(async |vault| {
        let empty = vault.of_app(1).await.unwrap();
        assert_eq!(empty.rows, []);
        vault.change(&empty, vec![row("a"), row("b")]).await.unwrap();
        let other = vault.of_app(7).await.unwrap();
        vault.change(&other, vec![row("c")]).await.unwrap();
        let kept = vault.of_app(1).await.unwrap();
        assert_eq!(kept.rows, [row("a"), row("b")]);
        let apps = async |after, limit| -> Vec<(u64, usize)> {
            let page = vault.page(after, limit).await.unwrap();
            page.into_iter().map(|kept| (kept.app, kept.rows.len())).collect()
        };
        assert_eq!((apps(0, 9).await, apps(0, 1).await, apps(1, 9).await), (vec![(1, 2), (7, 1)], vec![(1, 2)], vec![(7, 1)]));
        assert_eq!(apps(u64::MAX, 9).await, []);
        vault.change(&kept, vec![]).await.unwrap();
        assert_eq!((vault.of_app(1).await.unwrap().rows, apps(0, 9).await), (vec![], vec![(7, 1)]));
    })
    .await;
}

#[tokio::test]
async fn however_many_begin_at_once_one_is_first_and_the_others_read_again() {
    on_each_engine(async |vault| {
        for topics in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
            let before = vault.of_app(1).await.unwrap();
            let all = join_all(topics.map(|topic| vault.change(&before, vec![row(topic)]))).await;
            assert_eq!(all.iter().filter(|outcome| **outcome == Err(Error::Changed)).count(), 3, "{all:?}");
        }
        assert_eq!(vault.of_app(1).await.unwrap().rows.len(), 1);
    })
    .await;
}

async fn on_each_engine(case: impl AsyncFn(&dyn Vault)) {
    case(&Embedded::new(Kv::memory())).await;
    let folder = tempfile::tempdir().unwrap();
    case(&Embedded::new(Kv::open(folder.path(), KvOptions::default()).unwrap())).await;
}

// No two are equal, as no two sealings are.
fn row(topic: &str) -> CredentialRow {
    let shown = Credential { topic: topic.into(), ..Credential::default() };
    CredentialRow { shown: Some(shown), sealed: topic.as_bytes().to_vec(), ..CredentialRow::default() }
}
