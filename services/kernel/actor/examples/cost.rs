//! What an actor costs: `cargo run --release -p natter-actor --example cost`. The figures stand in
//! `services/decisions/0001-actors-on-actix.md`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use natter_actor::{Actor, Executor, Registry, RegistryOptions, Reply, Stop, start};
use tokio::task::LocalSet;

const LONG: Duration = Duration::from_secs(60);
const ROUNDS: u64 = 1_000_000;
const IDLE: u64 = 100_000;

fn main() {
    let thread = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&thread, async {
        let executor = Executor::local();
        tells::<1>("tell, one at a time, one thread", &executor).await;
        tells::<256>("tell, batches of 256, one thread", &executor).await;
        asks("ask, one thread", &executor, ROUNDS).await;
        idle(&executor).await;
    });
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    threads.block_on(async {
        let executor = Executor::arbiters(1).unwrap();
        asks("ask, from another thread", &executor, ROUNDS / 10).await;
    });
}

/// Counts; `BATCH` messages at once.
struct Counter<const BATCH: usize>(u64);

enum Count {
    Up,
    Read(Reply<u64>),
}

impl<const BATCH: usize> Actor for Counter<BATCH> {
    type Message = Count;
    const BATCH: usize = BATCH;

    async fn handle(&mut self, mail: Vec<Count>) -> Result<(), Stop> {
        for message in mail {
            match message {
                Count::Up => self.0 += 1,
                Count::Read(reply) => reply.send(self.0),
            }
        }
        Ok(())
    }
}

async fn tells<const BATCH: usize>(what: &str, executor: &Executor) {
    let mailbox = start(executor, 0, 1_024, |_| Counter::<BATCH>(0));
    let began = Instant::now();
    for _ in 0..ROUNDS / 1_000 {
        (0..1_000).for_each(|_| mailbox.tell(Count::Up).unwrap());
        mailbox.ask(LONG, Count::Read).await.unwrap();
    }
    report(what, began, ROUNDS);
}

async fn asks(what: &str, executor: &Executor, rounds: u64) {
    let options = RegistryOptions { capacity: 64, idle: LONG, actors_max: 10 };
    let registry = Registry::new(executor.clone(), options, |_: &u64, _| Counter::<1>(0));
    let began = Instant::now();
    for _ in 0..rounds {
        registry.ask(&1, LONG, Count::Read).await.unwrap();
    }
    report(what, began, rounds);
}

async fn idle(executor: &Executor) {
    let options = RegistryOptions { capacity: 64, idle: LONG, actors_max: IDLE as usize };
    let registry = Registry::new(executor.clone(), options, |_: &u64, _| Counter::<1>(0));
    let before = resident();
    for key in 0..IDLE {
        registry.ask(&key, LONG, Count::Read).await.unwrap();
    }
    println!("idle actor in a registry: {} B resident", (resident() - before) / IDLE);
}

fn report(what: &str, began: Instant, rounds: u64) {
    println!("{what}: {} ns", began.elapsed().as_nanos() / u128::from(rounds));
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}
