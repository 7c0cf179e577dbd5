//! The contract of a bus. Each test runs on every variant; what only faults do stands below.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use natter_actor::Chance;
use natter_telemetry::Metrics;
use tokio::time::Instant;

use crate::{BYTES_MAX, Bus, Faults, MESSAGES_MAX, NatsOptions, Payload, Subscription};

macro_rules! on_every_bus {
    ($($test:ident)*) => {
        mod nats {
            $(#[tokio::test]
            #[ignore = "needs NATS: cargo xtask test --servers"]
            async fn $test() { super::$test(super::nats().await).await })*
        }
        mod local {
            $(#[tokio::test(start_paused = true)] async fn $test() { super::$test(super::Bus::local()).await })*
        }
        mod faultless {
            $(#[tokio::test(start_paused = true)] async fn $test() {
                let bus = super::Bus::local().faulty(Default::default(), super::Chance::seeded(1));
                super::$test(bus).await
            })*
        }
    };
}

on_every_bus! {
    all_that_listen_hear_in_order_and_nobody_else
    a_subscription_hears_what_comes_after_it_and_leaves_when_dropped
    a_full_subscription_loses_the_newest_alone_and_it_is_counted
    the_bytes_that_wait_are_bounded_too
    a_reader_that_leaves_takes_nothing_along
    what_was_published_is_read_after_the_bus_is_gone
    another_thread_wakes_the_reader
    a_message_is_read_as_it_was_published_and_as_whatever_its_bytes_say
    several_are_published_and_read_together
}

async fn all_that_listen_hear_in_order_and_nobody_else(bus: Bus) {
    let (mut romeo, mut juliet) = (bus.subscribe("natter.told"), bus.clone().subscribe("natter.told"));
    let mut stranger = bus.subscribe("natter.told.other");
    for n in 0..1_000 {
        bus.publish("natter.told", number(n));
    }
    for n in 0..1_000 {
        assert_eq!(romeo.next().await, Some(number(n)));
        assert_eq!(juliet.next().await, Some(number(n)));
    }
    assert_eq!((romeo.next().now_or_never(), stranger.next().now_or_never()), (None, None));
}

async fn a_subscription_hears_what_comes_after_it_and_leaves_when_dropped(bus: Bus) {
    bus.publish("natter.told", number(1));
    let mut late = bus.subscribe("natter.told");
    drop(bus.subscribe("natter.told"));
    bus.publish("natter.told", number(2));
    assert_eq!(late.next().await, Some(number(2)));
    drop(late);
    assert!(bus.topics().listeners("natter.told").is_empty());
}

async fn a_full_subscription_loses_the_newest_alone_and_it_is_counted(bus: Bus) {
    let metrics = Metrics::new();
    bus.observe(&metrics);
    let (mut slow, mut quick) = (bus.subscribe("natter.told"), bus.subscribe("natter.told"));
    for n in 0..MESSAGES_MAX as u64 + 10 {
        bus.publish("natter.told", number(n));
        assert_eq!(quick.next().await, Some(number(n)));
    }
    assert_eq!(bus.dropped(), 10);
    assert!(metrics.encode().contains("natter_bus_dropped_total 10\n"));
    for n in 0..MESSAGES_MAX as u64 {
        assert_eq!(slow.next().await, Some(number(n)));
    }
    bus.publish("natter.told", number(7));
    assert_eq!(slow.next().await, Some(number(7)));
}

async fn the_bytes_that_wait_are_bounded_too(bus: Bus) {
    let mut slow = bus.subscribe("natter.told");
    let half = Payload::from(Bytes::from(vec![0; BYTES_MAX / 2]));
    for _ in 0..2 {
        bus.publish("natter.told", half.clone());
    }
    bus.publish("natter.told", number(1));
    assert_eq!(bus.dropped(), 1);
    assert_eq!(slow.next().await, Some(half));
    bus.publish("natter.told", number(2));
    slow.next().await.unwrap();
    assert_eq!(slow.next().await, Some(number(2)));
}

async fn a_reader_that_leaves_takes_nothing_along(bus: Bus) {
    let mut listener = bus.subscribe("natter.told");
    assert_eq!(listener.next().now_or_never(), None);
    bus.publish("natter.told", number(1));
    assert_eq!(listener.next().await, Some(number(1)));
}

