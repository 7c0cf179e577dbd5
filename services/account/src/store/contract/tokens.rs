//! Tokens by their user.

use natter_db::{Batch, Kv, Table};

use crate::sign_in::Id;
use crate::store::{Store, TokenRow};
use crate::token::TokenKey;

on_each_engine! {
    the_tokens_of_a_user_are_found_as_long_as_they_are_his
    a_token_is_found_by_the_beginning_of_its_key_and_for_its_user_only
}

async fn the_tokens_of_a_user_are_found_as_long_as_they_are_his(store: Store) {
    for (n, app, user) in [(3, 1, 7), (1, 1, 7), (255, 1, 7), (2, 1, 8), (4, 2, 7), (5, 1, 0)] {
        store.tokens.add_token(&key(n), of(app, user), 0).await.unwrap();
    }
    assert_eq!(all(&store, 1, 7, 10).await, [1, 3, 255]);
    assert_eq!(all(&store, 1, 7, 1).await, [1, 3, 255], "page by page");
    assert_eq!((all(&store, 1, 8, 10).await, all(&store, 2, 7, 10).await), (vec![2], vec![4]));
    assert_eq!(all(&store, 1, 0, 10).await, [0; 0], "nobody's are nobody's");

    let before = store.tokens.token(&key(1)).await.unwrap().unwrap();
    let moved = store.tokens.change_token(&key(1), &before, of(1, 8), 0).await.unwrap();
    assert_eq!((all(&store, 1, 7, 10).await, all(&store, 1, 8, 10).await), (vec![3, 255], vec![1, 2]));
    store.tokens.change_token(&key(1), &moved, of(1, 0), 0).await.unwrap();
    store.tokens.end_token(&key(2)).await.unwrap();
    let three = store.tokens.token(&key(3)).await.unwrap().unwrap();
    store.tokens.end_token_if(&key(3), &three).await.unwrap();
    assert_eq!((all(&store, 1, 7, 10).await, all(&store, 1, 8, 10).await), (vec![255], vec![]));
    store.tokens.end_token(&key(9)).await.unwrap();
}

async fn a_token_is_found_by_the_beginning_of_its_key_and_for_its_user_only(store: Store) {
    store.tokens.add_token(&key(3), of(1, 7), 0).await.unwrap();
    store.tokens.add_token(&key(4), of(1, 0), 0).await.unwrap();
    let found =
        async |app, user, n| store.tokens.token_called(app, user, &Id::of(&key(n))).await.unwrap().map(|(key, _)| key.0[0]);
    assert_eq!(found(1, 7, 3).await, Some(3));
    for (app, user, n) in [(1, 8, 3), (2, 7, 3), (1, 7, 4), (1, 0, 4), (1, 7, 5)] {
        assert_eq!(found(app, user, n).await, None, "{app} {user} {n}");
    }
}

#[tokio::test]
async fn tokens_of_an_earlier_version_are_made_known_once() {
    let kv = Kv::memory();
    let store = Store::embedded(kv.clone());
    for n in 1..=5 {
        store.tokens.add_token(&key(n), of(1, if n == 5 { 0 } else { 7 }), 0).await.unwrap();
    }
    // As an earlier version left it: rows without marks.
    kv.clear(Table("tokens_of"), natter_db::KeyRange::prefix([]), 100).await.unwrap();
    assert_eq!(all(&store, 1, 7, 10).await, [0; 0]);
    let mut after = store.tokens.index_tokens(None, 2).await.unwrap();
    assert!(after == Some(key(2)));
    assert_eq!(all(&store, 1, 7, 10).await, [1, 2]);
    while after.is_some() {
        after = store.tokens.index_tokens(after, 2).await.unwrap();
    }
    assert_eq!(all(&store, 1, 7, 10).await, [1, 2, 3, 4]);
    let mut batch = Batch::new();
    batch.put(Table("tokens"), [1], vec![0xff]);
    kv.commit(batch).await.unwrap();
    assert!(store.tokens.index_tokens(None, 2).await.unwrap().is_none(), "no row is read again");
}

#[tokio::test]
async fn no_mark_outlives_its_user_or_its_app() {
    let kv = Kv::memory();
    let store = Store::embedded(kv.clone());
    let marks = async || kv.scan(Table("tokens_of"), natter_db::KeyRange::prefix([]), 100).await.unwrap().len();
    for (n, app, user) in [(1, 1, 7), (2, 1, 7), (3, 1, 8), (4, 2, 7)] {
        store.tokens.add_token(&key(n), of(app, user), 0).await.unwrap();
    }
    // One whose token is gone.
    kv.clear(Table("tokens"), natter_db::KeyRange::prefix(key(2).0), 1).await.unwrap();
    for (app, user, left) in [(1, 7, 2), (1, 0, 1)] {
        let mut after = Vec::new();
        loop {
            (_, after) = store.erasures.erase_rows(app, user, &after).await.unwrap();
            if after.is_empty() {
                break;
            }
        }
        assert_eq!(marks().await, left, "{app} {user}");
    }
    assert_eq!(all(&store, 2, 7, 10).await, [4]);
}

async fn all(store: &Store, app: u64, user: u64, page: usize) -> Vec<u8> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (rows, next) = store.tokens.tokens_of(app, user, after, page).await.unwrap();
        found.extend(rows.iter().map(|(key, _)| key.0[0]));
        if next.is_none() {
            return found;
        }
        after = next;
    }
}

fn key(n: u8) -> TokenKey {
    TokenKey([n; 32])
}

fn of(app: u64, user: u64) -> TokenRow {
    TokenRow { app, user, expires_at: 10, ..TokenRow::default() }
}
