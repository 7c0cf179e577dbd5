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
mod cassandra_apps;
mod erasures;
mod operators;
mod reports;
mod sign_ins;
mod tokens;

use std::future::Future;
use std::path::Path;

use natter_db::{Kv, KvOptions};
use natter_proto::account::v1::{App, User};

use super::{Along, Error, Kept, Store, TokenChange, TokenRow, UserRow};
use crate::name::Name;
use crate::reset::ResetRow;
use crate::token::TokenKey;
use crate::verifier::Verifier;

#[tokio::test]
async fn guests_are_found_when_their_time_is_over() {
    on_each_engine(async |store| {
        let guest =
            |id: u64, guest_until: i64| UserRow { user: named(id, &format!("guest {id}")), guest_until, ..UserRow::default() };
        for (id, until) in [(7, 300), (8, 100), (9, 200)] {
            store.users.add_user(guest(id, until), None).await.unwrap();
        }
        store.users.add_user(ann(6), None).await.unwrap();
        assert_eq!(store.users.guests_over(99, 9).await.unwrap(), []);
        assert_eq!(store.users.guests_over(200, 9).await.unwrap(), [(1, 8), (1, 9)]);
        assert_eq!(store.users.guests_over(900, 1).await.unwrap(), [(1, 8)]);
        let before = store.users.users(1, &[8]).await.unwrap().remove(0).unwrap();
        assert_eq!(before.row.guest_until, 100);
        let gone = UserRow { user: User { id: 8, app: 1, ..User::default() }, deleted: true, ..UserRow::default() };
        store.users.change_user(&before, gone, Along::default()).await.unwrap();
        assert_eq!(store.users.guests_over(200, 9).await.unwrap(), [(1, 9)]);
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
async fn of_two_users_with_one_name_one_is_added() {
    on_each_engine(async |store| {
        let (first, second) = tokio::join!(store.users.add_user(ann(7), None), store.users.add_user(ann(8), None));
        let (winner, refused) = match (first, second) {
            (Ok(_), refused) => (7, refused),
            (refused, Ok(_)) => (8, refused),
            both => panic!("{both:?}"),
        };
        assert_eq!(refused.unwrap_err(), Error::Taken("login"));
        assert_eq!(store.users.holder(1, &Name::login("ann")).await.unwrap(), Some(winner));
        let rows = store.users.users(1, &[7, 8]).await.unwrap();
        assert_eq!(rows.iter().flatten().count(), 1, "the loser left nothing");
        let elsewhere = UserRow { user: User { app: 2, ..ann(9).user }, ..UserRow::default() };
        assert!(store.users.add_user(elsewhere, None).await.is_ok(), "another app has its own names");
    })
    .await;
}

#[tokio::test]
async fn a_change_moves_the_names_and_meets_other_writers() {
    on_each_engine(async |store| {
        let before = store.users.add_user(ann(7), None).await.unwrap();
        store.users.add_user(UserRow { user: named(8, "ben"), ..UserRow::default() }, None).await.unwrap();
        let taken =
            store.users.change_user(&before, UserRow { user: named(7, "ben"), ..UserRow::default() }, Along::default()).await;
        assert_eq!(taken.unwrap_err(), Error::Taken("login"));

        let cat = UserRow { user: named(7, "cat"), ..UserRow::default() };
        let after = store.users.change_user(&before, cat.clone(), Along::default()).await.unwrap();
        assert_eq!(store.users.change_user(&before, cat, Along::default()).await.unwrap_err(), Error::Changed);
        assert_eq!(store.users.holder(1, &Name::login("ann")).await.unwrap(), None, "free again");
        assert_eq!(store.users.holder(1, &Name::login("cat")).await.unwrap(), Some(7));
        assert_eq!(store.users.users(1, &[7, 9]).await.unwrap(), [Some(after), None]);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_user_frees_its_names_and_keeps_its_id() {
    on_each_engine(async |store| {
        let before = store.users.add_user(ann(7), Some(verifier())).await.unwrap();
        assert_eq!(store.users.verifier(1, 7).await.unwrap(), Some(verifier()));
        let reset = |hash: u8| ResetRow { hash: vec![hash; 32], password_version: 3, expires_at: 5 };
        store.users.put_reset(1, 7, reset(1)).await.unwrap();
        store.users.put_reset(1, 7, reset(2)).await.unwrap();
        assert_eq!(store.users.reset(1, 7).await.unwrap(), Some(reset(2)), "the latest one");
        let gone = UserRow { user: User { id: 7, app: 1, ..User::default() }, deleted: true, ..UserRow::default() };
        store.users.change_user(&before, gone, Along::default()).await.unwrap();
        assert_eq!(store.users.verifier(1, 7).await.unwrap(), None);
        assert_eq!(store.users.reset(1, 7).await.unwrap(), None);
        assert!(store.users.add_user(ann(8), None).await.is_ok());
        let again = store.users.add_user(UserRow { user: named(7, "dan"), ..UserRow::default() }, None).await;
        assert_eq!(again.unwrap_err(), Error::Taken("id"));
        assert_eq!(store.users.holder(1, &Name::login("dan")).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_replaced_by_who_saw_them_last() {
    on_each_engine(async |store| {
        store.users.add_user(ann(7), None).await.unwrap();
        let (key, opened) = (TokenKey([1; 32]), TokenRow { app: 1, expires_at: 10, ..TokenRow::default() });
        let before = store.tokens.add_token(&key, opened, 5).await.unwrap();
        let signed_in = TokenRow { user: 7, ..before.row.clone() };
        let after = store.tokens.change_token(&key, &before, signed_in.clone(), 6).await.unwrap();
        let late = store.tokens.change_token(&key, &before, signed_in, 7).await;
        assert_eq!(late.unwrap_err(), Error::Changed);
        assert_eq!(store.tokens.end_token_if(&key, &before).await.unwrap_err(), Error::Changed);
        assert_eq!(store.tokens.token(&key).await.unwrap(), Some(after.clone()));
        assert_eq!(last_request(&store.users.users(1, &[7]).await.unwrap()), 6);

        store.tokens.end_token(&key).await.unwrap();
        assert_eq!(store.tokens.token(&key).await.unwrap(), None);
        let revived = store.tokens.change_token(&key, &after, after.row.clone(), 8).await;
        assert_eq!(revived.unwrap_err(), Error::Changed, "what was ended stays ended");
    })
    .await;
}

#[tokio::test]
async fn a_user_changes_together_with_a_token_or_not_at_all() {
    on_each_engine(async |store| {
        let before = store.users.add_user(ann(7), None).await.unwrap();
        let key = TokenKey([1; 32]);
        let opened = store.tokens.add_token(&key, TokenRow { app: 1, user: 7, ..TokenRow::default() }, 5).await.unwrap();
        let later = TokenRow { password_version: 2, ..opened.row.clone() };
        let along = || Along { token: Some(TokenChange { key, before: &opened, after: later.clone() }), ..Along::default() };
        let cat = UserRow { user: named(7, "cat"), password_version: 2, ..UserRow::default() };
        let after = store.users.change_user(&before, cat.clone(), along()).await.unwrap();
        assert_eq!(store.tokens.token(&key).await.unwrap().unwrap().row, later);

        let dan = UserRow { user: named(7, "dan"), ..cat };
        assert_eq!(store.users.change_user(&after, dan, along()).await.unwrap_err(), Error::Changed, "the token has changed");
        assert_eq!(store.users.holder(1, &Name::login("dan")).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn users_are_read_in_pages_of_their_app() {
    on_each_engine(async |store| {
        for (app, id) in [(1, 300), (1, 2), (2, 1), (1, 9)] {
            let user = User { app, ..named(id, &format!("user {id}")) };
            store.users.add_user(UserRow { user, revision: id, ..UserRow::default() }, None).await.unwrap();
        }
        let token = TokenRow { app: 1, user: 9, ..TokenRow::default() };
        store.tokens.add_token(&TokenKey([1; 32]), token, 44).await.unwrap();
        let mut seen = Vec::new();
        let mut after = 0;
        while let Some(row) = store.users.user_page(1, after, 1).await.unwrap().pop() {
            after = row.user.id;
            seen.push((row.user.id, row.revision, row.user.last_request_at));
        }
        assert_eq!(seen, [(2, 2, 0), (9, 9, 44), (300, 300, 0)]);
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