async fn what_was_published_is_read_after_the_bus_is_gone(bus: Bus) {
    let mut listener = bus.subscribe("natter.told");
    bus.publish("natter.told", number(1));
    drop(bus);
    assert_eq!((listener.next().await, listener.next().await), (Some(number(1)), None));
}

async fn another_thread_wakes_the_reader(bus: Bus) {
    let mut listener = bus.subscribe("natter.told");
    let publisher = thread::spawn(move || (0..10_000).for_each(|n| bus.publish("natter.told", number(n))));
    for n in 0..10_000 {
        assert_eq!(listener.next().await, Some(number(n)));
    }
    publisher.join().unwrap();
}

async fn a_message_is_read_as_it_was_published_and_as_whatever_its_bytes_say(bus: Bus) {
    let mut listener = bus.subscribe("natter.told");
    let word = Arc::new(Word { text: "romeo".into() });
    bus.publish("natter.told", Payload::shared(word.clone()));
    let heard = listener.next().await.unwrap();
    assert_eq!(heard.read::<Word>().unwrap(), word);
    assert_eq!(heard.read::<Raw>().unwrap().text, b"romeo");
    bus.publish("natter.told", Bytes::from_static(b"\x0a\x05romeo"));
    assert_eq!(listener.next().await.unwrap().read::<Word>().unwrap(), word);
    bus.publish("natter.told", Bytes::from_static(b"\x0a\x06romeo"));
    assert!(listener.next().await.unwrap().read::<Word>().is_err());
}

async fn several_are_published_and_read_together(bus: Bus) {
    let mut listener = bus.subscribe("natter.told");
    let all: Vec<Payload> = (0..10).map(number).collect();
    bus.publish_all("natter.told", &all[..7]);
    bus.publish_all("natter.told", &all[7..]);
    bus.publish_all("natter.told", &[]);
    let mut heard = listener.next_up_to(4).await.unwrap();
    assert_eq!(heard, all[..4]);
    heard.extend(listener.next_up_to(100).await.unwrap());
    assert_eq!(heard, all);
    assert_eq!(listener.next_up_to(4).now_or_never(), None);
}

// A bus of a process of its own, to the servers that `NATTER_TEST_NATS` names. No other test hears it.
async fn nats() -> Bus {
    let nodes = std::env::var("NATTER_TEST_NATS").expect("NATTER_TEST_NATS names a server");
    let nodes = nodes.split(',').map(str::to_owned).collect();
    let prefix = format!("test-{}", std::process::id());
    Bus::nats(&NatsOptions { nodes, prefix, ..NatsOptions::default() }).await.unwrap()
}

// Publishes until the other side hears: it does so soon after it began to listen, and nobody says when.
async fn heard_by(listener: &mut Subscription, bus: &Bus, subject: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        bus.publish(subject, number(u64::MAX));
        if tokio::time::timeout(Duration::from_millis(50), listener.next()).await.is_ok() {
            return;
        }
        assert!(Instant::now() < patience, "nothing is heard");
    }
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn other_processes_hear_in_order_and_the_publisher_once() {
    let (here, there) = (nats().await, nats().await);
    let subject = "natter.order";
    let (mut own, mut others) = (here.subscribe(subject), there.subscribe(subject));
    heard_by(&mut others, &here, subject).await;
    while own.next().now_or_never().is_some() {}
    let mut stranger = there.subscribe(&format!("{subject}.other"));
    for n in 0..10_000 {
        here.publish(subject, number(n));
    }
    let numbers = async |listener: &mut Subscription| {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&number(9_999)) {
            numbers.push(listener.next().await.unwrap());
        }
        // What was said to be heard at all may still come.
        numbers.retain(|payload| *payload != number(u64::MAX));
        numbers
    };
    let all: Vec<Payload> = (0..10_000).map(number).collect();
    assert_eq!(numbers(&mut others).await, all);
    assert_eq!(numbers(&mut own).await, all);
    there.publish(subject, number(1));
    assert_eq!(own.next().await, Some(number(1)));
    assert_eq!((own.next().now_or_never(), stranger.next().now_or_never()), (None, None));
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn a_message_is_spelled_for_other_processes_and_a_huge_one_is_counted_as_unsent() {
    let (here, there) = (nats().await, nats().await);
    let metrics = Metrics::new();
    here.observe(&metrics);
    let subject = "natter.spelled";
    let mut others = there.subscribe(subject);
    heard_by(&mut others, &here, subject).await;
    here.publish(subject, Bytes::from(vec![0; 2 << 20]));
    here.publish(subject, Payload::of(Word { text: "romeo".into() }));
    let heard = loop {
        match others.next().await.unwrap() {
            again if again == number(u64::MAX) => {}
            heard => break heard,
        }
    };
    assert_eq!(heard.read::<Word>().unwrap().text, "romeo");
    assert!(metrics.encode().contains("natter_bus_unsent_total 1\n"), "{}", metrics.encode());
}

