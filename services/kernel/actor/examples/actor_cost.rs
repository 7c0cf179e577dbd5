//! What an actor costs: `cargo run --release -p natter-actor --example actor_cost`. The figures stand in
//! `services/decisions/0001-actors-on-actix.md`. CPU time is what a busy machine distorts least.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use natter_actor::{Actor, Executor, Registry, RegistryOptions, Reply, Stop, start};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

const LONG: Duration = Duration::from_secs(60);
const ROUNDS: u64 = 1_000_000;
const IDLE: u64 = 100_000;

fn main() {
    let thread = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A task, as a caller on an arbiter is one; the future given to `block_on` would wake its thread by system calls.
    let measured = LocalSet::new().block_on(&thread, async { spawn_local(one_thread()).await });
    measured.unwrap();
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    threads.block_on(async {
        let executor = Executor::arbiters(1).unwrap();
        asks("ask, from another thread", &executor, ROUNDS / 10).await;
    });
}

async fn one_thread() {
    let executor = Executor::local();
    channel().await;
    tells::<1>("tell, one at a time", &executor).await;
    tells::<256>("tell, batches of 256", &executor).await;
    asks("ask", &executor, ROUNDS).await;
    idle(&executor).await;
}

/// The yardstick: a task that reads a tokio channel, asked without a deadline and without a registry.
async fn channel() {
    let (sender, mut mail) = mpsc::channel::<oneshot::Sender<u64>>(64);
    spawn_local(async move {
        while let Some(reply) = mail.recv().await {
            let _ = reply.send(0);
        }
    });
    let began = Began::now();
    for _ in 0..ROUNDS {
        let (reply, answer) = oneshot::channel();
        sender.try_send(reply).unwrap();
        answer.await.unwrap();
    }
    report("ask of a bare tokio task", began, ROUNDS);
}

/// Counts; `BATCH` messages at once.
struct Counter<const BATCH: usize>(u64);

enum Count {
    Up,
    Read(Reply<u64>),
}

impl<const BATCH: usize> Actor for Counter<BATCH> {
    type Message = Count;

    fn batch(&self) -> usize {
        BATCH
    }

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
    let began = Began::now();
    for _ in 0..ROUNDS / 1_000 {
        (0..1_000).for_each(|_| mailbox.tell(Count::Up).unwrap());
        mailbox.ask(LONG, Count::Read).await.unwrap();
    }
    report(what, began, ROUNDS);
}

async fn asks(what: &str, executor: &Executor, rounds: u64) {
    let options = RegistryOptions { capacity: 64, idle: LONG, actors_max: 10 };
    let registry = Registry::new(executor.clone(), options, |_: &u64, _| Counter::<1>(0));
    let began = Began::now();
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

fn report(what: &str, began: Began, rounds: u64) {
    let (wall, cpu) = (began.at.elapsed().as_nanos() as u64, cpu() - began.cpu);
    println!("{what}: {} ns, of that on a CPU {} ns", wall / rounds, cpu / rounds);
}

struct Began {
    at: Instant,
    cpu: u64,
}

impl Began {
    fn now() -> Began {
        Began { at: Instant::now(), cpu: cpu() }
    }
}

/// Nanoseconds that the threads of this process have run.
fn cpu() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let times = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap());
    times.map(|time| time.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}
