//! The handle of the store: one door over the engines, and the one place where calls are measured.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use natter_telemetry::Metrics;
use tokio::time::timeout;

use crate::batch::{Batch, Table};
use crate::commit::Commit;
use crate::copy::Copied;
use crate::disk::Disk;
use crate::error::Error;
use crate::faults::Faults;
use crate::memory::Memory;
use crate::metrics::{Meters, Op};
use crate::options::KvOptions;
use crate::range::KeyRange;

/// An ordered, durable key-value store. Clones share it; the last one closes it. A read that is not answered at once is waited
/// for within a tokio runtime, until the deadline of its options; a commit until its outcome is certain.
#[derive(Clone)]
pub struct Kv {
    engine: Engine,
    deadline: Duration,
    meters: Arc<Meters>,
}

#[derive(Clone)]
enum Engine {
    Memory(Arc<Memory>),
    Disk(Arc<Disk>),
}

impl Kv {
    /// An empty store in memory: deterministic, no threads, every commit done when [`commit`](Kv::commit) returns.
    pub fn memory() -> Kv {
        Kv::memory_with(Faults::default())
    }

    /// An empty store in memory with seeded delays and failures. With a delay, commits are written by a task on the current
    /// tokio runtime.
    pub fn memory_with(faults: Faults) -> Kv {
        let meters = Arc::new(Meters::new());
        let deadline = faults.deadline;
        Kv { engine: Engine::Memory(Arc::new(Memory::new(faults, Arc::clone(&meters)))), deadline, meters }
    }

    /// Opens the store in the directory `path`, which is made if need be. Replays the journal, so it blocks the thread, for
    /// seconds after a crash with full journals.
    ///
    /// # Errors
    /// `NotStored` if another process has it open, or the directory cannot be used.
    pub fn open(path: &Path, options: KvOptions) -> Result<Kv, Error> {
        let meters = Arc::new(Meters::new());
        let deadline = options.deadline();
        Ok(Kv { engine: Engine::Disk(Arc::new(Disk::open(path, options, Arc::clone(&meters))?)), deadline, meters })
    }

    /// Adds the metrics of this store, `natter_db_...`. Once per process.
    pub fn register(&self, metrics: &Metrics) {
        self.meters.register(metrics);
    }

