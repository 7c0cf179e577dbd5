//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::{Credential, CredentialRow};

use super::{TABLES, Vault};
use crate::by_app::{self, contract};
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
}

async fn what_was_put_comes_back_by_app_until_it_is_removed(vault: &Vault, app: u64) {
    contract::what_was_put_comes_back_by_app_until_it_is_removed(vault, app, row).await;
}

async fn however_many_begin_at_once_one_is_first_and_the_others_read_again(vault: &Vault, app: u64) {
    contract::however_many_begin_at_once_one_is_first_and_the_others_read_again(vault, app, row).await;
}

fn opened(db: &Db) -> Box<Vault> {
    by_app::open(db, &Arc::new(Stamps::new(7)))
}

// No two are equal, as no two sealings are.
fn row(topic: &str) -> CredentialRow {
    let shown = Credential { topic: topic.into(), ..Credential::default() };
    CredentialRow { shown: Some(shown), sealed: topic.as_bytes().to_vec(), ..CredentialRow::default() }
}
