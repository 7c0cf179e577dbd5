//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures::future::join_all;
use natter_actor::Clock;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::Subscription;

use super::{Error, Subscriptions, TABLES, open};
use crate::stamps::Stamps;

const PLENTY: u64 = 1_000;

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
    what_was_put_comes_back_by_user_until_it_is_removed
    of_two_who_change_the_same_one_is_told_to_read_again
    who_read_before_somebody_ended_all_and_began_anew_reads_again
    however_many_come_at_once_the_count_is_exact_and_under_its_limit
    of_many_users_each_is_found
    blocks_of_ids_do_not_overlap
}

async fn what_was_put_comes_back_by_user_until_it_is_removed(store: &dyn Subscriptions, app: u64) {
    let empty = store.of_user(app, 34).await.unwrap();
    assert_eq!(empty.rows, []);
    store.change(&empty, vec![row(app, 34, 1), row(app, 34, 2)], PLENTY).await.unwrap();
    let other = store.of_user(app, 35).await.unwrap();
    store.change(&other, vec![row(app, 35, 3)], PLENTY).await.unwrap();
    let kept = store.of_user(app, 34).await.unwrap();
    assert_eq!(kept.rows, [row(app, 34, 1), row(app, 34, 2)]);
    assert_eq!(
        store.of_users(app, &[35, 9, 34]).await.unwrap(),
        [vec![row(app, 35, 3)], vec![], vec![row(app, 34, 1), row(app, 34, 2)]]
    );
    assert_eq!((store.users_of(app, 9).await.unwrap(), store.users_of(app, 1).await.unwrap()), (vec![34, 35], vec![34]));
    assert_eq!((store.count(app).await, store.of_user(app + 1, 34).await.unwrap().rows), (Ok(3), vec![]));
    store.change(&kept, vec![], PLENTY).await.unwrap();
    assert_eq!((store.count(app).await, store.users_of(app, 9).await.unwrap()), (Ok(1), vec![35]));
}

async fn of_two_who_change_the_same_one_is_told_to_read_again(store: &dyn Subscriptions, app: u64) {
    let before = store.of_user(app, 34).await.unwrap();
    let both = join_all([1, 2].map(|id| store.change(&before, vec![row(app, 34, id)], PLENTY))).await;
    assert_eq!(both.iter().filter(|outcome| **outcome == Err(Error::Changed)).count(), 1, "{both:?}");
    assert_eq!((store.of_user(app, 34).await.unwrap().rows.len(), store.count(app).await), (1, Ok(1)));
}

async fn however_many_come_at_once_the_count_is_exact_and_under_its_limit(store: &dyn Subscriptions, app: u64) {
    let add = async |user| {
        let before = store.of_user(app, user).await.unwrap();
        store.change(&before, vec![row(app, user, user)], 12).await
    };
    let outcomes = join_all((1..=40).map(add)).await;
    let (added, full): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(added.len(), 12);
    assert!(full.into_iter().all(|outcome| outcome == Err(Error::Full)));
    assert_eq!((store.count(app).await, store.users_of(app, 99).await.unwrap().len()), (Ok(12), 12));
    // A replacement needs no room.
    let user = store.users_of(app, 1).await.unwrap()[0];
    let before = store.of_user(app, user).await.unwrap();
    store.change(&before, vec![row(app, user, 99)], 12).await.unwrap();
    store.forget_count(app).await.unwrap();
    assert_eq!(store.count(app).await, Ok(0));
}

async fn who_read_before_somebody_ended_all_and_began_anew_reads_again(store: &dyn Subscriptions, app: u64) {
    let empty = store.of_user(app, 34).await.unwrap();
    store.change(&empty, vec![row(app, 34, 1)], PLENTY).await.unwrap();
    let first = store.of_user(app, 34).await.unwrap();
    store.change(&first, vec![], PLENTY).await.unwrap();
    assert_eq!(store.change(&first, vec![], PLENTY).await, Err(Error::Changed), "there is nothing to end");
    let empty = store.of_user(app, 34).await.unwrap();
    store.change(&empty, vec![row(app, 34, 2)], PLENTY).await.unwrap();
    assert_eq!(store.change(&first, vec![row(app, 34, 3)], PLENTY).await, Err(Error::Changed));
    assert_eq!(store.change(&empty, vec![row(app, 34, 3), row(app, 34, 4)], PLENTY).await, Err(Error::Changed));
    assert_eq!((store.of_user(app, 34).await.unwrap().rows, store.count(app).await), (vec![row(app, 34, 2)], Ok(1)));
}

async fn of_many_users_each_is_found(store: &dyn Subscriptions, app: u64) {
    let users: Vec<u64> = (1..=60).map(|n| n * 100).collect();
    let add = async |user| {
        let before = store.of_user(app, user).await.unwrap();
        store.change(&before, vec![row(app, user, user)], PLENTY).await.unwrap();
    };
    join_all(users.iter().map(|user| add(*user))).await;
    let found = store.of_users(app, &users).await.unwrap();
    assert_eq!(found, users.iter().map(|user| vec![row(app, *user, *user)]).collect::<Vec<_>>());
    let mut all = store.users_of(app, 99).await.unwrap();
    all.sort_unstable();
    assert_eq!((all, store.users_of(app, 7).await.unwrap().len()), (users, 7));
    assert_eq!(store.users_of(app + 1, 99).await, Ok(vec![]), "of another app");
}

async fn blocks_of_ids_do_not_overlap(store: &dyn Subscriptions, _: u64) {
    let blocks = join_all((0..8).map(|_| store.take_block(10))).await;
    let mut firsts: Vec<u64> = blocks.into_iter().map(|block| block.unwrap()).map(|block| block.start).collect();
    firsts.sort_unstable();
    assert!(firsts[0] >= 1 && firsts.windows(2).all(|two| two[1] - two[0] >= 10), "{firsts:?}");
}

fn opened(db: &Db) -> Box<dyn Subscriptions> {
    open(db, &Arc::new(Stamps::new(7)), &Clock::system())
}

fn row(app: u64, user: u64, id: u64) -> Subscription {
    Subscription { app, user, id, udid: "device-1".into(), token: format!("t{id}"), ..Subscription::default() }
}
