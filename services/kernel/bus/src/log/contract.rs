//! What every engine of the durable log must do; what only JetStream does stands below.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use natter_db::{Batch, Error, Kv, Table};
use natter_telemetry::Metrics;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{Engine, LANES, Log, LogOptions, lane_of};
use crate::NatsOptions;

/// Where a log is, whoever opens it.
enum Place {
    Store(Kv),
    Nats(NatsOptions, LogOptions),
}

macro_rules! on_each_engine {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn store() {
                super::$case(super::Place::Store(super::Kv::memory())).await;
            }

            #[tokio::test]
            #[ignore = "needs NATS: cargo xtask test --servers"]
            async fn nats() {
                let place = super::nats();
                super::$case(super::Place::Nats(place.0.clone(), place.1.clone())).await;
                super::remove(&place).await;
            }
        }
    )*};
}

on_each_engine! {
    entries_of_an_app_are_read_in_their_order_until_they_are_done
    what_is_not_done_is_read_by_who_comes_next
    apps_are_apart_also_in_one_lane
    a_burst_is_read_whole
}

async fn entries_of_an_app_are_read_in_their_order_until_they_are_done(place: Place) {
    let log = place.open().await;
    for text in ["a", "b", "c"] {
        log.tell(7, text, text).await.unwrap();
    }
    let read = entries(&log, 7, 3).await;
    assert_eq!(texts(&read), ["a", "b", "c"]);
    assert!(read.iter().all(|entry| entry.app == 7));
    assert_eq!(entries(&log, 7, 3).await, read, "the same again");
    log.done(&read[..2]).await.unwrap();
    assert_eq!(texts(&entries(&log, 7, 1).await), ["c"]);
    log.done(&read[2..]).await.unwrap();
    assert_eq!(log.lanes(), Vec::<u64>::new());
    log.tell(7, "d", "d").await.unwrap();
    assert_eq!(texts(&entries(&log, 7, 1).await), ["d"]);
}

async fn what_is_not_done_is_read_by_who_comes_next(place: Place) {
    let log = place.open().await;
    for text in ["a", "b", "c"] {
        log.tell(7, text, text).await.unwrap();
    }
    let read = entries(&log, 7, 3).await;
    log.done(&read[..1]).await.unwrap();
    // Acknowledgements are on their way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let place = place.left_by(log).await;
    let next = place.open().await;
    let read = entries(&next, 7, 2).await;
    assert_eq!(texts(&read), ["b", "c"]);
    next.done(&read).await.unwrap();
    assert_eq!(next.lanes(), Vec::<u64>::new());
}

async fn apps_are_apart_also_in_one_lane(place: Place) {
    let log = place.open().await;
    let other = (8..).find(|app| lane_of(*app) == lane_of(7)).unwrap();
    for (app, text) in [(7, "a"), (other, "x"), (7, "b"), (other, "y")] {
        log.tell(app, text, text).await.unwrap();
    }
    let (ours, theirs) = (entries(&log, 7, 2).await, entries(&log, other, 2).await);
    assert_eq!((texts(&ours), texts(&theirs)), (vec!["a", "b"], vec!["x", "y"]));
    log.done(&ours).await.unwrap();
    assert_eq!(texts(&entries(&log, other, 2).await), ["x", "y"]);
    assert_eq!(log.lanes().len(), 1);
}

async fn a_burst_is_read_whole(place: Place) {
    let log = place.open().await;
    let told = (0..2_000).map(|n: u32| {
        let log = log.clone();
        async move {
            // The machine is busy: whoever is not told in time says it again, under the same id.
            while log.tell(u64::from(n % 9), &n.to_string(), n.to_be_bytes().to_vec()).await.is_err() {}
        }
    });
    let (mut found, patience) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    let tell = async {
        for told in told {
            told.await;
        }
    };
    let read = async {
        while found.len() < 2_000 {
            assert!(Instant::now() < patience, "{} were read", found.len());
            drop(timeout(Duration::from_secs(1), log.moved()).await);
            for lane in log.lanes() {
                let read = log.read(lane, 100).await.unwrap();
                log.done(&read).await.unwrap();
                found.extend(read.iter().map(|entry| (entry.app, u32::from_be_bytes(entry.value[..].try_into().unwrap()))));
            }
        }
    };
    tokio::join!(tell, read);
    for app in 0..9 {
        let of_app: Vec<u32> = found.iter().filter(|(of, _)| *of == app).map(|(_, n)| *n).collect();
        let all: Vec<u32> = (0..2_000).filter(|n| u64::from(n % 9) == app).collect();
        assert_eq!(of_app, all, "each once, in their order");
    }
}

