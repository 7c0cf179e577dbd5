//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::{Webhook, WebhookRow, WebhookState};

use super::{Registry, TABLES};
use crate::by_app::contract;
use crate::stamps::Stamps;

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&super::opened(&super::Kv::memory().into()), 1).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap();
                super::$case(&super::opened(&kv.into()), 1).await;
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
                    $case(&store, app).await;
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

async fn what_was_put_comes_back_by_app_until_it_is_removed(registry: &Registry, app: u64) {
    contract::what_was_put_comes_back_by_app_until_it_is_removed(&*registry.rows, app, row).await;
}

async fn however_many_begin_at_once_one_is_first_and_the_others_read_again(registry: &Registry, app: u64) {
    contract::however_many_begin_at_once_one_is_first_and_the_others_read_again(&*registry.rows, app, row).await;
}

async fn how_each_goes_is_what_was_noted_last_until_it_is_forgotten(registry: &Registry, app: u64) {
    let state = |failures| WebhookState { failures, answer: "status 500".into(), ..WebhookState::default() };
    assert_eq!(registry.states.of_app(app).await, Ok([].into()));
    for (app, id, failures) in [(app, 1, 1), (app, 1, 2), (app, 2, 5), (app + 1, 1, 9)] {
        registry.states.note(app, id, &state(failures)).await.unwrap();
    }
    assert_eq!(registry.states.of_app(app).await, Ok([(1, state(2)), (2, state(5))].into()));
    registry.states.forget(app, 1).await.unwrap();
    registry.states.forget(app, 7).await.unwrap();
    assert_eq!(registry.states.of_app(app).await, Ok([(2, state(5))].into()));
    assert_eq!(registry.states.of_app(app + 1).await, Ok([(1, state(9))].into()));
}

fn opened(db: &Db) -> Registry {
    Registry::open(db, &Arc::new(Stamps::new(7)))
}

fn row(name: &str) -> WebhookRow {
    WebhookRow { shown: Some(Webhook { name: name.into(), ..Webhook::default() }), secrets: Vec::new() }
}
