//! The ways of messages: kept as they are told, found by who asks, gone after a day.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_bus::Payload;
use natter_proto::erasure::v1::EraseRequest;
use natter_proto::push::v1::eraser_client::EraserClient;
use natter_proto::subject::Subject;
use natter_proto::trace::v1::traces_client::TracesClient;
use natter_proto::trace::v1::{Hop, Hops, Kind, OfRequest, SwitchRequest, SwitchedRequest, Switches};
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};

use crate::kit::*;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
const TOLD_EVERY_MS: i64 = 2_000;

#[tokio::test(start_paused = true)]
async fn hops_are_kept_for_a_day() {
    let door = Door::start();
    door.pass(0).await;
    tell(&door, vec![hop(Kind::Ordered, 1), hop(Kind::Stored, 2)]);
    tell(&door, vec![hop(Kind::Written, 3)]);
    door.pass(0).await;
    let kinds = |hops: Vec<Hop>| hops.iter().map(Hop::kind).collect::<Vec<_>>();
    assert_eq!(kinds(of(&door, 0).await.unwrap()), [Kind::Ordered, Kind::Stored, Kind::Written]);
    assert_eq!(of(&door, 0).await, of(&door, 5).await, "by its id, and by its place");
    assert_eq!(of(&door, 6).await.unwrap_err().code, Code::NotFound);
    tokio::time::advance(Duration::from_millis(25 * HOUR_MS as u64)).await;
    door.pass(11_000).await;
    assert_eq!(of(&door, 0).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_the_ways_of_a_user_or_an_app() {
    let door = Door::start();
    door.pass(0).await;
    tell(&door, vec![hop(Kind::Ordered, 1), Hop { user: BOB, ..hop(Kind::Written, 2) }]);
    door.pass(0).await;
    switch(&door, START_MS + HOUR_MS).await.unwrap();
    assert_eq!(erase(&door, BOB).await, 1);
    assert_eq!(of(&door, 0).await.unwrap(), [hop(Kind::Ordered, 1)]);
    assert_eq!(erase(&door, 0).await, 1);
    assert_eq!((of(&door, 0).await.unwrap_err().code, switched(&door).await), (Code::NotFound, 0));
}

#[tokio::test(start_paused = true)]
async fn an_app_is_switched_on_until_its_time_and_that_is_told() {
    let door = Door::start();
    let mut told = door.bus.subscribe(&Subject::Traced.to_string());
    let apps = async |told: &mut natter_bus::Subscription| told.next().await.unwrap().read::<Switches>().unwrap().apps.clone();
    assert_eq!((apps(&mut told).await, switched(&door).await), (vec![], 0));
    assert_eq!(switch(&door, START_MS + HOUR_MS).await, Ok(START_MS + HOUR_MS));
    assert_eq!((apps(&mut told).await, switched(&door).await), (vec![APP], START_MS + HOUR_MS));
    assert_eq!(apps(&mut told).await, [APP], "again and again");
    tokio::time::advance(Duration::from_millis(HOUR_MS as u64)).await;
    assert_eq!((apps(&mut told).await, switched(&door).await), (vec![], 0));
    assert_eq!(switch(&door, i64::MAX).await, Ok(START_MS + HOUR_MS + TOLD_EVERY_MS + WEEK_MS), "a week at most");
    assert_eq!(apps(&mut told).await, [APP]);
    assert_eq!((switch(&door, 0).await, apps(&mut told).await), (Ok(0), vec![]));
}

fn traces(door: &Door) -> TracesClient<Link> {
    TracesClient::new(Link::local(door.service.traces_server(), LinkOptions::default()))
}

fn tell(door: &Door, hops: Vec<Hop>) {
    door.bus.publish(&Subject::Hops.to_string(), Payload::of(Hops { hops }));
}

/// By its place, or with `seq` 0 by its id.
async fn of(door: &Door, seq: u64) -> Result<Vec<Hop>, Failure> {
    let request = OfRequest { app: APP, message: id_of(5), dialog: vec![0xbb; 12], seq };
    Ok(traces(door).of(request).await?.into_inner().hops)
}

async fn switch(door: &Door, until: i64) -> Result<i64, Failure> {
    Ok(traces(door).switch(SwitchRequest { app: APP, until }).await?.into_inner().until)
}

async fn switched(door: &Door) -> i64 {
    traces(door).switched(SwitchedRequest { app: APP }).await.unwrap().into_inner().until
}

async fn erase(door: &Door, user: u64) -> u64 {
    let mut eraser = EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    let (mut after, mut count) = (Vec::new(), 0);
    loop {
        let reply = eraser.erase(EraseRequest { app: APP, user, after }).await.unwrap().into_inner();
        count += reply.erased.iter().filter(|erased| erased.kind == "hops").map(|erased| erased.count).sum::<u64>();
        if reply.next.is_empty() {
            return count;
        }
        after = reply.next;
    }
}

fn hop(kind: Kind, at: i64) -> Hop {
    let message = if kind == Kind::Ordered { id_of(5) } else { Vec::new() };
    let (dialog, at) = (vec![0xbb; 12], START_MS + at);
    Hop { app: APP, dialog, seq: 5, at, kind: kind.into(), node: "n".into(), user: ANN, message, ..Hop::default() }
}