    /// The row at `key`. On disk it runs on the caller's thread: from memory as a rule, at worst a few blocks read.
    ///
    /// # Errors
    /// `NotStored` while the store is closed or opened again, or without an answer in time; `Corrupt` if it cannot be read.
    pub async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let since = Instant::now();
        let found = async {
            match &self.engine {
                Engine::Memory(memory) => memory.get(table, key).await,
                Engine::Disk(disk) => disk.get(table, key).await,
            }
        };
        self.measured(Op::Get, since, self.in_time(found).await)
    }

    /// The rows at these keys, in their order, as they are at one moment.
    ///
    /// # Errors
    /// As [`get`](Kv::get).
    pub async fn multi_get(&self, table: Table, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>, Error> {
        let since = Instant::now();
        let found = async {
            match &self.engine {
                Engine::Memory(memory) => memory.multi_get(table, &keys).await,
                Engine::Disk(disk) => disk.multi_get(table, keys).await,
            }
        };
        self.measured(Op::Get, since, self.in_time(found).await)
    }

    /// The rows of the range as they are at one moment, at most `limit`, ascending or descending as the range says. Few rows are
    /// read on the caller's thread, as [`get`](Kv::get) does.
    ///
    /// # Errors
    /// As [`get`](Kv::get).
    pub async fn scan(&self, table: Table, range: KeyRange, limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let since = Instant::now();
        let found = async {
            match &self.engine {
                Engine::Memory(memory) => memory.scan(table, &range, limit).await,
                Engine::Disk(disk) => disk.scan(table, range, limit).await,
            }
        };
        self.measured(Op::Scan, since, self.in_time(found).await)
    }

    /// The rows of several ranges as they are at one moment: of each at most `limit`, in the order of the ranges. Few rows of
    /// few ranges are read on the caller's thread, as [`get`](Kv::get) does.
    ///
    /// # Errors
    /// As [`get`](Kv::get).
    pub async fn multi_scan(&self, table: Table, ranges: Vec<KeyRange>, limit: usize) -> Result<Vec<Vec<(Bytes, Bytes)>>, Error> {
        let since = Instant::now();
        let found = async {
            match &self.engine {
                Engine::Memory(memory) => memory.multi_scan(table, &ranges, limit).await,
                Engine::Disk(disk) => disk.multi_scan(table, ranges, limit).await,
            }
        };
        self.measured(Op::Scan, since, self.in_time(found).await)
    }

    /// Enqueues the batch at once: the order of calls is the order of commits. The future resolves when the batch is on
    /// disk (a relaxed one: with the operating system); the batch is written even if the future is dropped.
    ///
    /// # Errors
    /// `Full` if too much waits, `Condition` if a `require_*` does not hold, `NotStored` if the store refuses: nothing of
    /// the batch was written. `Unknown`: it may have been.
    pub fn commit(&self, batch: Batch) -> Commit {
        let commit = match &self.engine {
            Engine::Memory(memory) => memory.commit(batch),
            Engine::Disk(disk) => disk.commit(batch),
        };
        if let Some(error) = commit.refusal() {
            self.meters.failed(error);
        }
        commit
    }

    /// Deletes the first rows of the range, at most `limit`, in one durable step, and says how many. What is written meanwhile
    /// under a key that was read goes with it.
    ///
    /// # Errors
    /// As [`scan`](Kv::scan) and [`commit`](Kv::commit).
    pub async fn clear(&self, table: Table, range: KeyRange, limit: usize) -> Result<usize, Error> {
        let rows = self.scan(table, range, limit).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::new();
        rows.iter().for_each(|(key, _)| batch.delete(table, key.to_vec()));
        self.commit(batch).await?;
        Ok(rows.len())
    }

    /// All rows as they are at the moment at which this returns, for a copy. Whatever was answered `Ok` before is among them.
    ///
    /// # Errors
    /// As [`get`](Kv::get).
    pub async fn copied(&self) -> Result<Copied, Error> {
        let snapshot = async {
            match &self.engine {
                Engine::Memory(memory) => Ok(memory.snapshot()),
                Engine::Disk(disk) => disk.snapshot().await,
            }
        };
        Ok(Copied::new(self.in_time(snapshot).await?))
    }

    /// Lets the process of a memory store die: all who wait get `Unknown`, later calls on this handle and its clones are
    /// refused. Gives the store as it is opened afterwards: committed rows are there, the group that was being written is
    /// there or not, by chance.
    ///
    /// # Panics
    /// On a store on disk: kill the process instead.
    pub fn crash(&self) -> Kv {
        let Engine::Memory(memory) = &self.engine else { panic!("only a memory store can be crashed") };
        Kv { engine: Engine::Memory(Arc::new(memory.crash())), deadline: self.deadline, meters: Arc::clone(&self.meters) }
    }

    /// Replaces the faults of a memory store from the next group on; seed and queue bounds stay.
    ///
    /// # Panics
    /// On a store on disk.
    pub fn set_faults(&self, faults: Faults) {
        let Engine::Memory(memory) = &self.engine else { panic!("only a memory store has faults") };
        memory.set_faults(faults);
    }

    async fn in_time<T>(&self, found: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut found = pin!(found);
        // Most are ready at once; a timer is made for the others only.
        if let Poll::Ready(found) = poll_fn(|cx| Poll::Ready(found.as_mut().poll(cx))).await {
            return found;
        }
        let late = |_| Err(Error::NotStored(format!("no answer within {} ms", self.deadline.as_millis())));
        timeout(self.deadline, found).await.unwrap_or_else(late)
    }

    fn measured<T>(&self, op: Op, since: Instant, outcome: Result<T, Error>) -> Result<T, Error> {
        self.meters.observe(op, since, &outcome);
        outcome
    }
}
