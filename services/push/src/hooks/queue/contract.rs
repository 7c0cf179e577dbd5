//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions};
use natter_proto::push::v1::WebhookDelivery;

use super::{Filled, Queue, Shelf, Step, TABLES, open};
use crate::hooks::Place;

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&super::Kv::memory().into(), 1).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(&super::Kv::open(folder.path(), super::KvOptions::default()).unwrap().into(), 1).await;
            }
        })*

        // One keyspace for all, which is slow to make: each case has apps of its own.
        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn on_cassandra_too() {
            on_cassandra(&[TABLES], async |cql| {
                let (db, mut app) = (cql.into(), 0);
                $(
                    app += 100;
                    $case(&db, app).await;
                )*
            })
            .await;
        }
    }
}

on_each_engine! {
    what_waits_is_read_in_the_order_of_numbers_until_it_goes
    what_is_parked_lies_apart_and_may_wait_again
    what_is_kept_is_counted_and_found_by_the_next_process
    of_one_that_is_forgotten_nothing_is_left_and_of_others_all
}

/// About half an hour of numbers: what lies next to each other lies in different hours.
const STEP: u64 = 31 * 60 * 1_000_000;
const END: u64 = 100 * STEP;

async fn what_waits_is_read_in_the_order_of_numbers_until_it_goes(db: &Db, app: u64) {
    let queue = open(db);
    put(&*queue, (app, 1), Shelf::Waiting, &[3, 1, 2, 5, 4]).await;
    put(&*queue, (app, 2), Shelf::Waiting, &[9]).await;
    assert_eq!(read(&*queue, (app, 1), Shelf::Waiting, 0, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(read(&*queue, (app, 1), Shelf::Waiting, 0, 2).await, [1, 2], "as many as asked for");
    assert_eq!(read(&*queue, (app, 1), Shelf::Waiting, 2, 9).await, [3, 4, 5], "above a number");
    take_away(&*queue, (app, 1), Shelf::Waiting, &[1, 3]).await;
    take_away(&*queue, (app, 1), Shelf::Waiting, &[1]).await;
    assert_eq!(read(&*queue, (app, 1), Shelf::Waiting, 0, 9).await, [2, 4, 5]);
    assert_eq!(read(&*queue, (app, 2), Shelf::Waiting, 0, 9).await, [9], "of another webhook");
    assert_eq!(read(&*queue, (app + 1, 1), Shelf::Waiting, 0, 9).await, [0; 0], "of another app");
}

async fn what_is_parked_lies_apart_and_may_wait_again(db: &Db, app: u64) {
    let (queue, place) = (open(db), (app, 1));
    put(&*queue, place, Shelf::Waiting, &[1, 2, 3]).await;
    let parked = WebhookDelivery { parked_at: 7, ..delivery(1) };
    let gone = vec![(Shelf::Waiting, parked.number)];
    let step = Step { put: vec![(Shelf::Parked, parked.clone())], gone };
    // Taken again, it has the effect of one.
    for _ in 0..2 {
        queue.take(place, step.clone()).await.unwrap();
        assert_eq!(read(&*queue, place, Shelf::Waiting, 0, 9).await, [2, 3]);
        assert_eq!(queue.read(place, Shelf::Parked, 0, END, 9).await.unwrap(), std::slice::from_ref(&parked));
    }
    let put = vec![(Shelf::Waiting, delivery(9))];
    queue.take(place, Step { put, gone: vec![(Shelf::Parked, parked.number)] }).await.unwrap();
    assert_eq!(read(&*queue, place, Shelf::Waiting, 0, 9).await, [2, 3, 9]);
    assert_eq!(read(&*queue, place, Shelf::Parked, 0, 9).await, [0; 0]);
    queue.take(place, Step::default()).await.unwrap();
}

async fn what_is_kept_is_counted_and_found_by_the_next_process(db: &Db, app: u64) {
    let (first, place) = (open(db), (app, 1));
    assert_eq!(first.filled(place, Shelf::Waiting, END).await.unwrap(), Filled::default());
    put(&*first, place, Shelf::Waiting, &(2..=30).collect::<Vec<_>>()).await;
    put(&*first, place, Shelf::Parked, &[1]).await;
    let next = open(db);
    let filled = |count, first, last| Filled { count, first: first * STEP, last: last * STEP };
    assert_eq!(next.filled(place, Shelf::Waiting, END).await.unwrap(), filled(29, 2, 30));
    assert_eq!(next.filled(place, Shelf::Parked, END).await.unwrap(), filled(1, 1, 1));
    take_away(&*next, place, Shelf::Waiting, &(2..=20).collect::<Vec<_>>()).await;
    for _ in 0..2 {
        assert_eq!(next.filled(place, Shelf::Waiting, END).await.unwrap(), filled(10, 21, 30), "empty hours are none");
    }
    assert_eq!(read(&*next, place, Shelf::Waiting, 0, 2).await, [21, 22]);
}

async fn of_one_that_is_forgotten_nothing_is_left_and_of_others_all(db: &Db, app: u64) {
    let queue = open(db);
    for place in [(app, 1), (app, 2)] {
        put(&*queue, place, Shelf::Waiting, &[1, 2, 3]).await;
        put(&*queue, place, Shelf::Parked, &[4]).await;
    }
    let mut went = 0;
    for _ in 0..9 {
        went += queue.clear((app, 1), END, 2).await.unwrap();
    }
    assert_eq!(went, 4);
    for shelf in [Shelf::Waiting, Shelf::Parked] {
        assert_eq!(queue.filled((app, 1), shelf, END).await.unwrap(), Filled::default());
    }
    assert_eq!(read(&*queue, (app, 2), Shelf::Waiting, 0, 9).await, [1, 2, 3]);
    assert_eq!(read(&*queue, (app, 2), Shelf::Parked, 0, 9).await, [4]);
}

async fn put(queue: &dyn Queue, place: Place, shelf: Shelf, numbers: &[u64]) {
    let put = numbers.iter().map(|number| (shelf, delivery(*number))).collect();
    queue.take(place, Step { put, gone: Vec::new() }).await.unwrap();
}

async fn take_away(queue: &dyn Queue, place: Place, shelf: Shelf, numbers: &[u64]) {
    let gone = numbers.iter().map(|number| (shelf, number * STEP)).collect();
    queue.take(place, Step { put: Vec::new(), gone }).await.unwrap();
}

async fn read(queue: &dyn Queue, place: Place, shelf: Shelf, above: u64, limit: usize) -> Vec<u64> {
    let found = queue.read(place, shelf, above * STEP, END, limit).await.unwrap();
    found.iter().map(|row| row.number / STEP).collect()
}

fn delivery(number: u64) -> WebhookDelivery {
    WebhookDelivery { number: number * STEP, id: format!("msg_{number}"), dialog: vec![7; 12], ..WebhookDelivery::default() }
}
