//! A whole cluster on one thread, in paused time: three processes of dialog and history, two of presence, two edges, over three
//! simulated servers of rows. Four users write, resend what is not answered, read and mark; each has a device that listens. By the seed
//! processes are killed, stand still, hand over, lose the rows, the bus or each other, clocks are off, frames and calls are lost, and
//! writes land long after their sender gave up. What has to hold is in `check.rs`.
//!
//! `NATTER_SEED` replays one life, `NATTER_SEEDS` sets how many are lived; `NATTER_TRACE` names a file for all that happened in the last one.

mod ailing;
mod check;
mod counts;
mod listener;
mod lock;
mod misfortune;
mod net;
mod process;
mod town;
mod trace;
mod visitor;
mod writer;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use natter_actor::Chance;
use tokio::time::{sleep, timeout};

use crate::{in_one_thread, number};
use counts::Counts;
use listener::Listener;
use town::{NAMES, Town};
use trace::Trace;
use writer::Writer;

const SEEDS: u64 = 10;
const FAILED_MAX: usize = 10;
const MESSAGES_EACH: u32 = 30;
/// How long misfortune goes on.
const MISFORTUNE: Duration = Duration::from_secs(12);
/// How long anything may take that has to come once everybody runs and reaches everybody.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long views may need to agree, and presence to know who is there.
const SETTLING: Duration = Duration::from_secs(20);
/// Heads come once a second and name their members every three seconds; what is ahead twice is lost.
const HEALING: Duration = Duration::from_secs(20);

#[test]
fn whatever_befalls_a_cluster_nothing_acknowledged_is_lost_doubled_or_reordered() {
    let seeds = match number("NATTER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("NATTER_SEEDS").unwrap_or(SEEDS) + 1,
    };
    let (mut all, mut failed, began) = (Counts::default(), Vec::new(), Instant::now());
    for seed in seeds.clone() {
        match std::panic::catch_unwind(|| live(seed, std::env::var_os("NATTER_TRACE").is_some()).0) {
            Ok(counts) => all.add_all(&counts),
            Err(_) => failed.push(seed),
        }
        if failed.len() >= FAILED_MAX {
            break;
        }
    }
    eprintln!("seeds {seeds:?} in {:.1} s: {all}", began.elapsed().as_secs_f64());
    let replay = "NATTER_SEED=N cargo test -p natter-tests --test it simulation::cluster";
    assert!(failed.is_empty(), "seeds {failed:?} failed; replay: {replay}");
    if number("NATTER_SEED").is_none() {
        assert!(all.missing().is_empty(), "never happened: {:?}", all.missing());
    }
}

#[test]
fn the_same_seed_lives_the_same_life_in_a_cluster() {
    let (once, again, other) = (live(7, true).1, live(7, true).1, live(8, true).1);
    let differs = once.iter().zip(&again).position(|(one, another)| one != another);
    let around = |lines: &[String], at: usize| lines[at.saturating_sub(10)..lines.len().min(at + 3)].join("\n");
    if let Some(at) = differs {
        panic!("line {at} of {}:\n{}\nand then\n{}", once.len(), around(&once, at), around(&again, at));
    }
    assert_eq!(once.len(), again.len());
    assert!(once.len() > 1_000, "everything is in a trace, not {} lines", once.len());
    assert_ne!(once, other);
}

/// One life; how much happened, and its trace.
fn live(seed: u64, is_whole: bool) -> (Counts, Vec<String>) {
    in_one_thread(life(seed, is_whole))
}

async fn life(seed: u64, is_whole: bool) -> (Counts, Vec<String>) {
    let trace = Trace::new(is_whole);
    let town = Rc::new(Town::new(Chance::seeded(seed), trace.clone()).await);
    let told = Story(town.clone());
    let bound = Rc::new(Cell::new(0));
    let mut listeners = Vec::new();
    for user in 0..NAMES.len() {
        let (listener, count) = (Listener::new(town.clone(), user), bound.clone());
        listeners.push(tokio::task::spawn_local(listener.listen(move || count.set(count.get() + 1))));
        sleep(Duration::from_millis(50)).await;
    }
    while bound.get() < NAMES.len() {
        sleep(Duration::from_millis(50)).await;
    }
    town.begin_faults();
    let write = |user| {
        let mut writer = Writer::new(town.clone(), user);
        tokio::task::spawn_local(async move {
            writer.write(MESSAGES_EACH).await;
            writer
        })
    };
    let writing: Vec<_> = (0..NAMES.len()).map(write).collect();
    let mut counts = misfortune::befall(town.clone(), MISFORTUNE).await;
    town.calm().await;
    let mut writers = Vec::new();
    for (user, writer) in writing.into_iter().enumerate() {
        let done = timeout(PATIENCE, writer).await.unwrap_or_else(|_| panic!("user {user} gets no answer"));
        writers.push(done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    sleep(SETTLING).await;
    visitor::all_see_all(&town).await;
    check::online(&town).await;
    town.note("last words");
    for writer in &mut writers {
        timeout(PATIENCE, writer.last_words()).await.expect("nobody answers");
    }
    sleep(HEALING).await;
    town.is_over.set(true);
    let mut listened = Vec::new();
    for listener in listeners {
        listened.push(listener.await.unwrap());
    }
    let records: Vec<_> = writers.into_iter().map(|writer| writer.record).collect();
    counts.add_all(&check::all(&town, &records, &listened).await);
    count_ground(&town, &mut counts);
    drop(told);
    (counts, trace.lines())
}

/// What went wrong beneath, and what became of the segments of the log.
fn count_ground(town: &Town, counts: &mut Counts) {
    let (rows, net) = (town.ground.servers.counts(), town.ground.net.counts());
    counts.add("writes late", rows.late);
    counts.add("requests lost", rows.lost);
    counts.add("requests unanswered", rows.unanswered);
    counts.add("calls lost", net.calls_lost);
    counts.add("frames lost", net.frames_lost);
    let applied = town.ground.servers.applied();
    let of_segments = |start: &str| applied.iter().filter(|one| one.text.starts_with(start)).cloned().collect::<Vec<_>>();
    let sealed = of_segments("UPDATE segments SET state = 2");
    let (full, others): (Vec<_>, Vec<_>) = sealed.into_iter().partition(|seal| seal.text.contains("IF state IN (0, 1)"));
    counts.add("ailings", town.ground.ailings.load(Ordering::Relaxed));
    counts.add("segments fenced", of_segments("UPDATE segments SET state = 1").len());
    counts.add("segments taken over", others.len());
    counts.add("segments filled", full.len());
}

/// Tells what befell whom, if the life ends in a panic, and lets go of what refers to itself.
struct Story(Rc<Town>);

impl Drop for Story {
    fn drop(&mut self) {
        let lines = self.0.trace.lines();
        match std::env::var_os("NATTER_TRACE") {
            Some(file) => std::fs::write(file, lines.join("\n")).expect("NATTER_TRACE names a file"),
            None if std::thread::panicking() && number("NATTER_SEED").is_some() => eprintln!("{}", lines.join("\n")),
            None => {}
        }
        self.0.ground.net.end();
    }
}
