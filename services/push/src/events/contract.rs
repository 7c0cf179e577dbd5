//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_actor::Clock;
use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Kv, KvOptions, Table};
use natter_proto::event::v1::Posted;
use natter_proto::push::v1::Event;
use prost::Message;

use super::{Error, Events, TABLES, open};

const PLENTY: usize = 100;

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                let kv = super::Kv::memory();
                super::$case(kv.clone().into(), super::log_of(kv), 1).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap();
                super::$case(kv.clone().into(), super::log_of(kv), 1).await;
            }
        })*

        // One keyspace for all, which is slow to make: each case has apps of its own.
        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn on_cassandra_too() {
            on_cassandra(&[TABLES], async |cql| {
                let (log, mut app) = (log_of(Kv::memory()), 0);
                $(
                    app += 100;
                    $case(cql.clone().into(), log.clone(), app).await;
                )*
            })
            .await;
        }
    }
}

on_each_engine! {
    an_event_is_kept_and_the_log_is_told_of_it
    a_maker_sees_his_own_newest_first_page_by_page
    one_more_than_there_may_be_takes_away_the_oldest_whose_time_has_come
    of_a_maker_or_an_app_nothing_is_left
}

async fn an_event_is_kept_and_the_log_is_told_of_it(db: Db, log: Log, app: u64) {
    let events = opened(&db, &log);
    events.put(&event(app, 34, 7, 10), PLENTY, 10).await.unwrap();
    assert_eq!(events.get(app, 7).await, Ok(Some(event(app, 34, 7, 10))));
    assert_eq!((events.get(app + 1, 7).await, events.get(app, 8).await), (Ok(None), Ok(None)));
    let told = log.read(app, 9).await.unwrap();
    assert_eq!(Posted::decode(told[0].value.clone()).unwrap(), Posted { event: 7, ..Posted::default() });
    events.remove(&event(app, 34, 7, 10)).await.unwrap();
    assert_eq!((events.get(app, 7).await, events.of_maker(app, 34, 0, 9).await), (Ok(None), Ok((vec![], 0))));
}

async fn a_maker_sees_his_own_newest_first_page_by_page(db: Db, log: Log, app: u64) {
    let events = opened(&db, &log);
    for (user, id) in [(34, 1), (34, 2), (35, 3), (34, 4)] {
        events.put(&event(app, user, id, 10), PLENTY, 10).await.unwrap();
    }
    assert_eq!(events.of_maker(app, 34, 0, 2).await, Ok((vec![event(app, 34, 4, 10), event(app, 34, 2, 10)], 3)));
    assert_eq!(events.of_maker(app, 34, 2, 2).await, Ok((vec![event(app, 34, 1, 10)], 3)));
    assert_eq!(events.of_maker(app, 34, 3, 2).await, Ok((vec![], 3)));
}

async fn one_more_than_there_may_be_takes_away_the_oldest_whose_time_has_come(db: Db, log: Log, app: u64) {
    let events = opened(&db, &log);
    for (id, at) in [(1, 10), (2, 99), (3, 10)] {
        events.put(&event(app, 34, id, at), 2, 10).await.unwrap();
    }
    assert_eq!(events.of_maker(app, 34, 0, 9).await.unwrap().0, [event(app, 34, 3, 10), event(app, 34, 2, 99)]);
    assert_eq!(events.put(&event(app, 34, 4, 10), 2, 98).await, Err(Error::Full(2)), "the oldest waits for its time");
    assert_eq!((events.get(app, 4).await, log.read(app, 9).await.unwrap().len()), (Ok(None), 3));
    events.put(&event(app, 34, 4, 10), 2, 99).await.unwrap();
    events.put(&event(app, 35, 5, 10), 2, 0).await.unwrap();
}

async fn of_a_maker_or_an_app_nothing_is_left(db: Db, log: Log, app: u64) {
    let events = opened(&db, &log);
    for (user, id) in [(34, 2), (35, 3), (34, 4)] {
        events.put(&event(app, user, id, 20), PLENTY, 10).await.unwrap();
    }
    assert_eq!((events.erase(app, Some(34), 1).await, events.erase(app, Some(34), 9).await), (Ok(1), Ok(1)));
    assert_eq!((events.erase(app, Some(34), 9).await, events.get(app, 4).await), (Ok(0), Ok(None)));
    events.put(&event(app, 36, 70, 20), PLENTY, 10).await.unwrap();
    assert_eq!((events.erase(app + 1, None, 9).await, events.erase(app, None, 1).await), (Ok(0), Ok(1)), "a page");
    assert_eq!((events.erase(app, None, 9).await, events.erase(app, None, 9).await), (Ok(1), Ok(0)));
    assert_eq!((events.get(app, 3).await, events.of_maker(app, 35, 0, 9).await), (Ok(None), Ok((vec![], 0))));
}

// Elsewhere they end by themselves.
#[tokio::test]
async fn old_ones_are_swept_from_a_key_value_store() {
    let kv = Kv::memory();
    let events = opened(&kv.clone().into(), &log_of(kv));
    for (id, at) in [(1, 10), (2, 20), (4, 20)] {
        events.put(&event(1, 34, id, at), PLENTY, 10).await.unwrap();
    }
    assert_eq!((events.sweep(None, 20).await, events.of_maker(1, 34, 0, 9).await.unwrap().1), (Ok(None), 2));
}

fn opened(db: &Db, log: &Log) -> Box<dyn Events> {
    open(db, log, &Clock::system(), 7)
}

fn log_of(kv: Kv) -> Log {
    Log::embedded(kv, Table("posted"), 100)
}

fn event(app: u64, user: u64, id: u64, at: i64) -> Event {
    Event { app, user, id, at, message: "e30=".into(), ..Event::default() }
}
