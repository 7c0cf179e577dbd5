//! What every engine of the ports must do, as tests: each case runs on memory and on disk.

#![allow(clippy::unwrap_used)]

/// Each case on memory and on disk, and all of them in one keyspace by `on_cassandra`.
macro_rules! on_each_engine {
    ($($case:ident)*) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(crate::store::contract::on_memory()).await;
                }
            )*
        }

        mod disk {
            $(
                #[tokio::test]
                async fn $case() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$case(crate::store::contract::on_disk(folder.path())).await;
                }
            )*
        }

        /// `empty` makes a store without a row.
        pub async fn on_cassandra(empty: impl AsyncFn() -> crate::store::Store) {
            $(
                println!("{}", stringify!($case));
                $case(empty().await).await;
            )*
        }
    };
}

mod apps;
mod audit;
mod cassandra;
mod cassandra_apps;
mod erasures;
mod operators;
mod overrides;
mod reports;
mod sign_ins;
mod tokens;
mod users;

use std::future::Future;
use std::path::Path;

use natter_db::{Kv, KvOptions};
use natter_proto::account::v1::{App, User};

use super::{Along, Error, Kept, Store, TokenRow, UserRow};
use crate::name::Name;
use crate::token::TokenKey;
use crate::verifier::Verifier;

#[tokio::test]
async fn blocks_of_ids_do_not_overlap() {
    on_each_engine(async |store| {
        let blocks = futures::future::join_all((0..8).map(|_| store.users.take_block(1000))).await;
        let mut firsts: Vec<u64> = blocks.into_iter().map(|block| block.unwrap().start).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, [1, 1001, 2001, 3001, 4001, 5001, 6001, 7001]);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_read_in_pages() {
    on_each_engine(async |store| {
        for n in [3, 1, 255] {
            store.tokens.add_token(&TokenKey([n; 32]), TokenRow { app: 1, ..TokenRow::default() }, 0).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut after = None;
        while let Some((key, _)) = store.tokens.tokens(after, 1).await.unwrap().pop() {
            seen.push(key.0[0]);
            after = Some(key);
        }
        assert_eq!(seen, [1, 3, 255]);
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::embedded(Kv::open(directory.path(), KvOptions::default()).unwrap());
    let row = UserRow { password: Some("phc".into()), password_version: 3, ..ann(7) };
    let (key, token) = (TokenKey([9; 32]), TokenRow { app: 1, user: 7, nonce: 4, timestamp: -1, ..TokenRow::default() });
    {
        let store = open();
        assert_eq!(store.users.take_block(1000).await.unwrap(), 1..1001);
        store.users.add_user(row.clone(), Some(verifier())).await.unwrap();
        store.tokens.add_token(&key, token.clone(), 44).await.unwrap();
    }
    let store = open();
    assert_eq!(store.users.take_block(1000).await.unwrap(), 1001..2001, "an id is given once");
    let rows = store.users.users(1, &[7]).await.unwrap();
    assert_eq!(last_request(&rows), 44);
    let kept = rows.into_iter().flatten().next().unwrap().row;
    assert_eq!((kept.password, kept.password_version), (row.password, row.password_version));
    assert_eq!(store.users.verifier(1, 7).await.unwrap(), Some(verifier()));
    assert_eq!(store.tokens.token(&key).await.unwrap().unwrap().row, token);
}

async fn on_each_engine<F: Future<Output = ()>>(case: impl Fn(Store) -> F) {
    case(on_memory()).await;
    let directory = tempfile::tempdir().unwrap();
    case(on_disk(directory.path())).await;
}

fn on_memory() -> Store {
    Store::embedded(Kv::memory())
}

fn on_disk(folder: &Path) -> Store {
    Store::embedded(Kv::open(folder, KvOptions::default()).unwrap())
}

async fn kept(store: &Store, id: u64) -> Kept<App> {
    store.apps.app(id).await.unwrap().unwrap()
}

fn app(id: u64) -> App {
    App { id, auth_key: format!("key {id}"), pair_key: vec![1; 32], ..App::default() }
}

fn ann(id: u64) -> UserRow {
    UserRow { user: named(id, "ann"), ..UserRow::default() }
}

fn named(id: u64, login: &str) -> User {
    User { id, app: 1, login: Some(login.into()), ..User::default() }
}

fn verifier() -> Verifier {
    Verifier { mac: [5; 32], expires_at: 77 }
}

fn last_request(rows: &[Option<Kept<UserRow>>]) -> i64 {
    rows[0].as_ref().map_or(0, |kept| kept.row.user.last_request_at)
}
