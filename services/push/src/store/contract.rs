//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use futures::future::join_all;
use natter_db::{Kv, KvOptions};
use natter_proto::push::v1::Subscription;

use super::{Embedded, Error, Subscriptions};

const PLENTY: u64 = 1_000;

#[tokio::test]
async fn what_was_put_comes_back_by_user_until_it_is_removed() {
    on_each_engine(async |store| {
        let empty = store.of_user(1, 34).await.unwrap();
        assert_eq!(empty.rows, []);
        store.change(&empty, vec![row(34, 1), row(34, 2)], PLENTY).await.unwrap();
        let other = store.of_user(1, 35).await.unwrap();
        store.change(&other, vec![row(35, 3)], PLENTY).await.unwrap();
        let kept = store.of_user(1, 34).await.unwrap();
        assert_eq!(kept.rows, [row(34, 1), row(34, 2)]);
        assert_eq!(store.of_users(1, &[35, 9, 34]).await.unwrap(), [vec![row(35, 3)], vec![], vec![row(34, 1), row(34, 2)]]);
        assert_eq!((store.users_of(1, 9).await.unwrap(), store.users_of(1, 1).await.unwrap()), (vec![34, 35], vec![34]));
        assert_eq!((store.count(1).await, store.of_user(2, 34).await.unwrap().rows), (Ok(3), vec![]));
        store.change(&kept, vec![], PLENTY).await.unwrap();
        assert_eq!((store.count(1).await, store.users_of(1, 9).await.unwrap()), (Ok(1), vec![35]));
    })
    .await;
}

#[tokio::test]
async fn of_two_who_change_the_same_one_is_told_to_read_again() {
    on_each_engine(async |store| {
        let before = store.of_user(1, 34).await.unwrap();
        let both = join_all([1, 2].map(|id| store.change(&before, vec![row(34, id)], PLENTY))).await;
        assert_eq!(both.iter().filter(|outcome| **outcome == Err(Error::Changed)).count(), 1, "{both:?}");
        assert_eq!((store.of_user(1, 34).await.unwrap().rows.len(), store.count(1).await), (1, Ok(1)));
    })
    .await;
}

#[tokio::test]
async fn however_many_come_at_once_the_count_is_exact_and_under_its_limit() {
    on_each_engine(async |store| {
        let add = async |user| {
            let before = store.of_user(1, user).await.unwrap();
            store.change(&before, vec![row(user, user)], 12).await
        };
        let outcomes = join_all((1..=40).map(add)).await;
        let (added, full): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(added.len(), 12);
        assert!(full.into_iter().all(|outcome| outcome == Err(Error::Full)));
        assert_eq!((store.count(1).await, store.users_of(1, 99).await.unwrap().len()), (Ok(12), 12));
        // A replacement needs no room.
        let user = store.users_of(1, 1).await.unwrap()[0];
        let before = store.of_user(1, user).await.unwrap();
        store.change(&before, vec![row(user, 99)], 12).await.unwrap();
        store.forget_count(1).await.unwrap();
        assert_eq!(store.count(1).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn blocks_of_ids_do_not_overlap() {
    on_each_engine(async |store| {
        let blocks = join_all((0..8).map(|_| store.take_block(10))).await;
        let firsts: BTreeSet<u64> = blocks.into_iter().map(|block| block.unwrap().start).collect();
        assert_eq!(firsts, BTreeSet::from([1, 11, 21, 31, 41, 51, 61, 71]));
    })
    .await;
}

async fn on_each_engine(case: impl AsyncFn(&dyn Subscriptions)) {
    case(&Embedded::new(Kv::memory())).await;
    let folder = tempfile::tempdir().unwrap();
    case(&Embedded::new(Kv::open(folder.path(), KvOptions::default()).unwrap())).await;
}

fn row(user: u64, id: u64) -> Subscription {
    Subscription { app: 1, user, id, udid: "device-1".into(), token: format!("t{id}"), ..Subscription::default() }
}