#[tokio::test]
async fn what_waits_for_servers_that_are_not_there_is_bounded_in_bytes() {
    let nowhere = NatsOptions { nodes: vec!["127.0.0.1:1".into()], ..NatsOptions::default() };
    let (lonely, metrics) = (Bus::nats(&nowhere).await.unwrap(), Metrics::new());
    lonely.observe(&metrics);
    // Nothing is taken from the queue in between: this thread does not wait.
    for _ in 0..3 {
        lonely.publish("natter.told", Bytes::from(vec![0; BYTES_MAX / 2]));
    }
    assert!(metrics.encode().contains("natter_bus_unsent_total 1\n"), "{}", metrics.encode());
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn whether_others_can_be_reached_is_known() {
    let reached = async |bus: &Bus| tokio::time::timeout(Duration::from_secs(20), bus.is_reached()).await;
    assert_eq!(reached(&nats().await).await, Ok(true));
    let nowhere = NatsOptions { nodes: vec!["127.0.0.1:1".into()], ..NatsOptions::default() };
    let lonely = Bus::nats(&nowhere).await.unwrap();
    assert_ne!(tokio::time::timeout(Duration::from_secs(1), lonely.is_reached()).await, Ok(true));
    assert!(Bus::local().is_reached().await);
}

#[tokio::test]
async fn within_a_process_a_message_is_shared() {
    let bus = Bus::local();
    let mut listener = bus.subscribe("natter.told");
    let word = Arc::new(Word { text: "romeo".into() });
    bus.publish("natter.told", Payload::shared(word.clone()));
    assert!(Arc::ptr_eq(&listener.next().await.unwrap().read::<Word>().unwrap(), &word));
}

// === faults ===

#[tokio::test(start_paused = true)]
async fn faults_follow_their_seed_and_keep_the_order() {
    let first = heard(1).await;
    assert_eq!(heard(1).await, first);
    assert_ne!(heard(2).await, first);

    let (numbers, delays): (Vec<u64>, Vec<Duration>) = first.into_iter().unzip();
    assert!(numbers.is_sorted() && (850..950).contains(&numbers.len()), "{} of 1000", numbers.len());
    let late = delays.iter().filter(|delay| **delay > Duration::from_millis(10)).count();
    assert!(late > 100 && delays.iter().all(|delay| *delay <= Duration::from_millis(21)), "{late} late");
}

/// What a subscription of a bad bus hears of a thousand numbers sent a millisecond apart, and how late.
async fn heard(seed: u64) -> Vec<(u64, Duration)> {
    let faults = Faults { lost_per_mille: 100, delay_max: Duration::from_millis(20) };
    let bus = Bus::local().faulty(faults, Chance::seeded(seed));
    let listener = bus.subscribe("natter.told");
    let began_at = Instant::now();
    let reader = tokio::spawn(read(listener, began_at));
    for n in 0..1_000 {
        bus.publish("natter.told", number(n));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(bus);
    reader.await.unwrap()
}

async fn read(mut listener: Subscription, began_at: Instant) -> Vec<(u64, Duration)> {
    let mut heard = Vec::new();
    while let Some(payload) = listener.next().await {
        let n = u64::from_be_bytes(payload.to_bytes()[..].try_into().unwrap());
        heard.push((n, began_at.elapsed().saturating_sub(Duration::from_millis(n))));
    }
    heard
}

// === helpers ===

fn number(n: u64) -> Payload {
    Bytes::copy_from_slice(&n.to_be_bytes()).into()
}

#[derive(Clone, PartialEq, prost::Message)]
struct Word {
    #[prost(string, tag = "1")]
    text: String,
}

/// The same bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    text: Vec<u8>,
}
