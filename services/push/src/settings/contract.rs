//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::{Privacy, Settings, Template};

use super::{TABLES, open};

macro_rules! on_each_engine {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(super::Kv::memory().into()).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(super::Kv::open(folder.path(), super::KvOptions::default()).unwrap().into()).await;
            }

            #[tokio::test]
            #[ignore = "needs Cassandra: cargo xtask test --servers"]
            async fn cassandra() {
                super::on_cassandra(&[super::TABLES], async |cql| super::$case(cql.into()).await).await;
            }
        }
    )*};
}

on_each_engine! {
    what_was_put_last_comes_back_until_it_is_forgotten
    settings_of_which_nothing_differs_from_the_defaults_are_settings_too
}

async fn what_was_put_last_comes_back_until_it_is_forgotten(db: Db) {
    let store = open(&db);
    assert_eq!(store.get(1).await, Ok(None));
    store.put(1, &settings("first")).await.unwrap();
    store.put(2, &settings("other")).await.unwrap();
    store.put(1, &Settings { privacy: Privacy::Nothing.into(), ..settings("second") }).await.unwrap();
    let next = open(&db);
    let second = Settings { privacy: Privacy::Nothing.into(), ..settings("second") };
    assert_eq!((next.get(1).await, next.get(2).await), (Ok(Some(second)), Ok(Some(settings("other")))));
    assert_eq!((next.forget(1).await, next.forget(1).await), (Ok(true), Ok(false)));
    assert_eq!((next.get(1).await, next.get(2).await), (Ok(None), Ok(Some(settings("other")))));
}

async fn settings_of_which_nothing_differs_from_the_defaults_are_settings_too(db: Db) {
    let store = open(&db);
    store.put(1, &Settings::default()).await.unwrap();
    assert_eq!(store.get(1).await, Ok(Some(Settings::default())));
    assert_eq!(store.forget(1).await, Ok(true));
}

fn settings(body: &str) -> Settings {
    Settings { template: Some(Template { body: body.into(), ..Template::default() }), ..Settings::default() }
}
