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

mod audit;
mod cassandra;
mod erasures;
mod operators;
mod reports;
mod sign_ins;
mod tokens;
mod users;

use std::future::Future;
use std::path::Path;

use natter_db::{Kv, KvOptions};
use natter_proto::account::v1::{App, PreviousKeys, User};

use super::{Along, Error, Kept, Store, TokenRow, UserRow};
use crate::name::Name;
use crate::token::TokenKey;
use crate::verifier::Verifier;

#[tokio::test]
async fn apps_are_numbered_from_one_around_the_chosen_ids() {
    on_each_engine(async |store| {
        assert_eq!(store.apps.add_app(app(2)).await.unwrap().id, 2);
        assert_eq!(store.apps.add_app(app(2)).await, Err(Error::Taken("id")));
        let unnumbered = |auth_key: &str| App { auth_key: auth_key.into(), ..app(0) };
        assert_eq!(store.apps.add_app(unnumbered("a")).await.unwrap().id, 1);
        assert_eq!(store.apps.add_app(unnumbered("b")).await.unwrap().id, 3);
        let ids = |apps: Vec<App>| apps.into_iter().map(|app| app.id).collect::<Vec<_>>();
        assert_eq!(ids(store.apps.apps(0, 10).await.unwrap()), [1, 2, 3]);
        assert_eq!(ids(store.apps.apps(1, 1).await.unwrap()), [2]);
        assert_eq!(store.apps.app(2).await.unwrap().map(|kept| kept.row), Some(app(2)));
        assert_eq!(store.apps.app(9).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_auth_key_belongs_to_one_app() {
    on_each_engine(async |store| {
        store.apps.add_app(app(2)).await.unwrap();
        for id in [0, 3] {
            let same = App { id, ..app(2) };
            assert_eq!(store.apps.add_app(same).await, Err(Error::Taken("auth_key")));
        }
        assert_eq!(store.apps.app_with_key("key 2").await.unwrap(), Some(2));
        assert_eq!(store.apps.app_with_key("key").await.unwrap(), None);
        assert_eq!(store.apps.apps(0, 10).await.unwrap().len(), 1, "the refused ones left nothing");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_stays_its_apps_until_it_is_given_up() {
    on_each_engine(async |store| {
        store.apps.add_app(app(2)).await.unwrap();
        let previous = PreviousKeys { auth_key: "key 2".into(), auth_secret: "s".into(), until: 9 };
        let rotated = App { auth_key: "new".into(), previous: Some(previous), ..app(2) };
        let after = store.apps.change_app(&kept(&store, 2).await, rotated.clone(), None).await.unwrap();
        for key in ["new", "key 2"] {
            assert_eq!(store.apps.app_with_key(key).await, Ok(Some(2)));
            let other = App { auth_key: key.into(), ..app(3) };
            assert_eq!(store.apps.add_app(other).await, Err(Error::Taken("auth_key")));
        }
        assert_eq!(kept(&store, 2).await.row, rotated);
        let after = store.apps.change_app(&after, App { previous: None, ..rotated.clone() }, None).await.unwrap();
        assert_eq!(store.apps.app_with_key("key 2").await, Ok(None));
        let after = store.apps.change_app(&after, rotated, None).await.unwrap();
        store.apps.change_app(&after, App { id: 2, ..App::default() }, None).await.unwrap();
        for key in ["new", "key 2"] {
            assert_eq!(store.apps.app_with_key(key).await, Ok(None), "of an erased app");
        }
    })
    .await;
}

#[tokio::test]
async fn an_app_is_replaced_by_who_saw_it_last() {
    on_each_engine(async |store| {
        store.apps.add_app(app(2)).await.unwrap();
        let before = store.apps.app(2).await.unwrap().unwrap();
        let titled = |title: &str| App { title: title.into(), ..app(2) };
        let after = store.apps.change_app(&before, titled("one"), None).await.unwrap();
        assert_eq!(store.apps.change_app(&before, titled("two"), None).await.unwrap_err(), Error::Changed);
        assert_eq!(store.apps.app(2).await.unwrap(), Some(after));
        assert_eq!(store.apps.app_with_key("key 2").await.unwrap(), Some(2));
    })
    .await;
}

#[tokio::test]
async fn a_name_belongs_to_one_app_until_it_is_taken_away() {
    on_each_engine(async |store| {
        let named = |id: u64, chat: &str, api: &str| App { chat_host: chat.into(), api_host: api.into(), ..app(id) };
        for id in [2, 3] {
            store.apps.add_app(app(id)).await.unwrap();
        }
        let (two, three) = (kept(&store, 2).await, kept(&store, 3).await);
        let two = store.apps.change_app(&two, named(2, "c.example", "a.example"), None).await.unwrap();
        for (chat, api, field) in
            [("c.example", "", "chat_host"), ("a.example", "", "chat_host"), ("x.example", "c.example", "api_host")]
        {
            let taken = store.apps.change_app(&three, named(3, chat, api), None).await;
            assert_eq!(taken.unwrap_err(), Error::Taken(field));
            assert_eq!(store.apps.add_app(named(4, chat, api)).await.unwrap_err(), Error::Taken(field));
        }
        assert_eq!((kept(&store, 3).await, store.apps.app_with_host("x.example").await.unwrap()), (three.clone(), None));

        // One name for both doors, and the other way round, are names of the same app.
        let two = store.apps.change_app(&two, named(2, "a.example", "c.example"), None).await.unwrap();
        let two = store.apps.change_app(&two, named(2, "a.example", "a.example"), None).await.unwrap();
        assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), Some(2));
        assert_eq!(store.apps.app_with_host("c.example").await.unwrap(), None, "free again");
        let three = store.apps.change_app(&three, named(3, "c.example", ""), None).await.unwrap();
        store.apps.change_app(&two, App { id: 2, ..App::default() }, None).await.unwrap();
        assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), None, "of an erased app");
        store.apps.change_app(&three, named(3, "c.example", "a.example"), None).await.unwrap();
        assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), Some(3));
        assert_eq!(store.apps.add_app(named(5, "f.example", "")).await.unwrap().id, 5);
        assert_eq!(store.apps.app_with_host("f.example").await.unwrap(), Some(5));
    })
    .await;
}

#[tokio::test]
async fn of_two_apps_that_want_one_name_one_gets_it() {
    on_each_engine(async |store| {
        for id in [2, 3] {
            store.apps.add_app(app(id)).await.unwrap();
        }
        let (two, three) = (kept(&store, 2).await, kept(&store, 3).await);
        let named = |id: u64| App { chat_host: "c.example".into(), ..app(id) };
        let (first, second) =
            tokio::join!(store.apps.change_app(&two, named(2), None), store.apps.change_app(&three, named(3), None));
        let refused = match (first, second) {
            (Ok(_), refused) | (refused, Ok(_)) => refused,
            both => panic!("{both:?}"),
        };
        assert_eq!(refused.unwrap_err(), Error::Taken("chat_host"));
    })
    .await;
}

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
