//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_bus::Log;
use natter_db::{Kv, KvOptions, Table};
use natter_proto::event::v1::Posted;
use natter_proto::push::v1::Event;
use prost::Message;

use super::{Embedded, Error, Events};

const PLENTY: usize = 100;

#[tokio::test]
async fn an_event_is_kept_and_the_log_is_told_of_it() {
    on_each_engine(async |kv, log| {
        let events = Embedded::new(kv, log.clone());
        events.put(&event(34, 7, 10), PLENTY, 10).await.unwrap();
        assert_eq!(events.get(1, 7).await, Ok(Some(event(34, 7, 10))));
        assert_eq!((events.get(2, 7).await, events.get(1, 8).await), (Ok(None), Ok(None)));
        let told = log.read(1, 9).await.unwrap();
        assert_eq!(Posted::decode(told[0].value.clone()).unwrap(), Posted { event: 7, ..Posted::default() });
        events.remove(&event(34, 7, 10)).await.unwrap();
        assert_eq!((events.get(1, 7).await, events.of_maker(1, 34, 0, 9).await), (Ok(None), Ok((vec![], 0))));
    })
    .await;
}

#[tokio::test]
async fn a_maker_sees_his_own_newest_first_page_by_page() {
    on_each_engine(async |kv, log| {
        let events = Embedded::new(kv, log);
        for (user, id) in [(34, 1), (34, 2), (35, 3), (34, 4)] {
            events.put(&event(user, id, 10), PLENTY, 10).await.unwrap();
        }
        assert_eq!(events.of_maker(1, 34, 0, 2).await, Ok((vec![event(34, 4, 10), event(34, 2, 10)], 3)));
        assert_eq!(events.of_maker(1, 34, 2, 2).await, Ok((vec![event(34, 1, 10)], 3)));
        assert_eq!(events.of_maker(1, 34, 3, 2).await, Ok((vec![], 3)));
    })
    .await;
}

#[tokio::test]
async fn one_more_than_there_may_be_takes_away_the_oldest_whose_time_has_come() {
    on_each_engine(async |kv, log| {
        let events = Embedded::new(kv, log.clone());
        for (id, at) in [(1, 10), (2, 99), (3, 10)] {
            events.put(&event(34, id, at), 2, 10).await.unwrap();
        }
        assert_eq!(events.of_maker(1, 34, 0, 9).await.unwrap().0, [event(34, 3, 10), event(34, 2, 99)]);
        assert_eq!(events.put(&event(34, 4, 10), 2, 98).await, Err(Error::Full(2)), "the oldest waits for its time");
        assert_eq!((events.get(1, 4).await, log.read(1, 9).await.unwrap().len()), (Ok(None), 3));
        events.put(&event(34, 4, 10), 2, 99).await.unwrap();
        events.put(&event(35, 5, 10), 2, 0).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn old_ones_go_and_of_a_maker_or_an_app_nothing_is_left() {
    on_each_engine(async |kv, log| {
        let events = Embedded::new(kv, log);
        for (user, id, at) in [(34, 1, 10), (34, 2, 20), (35, 3, 20), (34, 4, 20)] {
            events.put(&event(user, id, at), PLENTY, 10).await.unwrap();
        }
        assert_eq!((events.sweep(None, 20).await, events.of_maker(1, 34, 0, 9).await.unwrap().1), (Ok(None), 2));
        assert_eq!((events.erase(1, Some(34), 1).await, events.erase(1, Some(34), 9).await), (Ok(1), Ok(1)));
        assert_eq!((events.erase(1, Some(34), 9).await, events.get(1, 4).await), (Ok(0), Ok(None)));
        assert_eq!((events.erase(2, None, 9).await, events.erase(1, None, 9).await), (Ok(0), Ok(1)));
        assert_eq!((events.get(1, 3).await, events.of_maker(1, 35, 0, 9).await), (Ok(None), Ok((vec![], 0))));
    })
    .await;
}

async fn on_each_engine(case: impl AsyncFn(Kv, Log)) {
    let log = |kv: &Kv| Log::embedded(kv.clone(), Table("posted"), 100);
    let kv = Kv::memory();
    case(kv.clone(), log(&kv)).await;
    let folder = tempfile::tempdir().unwrap();
    let kv = Kv::open(folder.path(), KvOptions::default()).unwrap();
    case(kv.clone(), log(&kv)).await;
}

fn event(user: u64, id: u64, at: i64) -> Event {
    Event { app: 1, user, id, at, message: "e30=".into(), ..Event::default() }
}
