//! What every engine of the offline queue must do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Kv, Table};
use natter_proto::event::v1::frame::Told as What;
use natter_proto::event::v1::{Frame, Message};
use natter_proto::{AppId, UserId};

use super::embedded::EmbeddedQueue;
use super::{OfflineQueue, cql};
use crate::log::cql::{TABLES, Told};
use crate::options::Options;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn the_embedded_queue_keeps_the_contract_in_memory() {
    let kv = Kv::memory();
    let posted = Log::embedded(kv.clone(), Table("posted"), 100);
    all(Arc::new(EmbeddedQueue::new(kv, &options(), posted.clone())), &posted).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn the_queue_on_cassandra_keeps_the_contract() {
    on_cassandra(&[TABLES, cql::TABLES], async |cql| {
        let posted = Log::embedded(Kv::memory(), Table("posted"), 100);
        let told = Told::new(cql.clone(), posted.clone());
        all(Arc::new(cql::OnCql::new(cql, &options(), told)), &posted).await;
    })
    .await;
}

async fn all(queue: Arc<dyn OfflineQueue>, posted: &Log) {
    frames_have_dense_places_and_the_oldest_go(&*queue).await;
    what_was_dropped_leaves_its_places_used(&*queue).await;
    an_answer_has_a_size_and_old_frames_are_not_in_it(&*queue).await;
    many_at_once_get_places_of_their_own(queue.clone()).await;
    what_is_kept_is_told(&*queue, posted).await;
    a_user_and_an_app_are_erased(&*queue).await;
}

async fn frames_have_dense_places_and_the_oldest_go(queue: &dyn OfflineQueue) {
    assert_eq!(bodies(queue, 1, 0).await, Vec::<String>::new());
    assert_eq!(queue.keep(AppId(5), UserId(1), frames(&["a", "b"]), NOW).await, Ok(1));
    assert_eq!(queue.keep(AppId(5), UserId(1), frames(&["c"]), NOW).await, Ok(3));
    assert_eq!((bodies(queue, 1, 0).await, bodies(queue, 1, 2).await), (list(&["a", "b", "c"]), list(&["c"])));
    assert_eq!(queue.keep(AppId(5), UserId(1), frames(&["d", "e", "f"]), NOW).await, Ok(4));
    assert_eq!(bodies(queue, 1, 0).await, list(&["c", "d", "e", "f"]), "four are kept");
    assert_eq!(queue.keep(AppId(5), UserId(1), frames(&["1", "2", "3", "4", "5", "6"]), NOW).await, Ok(7));
    assert_eq!(bodies(queue, 1, 0).await, list(&["3", "4", "5", "6"]), "also of those that come together");
    assert_eq!(queue.kept(AppId(6), UserId(1), 0, NOW).await.unwrap().upto, 0, "apps are apart");
}

async fn what_was_dropped_leaves_its_places_used(queue: &dyn OfflineQueue) {
    queue.keep(AppId(5), UserId(2), frames(&["a", "b", "c"]), NOW).await.unwrap();
    for _ in 0..2 {
        queue.drop_upto(AppId(5), UserId(2), 2).await.unwrap();
        assert_eq!(bodies(queue, 2, 0).await, list(&["c"]));
    }
    queue.drop_upto(AppId(5), UserId(2), 99).await.unwrap();
    let kept = queue.kept(AppId(5), UserId(2), 0, NOW).await.unwrap();
    assert_eq!((kept.rows.len(), kept.upto), (0, 3));
    assert_eq!(queue.keep(AppId(5), UserId(2), frames(&["d"]), NOW).await, Ok(4));
    assert_eq!(bodies(queue, 2, 0).await, list(&["d"]));
}

async fn an_answer_has_a_size_and_old_frames_are_not_in_it(queue: &dyn OfflineQueue) {
    let long = "x".repeat(150);
    queue.keep(AppId(5), UserId(3), frames(&["old"]), NOW - 31 * DAY).await.unwrap();
    queue.keep(AppId(5), UserId(3), frames(&[&long, &long, "end"]), NOW).await.unwrap();
    let first = queue.kept(AppId(5), UserId(3), 0, NOW).await.unwrap();
    assert_eq!((first.rows.iter().map(|row| row.place).collect::<Vec<_>>(), first.more, first.upto), (vec![2], true, 4));
    let rest = queue.kept(AppId(5), UserId(3), 2, NOW).await.unwrap();
    assert_eq!((rest.rows.iter().map(|row| row.place).collect::<Vec<_>>(), rest.more), (vec![3, 4], false));
}

async fn many_at_once_get_places_of_their_own(queue: Arc<dyn OfflineQueue>) {
    let keeping = (0..8).map(|n| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.keep(AppId(5), UserId(4), frames(&[&n.to_string()]), NOW).await.unwrap() })
    });
    let mut places = Vec::new();
    for kept in keeping.collect::<Vec<_>>() {
        places.push(kept.await.unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (1..=8).collect::<Vec<_>>());
}

async fn what_is_kept_is_told(queue: &dyn OfflineQueue, posted: &Log) {
    let before = posted.read(9, 100).await.unwrap().len();
    queue.keep(AppId(9), UserId(1), frames(&["a", ""]), NOW).await.unwrap();
    assert_eq!(posted.read(9, 100).await.unwrap().len(), before + 1, "what has a body");
}

async fn a_user_and_an_app_are_erased(queue: &dyn OfflineQueue) {
    for user in [1, 2, 3] {
        queue.keep(AppId(7), UserId(user), frames(&["a", "b"]), NOW).await.unwrap();
    }
    assert_eq!(queue.erase(AppId(7), Some(UserId(1)), 100).await, Ok(2));
    assert_eq!(queue.erase(AppId(7), Some(UserId(1)), 100).await, Ok(0));
    while queue.erase(AppId(7), None, 2).await.unwrap() >= 2 {}
    assert_eq!(queue.erase(AppId(7), None, 2).await, Ok(0));
    for user in [1, 2, 3] {
        assert_eq!(queue.kept(AppId(7), UserId(user), 0, NOW).await.unwrap().rows, []);
    }
}

async fn bodies(queue: &dyn OfflineQueue, user: u64, above: u64) -> Vec<String> {
    let kept = queue.kept(AppId(5), UserId(user), above, NOW).await.unwrap();
    let body = |frame: Frame| match frame.told {
        Some(What::Message(message)) => message.body.unwrap(),
        _ => panic!("it was a message"),
    };
    kept.rows.into_iter().map(|row| body(row.frame.unwrap())).collect()
}

fn frames(bodies: &[&str]) -> Vec<Frame> {
    let frame = |body: &&str| {
        let message = Message { body: Some((*body).to_owned()), ..Message::default() };
        Frame { told: Some(What::Message(message)), ..Frame::default() }
    };
    bodies.iter().map(frame).collect()
}

fn list(bodies: &[&str]) -> Vec<String> {
    bodies.iter().map(|body| (*body).to_owned()).collect()
}

fn options() -> Options {
    Options { offline_rows: 4, reply_bytes: 200, ..Options::default() }
}