// === only JetStream ===

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn what_is_told_twice_under_one_id_is_one_entry() {
    let place = nats();
    let log = open(&place).await;
    for (app, id) in [(7, "1"), (7, "1"), (7, "2"), (8, "1")] {
        log.tell(app, id, id.to_owned()).await.unwrap();
    }
    assert_eq!(texts(&entries(&log, 8, 1).await), ["1"]);
    assert_eq!(texts(&entries(&log, 7, 2).await), ["1", "2"]);
    remove(&place).await;
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn a_lane_that_goes_to_another_process_is_read_there_at_once() {
    let mut place = nats();
    place.1.patience_ms = 600_000;
    let (one, other) = (open(&place).await, Log::jetstream(&place.0, &place.1).await.unwrap());
    for text in ["a", "b"] {
        one.tell(7, text, text).await.unwrap();
    }
    let read = entries(&one, 7, 2).await;
    one.done(&read[..1]).await.unwrap();
    other.own(|lane| lane == lane_of(7));
    one.own(|lane| lane != lane_of(7));
    assert_eq!(texts(&entries(&other, 7, 1).await), ["b"], "long before it would be sent again");
    assert_eq!((one.lanes(), one.read(lane_of(7), 9).await.unwrap()), (vec![], vec![]));
    one.tell(7, "c", "c").await.unwrap();
    assert_eq!(texts(&entries(&other, 7, 2).await), ["b", "c"]);
    assert_eq!(one.lanes(), Vec::<u64>::new());
    remove(&place).await;
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn while_the_servers_are_away_telling_fails_in_time_and_reading_goes_on_by_itself() {
    let place = nats();
    let (gate, is_open) = watch::channel(true);
    let near = proxy(place.0.nodes[0].clone(), is_open).await;
    let log = open(&(NatsOptions { nodes: vec![near], ..place.0.clone() }, place.1.clone())).await;
    let elsewhere = Log::jetstream(&place.0, &place.1).await.unwrap();
    log.tell(7, "a", "a").await.unwrap();
    let read = entries(&log, 7, 1).await;
    gate.send(false).unwrap();
    let begun = Instant::now();
    let failed = log.tell(7, "b", "b").await.unwrap_err();
    assert!(matches!(failed, Error::Unknown(_)), "{failed}");
    assert!(begun.elapsed() < Duration::from_millis(place.1.deadline_ms + 1_000));
    // What is done meanwhile is not looked at again.
    log.done(&read).await.unwrap();
    elsewhere.tell(7, "c", "c").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    gate.send(true).unwrap();
    let found = loop {
        let found = entries(&log, 7, 1).await;
        if found.iter().any(|entry| &entry.value[..] == b"c") {
            break found;
        }
    };
    assert!(found.iter().all(|entry| &entry.value[..] != b"a"));
    while log.tell(7, "d", "d").await.is_err() {}
    remove(&place).await;
}

#[tokio::test]
#[ignore = "needs NATS: cargo xtask test --servers"]
async fn over_its_bytes_the_oldest_are_dropped_and_counted() {
    let mut place = nats();
    place.1.bytes_max = 1 << 20;
    let log = Log::jetstream(&place.0, &place.1).await.unwrap();
    let metrics = Metrics::new();
    log.observe(&metrics);
    log.ready().await.unwrap();
    let Engine::JetStream(engine) = &log.engine else { unreachable!() };
    let mut drops = super::drops::Drops::default();
    let (waiting, tally) = engine.tally().await.unwrap();
    assert_eq!((waiting, drops.since(tally)), (0, 0));
    for n in 0..30_u32 {
        while log.tell(7, &n.to_string(), vec![0; 100_000]).await.is_err() {}
    }
    let (waiting, tally) = engine.tally().await.unwrap();
    assert!((5..=10).contains(&waiting), "{waiting}");
    assert_eq!(drops.since(tally), 30 - waiting);
    log.own(|lane| lane == lane_of(7));
    let left = entries(&log, 7, waiting as usize).await;
    assert_eq!(left.len() as u64, waiting);
    log.done(&left).await.unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let (waiting, tally) = engine.tally().await.unwrap();
        assert_eq!(drops.since(tally), 0, "what was done was not dropped");
        if waiting == 0 {
            break;
        }
        assert!(Instant::now() < patience);
    }
    assert!(metrics.encode().contains("natter_bus_log_told_seconds_count 30\n"), "{}", metrics.encode());
    remove(&place).await;
}

#[tokio::test]
async fn without_servers_whoever_tells_is_answered_in_time_and_a_batch_is_refused() {
    let nats = NatsOptions { nodes: vec!["127.0.0.1:1".into()], ..NatsOptions::default() };
    let log = Log::jetstream(&nats, &LogOptions { deadline_ms: 50, ..LogOptions::default() }).await.unwrap();
    log.own(|_| true);
    let begun = Instant::now();
    assert!(matches!(log.tell(1, "a", "a").await, Err(Error::Unknown(_))));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((log.lanes(), log.dropped()), (vec![], 0));
    let (kv, mut batch) = (Kv::memory(), Batch::new());
    batch.put(Table("rows"), "r", "row");
    log.append(&mut batch, 1, "a");
    assert!(matches!(kv.commit(batch).await, Err(Error::NotStored(_))));
    assert_eq!(kv.get(Table("rows"), b"r").await.unwrap(), None);
}

impl Place {
    async fn open(&self) -> Log {
        match self {
            Place::Store(kv) => {
                let log = Log::embedded(kv.clone(), Table("posted"), 100_000);
                log.ready().await.unwrap();
                log
            }
            Place::Nats(nats, options) => open(&(nats.clone(), options.clone())).await,
        }
    }

    /// The process that has the log open ends without a word.
    async fn left_by(self, log: Log) -> Place {
        drop(log);
        match self {
            Place::Store(kv) => Place::Store(kv.crash()),
            nats => nats,
        }
    }
}

async fn open(place: &(NatsOptions, LogOptions)) -> Log {
    let log = Log::jetstream(&place.0, &place.1).await.unwrap();
    log.own(|lane| lane < LANES);
    while log.ready().await.is_err() {}
    log
}

// A stream of its own on the servers that `NATTER_TEST_NATS` names.
fn nats() -> (NatsOptions, LogOptions) {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let nodes = std::env::var("NATTER_TEST_NATS").expect("NATTER_TEST_NATS names a server");
    let nodes = nodes.split(',').map(str::to_owned).collect();
    let name = format!("test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let nats = NatsOptions { nodes, prefix: name.clone(), ..NatsOptions::default() };
    // The machine is busy: a test waits longer than a user.
    (nats, LogOptions { stream: name, bytes_max: 8 << 20, deadline_ms: 2_000, patience_ms: 2_000, ..LogOptions::default() })
}

async fn remove(place: &(NatsOptions, LogOptions)) {
    let client = place.0.connecting().unwrap().connect(&place.0.nodes).await.unwrap();
    async_nats::jetstream::new(client).delete_stream(&place.1.stream).await.unwrap();
}

// Lets connections through while the gate is open, and cuts them when it is not.
async fn proxy(to: String, is_open: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (to, mut gate) = (to.clone(), is_open.clone());
            if !*gate.borrow() {
                continue;
            }
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    biased;
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = gate.wait_for(|is_open| !is_open) => {}
                }
            });
        }
    });
    here
}

// What is read of an app, when it is that much.
async fn entries(log: &Log, app: u64, count: usize) -> Vec<super::Entry> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let mut found = Vec::new();
        for lane in log.lanes() {
            found.extend(log.read(lane, 1_000).await.unwrap().into_iter().filter(|entry| entry.app == app));
        }
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < patience, "{found:?}");
        drop(timeout(Duration::from_millis(200), log.moved()).await);
    }
}

fn texts(entries: &[super::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| std::str::from_utf8(&entry.value).unwrap()).collect()
}
