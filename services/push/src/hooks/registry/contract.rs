//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures::future::join_all;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::{Webhook, WebhookRow, WebhookState};

use super::{Error, Registry, TABLES, open};
use crate::stamps::Stamps;

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&*super::opened(&super::Kv::memory().into()), 1).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap();
                super::$case(&*super::opened(&kv.into()), 1).await;
            }
        })*

        // One keyspace for all, which is slow to make: each case has apps of its own.
        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn on_cassandra_too() {
            on_cassandra(&[TABLES], async |cql| {
                let (store, mut app) = (opened(&cql.into()), 0);
                $(
                    app += 100;
                    $case(&*store, app).await;
                )*
            })
            .await;
        }
    }
}

on_each_engine! {
    what_was_put_comes_back_by_app_until_it_is_removed
    however_many_begin_at_once_one_is_first_and_the_others_read_again
    how_each_goes_is_what_was_noted_last_until_it_is_forgotten
}

async fn what_was_put_comes_back_by_app_until_it_is_removed(registry: &dyn Registry, app: u64) {
    let empty = registry.of_app(app).await.unwrap();
    assert_eq!(empty.rows, []);
    registry.change(&empty, vec![row("a"), row("b")]).await.unwrap();
    let other = registry.of_app(app + 6).await.unwrap();
    registry.change(&other, vec![row("c")]).await.unwrap();
    let kept = registry.of_app(app).await.unwrap();
    assert_eq!(kept.rows, [row("a"), row("b")]);
    let apps = async |after, limit| -> Vec<(u64, usize)> {
        let page = registry.page(after, limit).await.unwrap();
        page.into_iter().map(|kept| (kept.app, kept.rows.len())).collect()
    };
    let (both, other) = (vec![(app, 2), (app + 6, 1)], vec![(app + 6, 1)]);
    assert_eq!((apps(0, 9).await, apps(0, 1).await, apps(app, 9).await), (both, vec![(app, 2)], other));
    assert_eq!(apps(u64::MAX, 9).await, []);
    registry.change(&kept, vec![]).await.unwrap();
    assert_eq!((registry.of_app(app).await.unwrap().rows, apps(0, 9).await), (vec![], vec![(app + 6, 1)]));
}

async fn however_many_begin_at_once_one_is_first_and_the_others_read_again(registry: &dyn Registry, app: u64) {
    for names in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
        let before = registry.of_app(app).await.unwrap();
        let all = join_all(names.map(|name| registry.change(&before, vec![row(name)]))).await;
        assert_eq!(all.iter().filter(|outcome| **outcome == Err(Error::Changed)).count(), 3, "{all:?}");
    }
    assert_eq!(registry.of_app(app).await.unwrap().rows.len(), 1);
}

async fn how_each_goes_is_what_was_noted_last_until_it_is_forgotten(registry: &dyn Registry, app: u64) {
    let state = |failures| WebhookState { failures, answer: "status 500".into(), ..WebhookState::default() };
    assert_eq!(registry.states(app).await, Ok([].into()));
    for (app, id, failures) in [(app, 1, 1), (app, 1, 2), (app, 2, 5), (app + 1, 1, 9)] {
        registry.note(app, id, &state(failures)).await.unwrap();
    }
    assert_eq!(registry.states(app).await, Ok([(1, state(2)), (2, state(5))].into()));
    registry.forget(app, 1).await.unwrap();
    registry.forget(app, 7).await.unwrap();
    assert_eq!(registry.states(app).await, Ok([(2, state(5))].into()));
    assert_eq!(registry.states(app + 1).await, Ok([(1, state(9))].into()));
}

fn opened(db: &Db) -> Box<dyn Registry> {
    open(db, &Arc::new(Stamps::new(7)))
}

fn row(name: &str) -> WebhookRow {
    WebhookRow { shown: Some(Webhook { name: name.into(), ..Webhook::default() }), secrets: Vec::new() }
}
