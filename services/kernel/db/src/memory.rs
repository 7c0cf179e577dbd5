//! The engine in memory: deterministic, without threads. A group of commits is one local sleep of a seeded length, so that
//! paused time and a crash can fall between any two of them. Nothing survives the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::batch::{Batch, Table};
use crate::commit::{Commit, Waiting};
use crate::error::Error;
use crate::faults::{Dice, Fate, Faults};
use crate::group::{Writes, fold};
use crate::metrics::{Meters, Op};
use crate::queue::{Limits, Queue};
use crate::range::KeyRange;
use crate::snapshot::Snapshot;

type Rows = BTreeMap<Table, BTreeMap<Vec<u8>, Bytes>>;

/// Rows in memory, and the commits on their way to them.
pub(crate) struct Memory {
    rows: Mutex<Rows>,
    queue: Queue,
    writer: Mutex<Writer>,
    dice: Dice,
    meters: Arc<Meters>,
}

#[derive(Default)]
struct Writer {
    /// A task writes group after group until nothing waits.
    running: bool,
    /// The group that is being written.
    group: Vec<Waiting>,
    crashed: bool,
}

impl Memory {
    pub fn new(faults: Faults, meters: Arc<Meters>) -> Memory {
        Memory::with_rows(Rows::new(), faults, meters)
    }

    fn with_rows(rows: Rows, faults: Faults, meters: Arc<Meters>) -> Memory {
        let limits = Limits {
            count: faults.queue_count,
            bytes: faults.queue_bytes,
            group_count: faults.group_count.max(1),
            group_bytes: faults.group_bytes,
        };
        let queue = Queue::new(limits);
        Memory { rows: Mutex::new(rows), queue, writer: Mutex::default(), dice: Dice::new(faults), meters }
    }

    pub async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.arrive().await?;
        Ok(read(&self.rows.lock(), table, key))
    }

    pub async fn multi_get(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Error> {
        self.arrive().await?;
        let rows = self.rows.lock();
        Ok(keys.iter().map(|key| read(&rows, table, key)).collect())
    }

    pub async fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        self.arrive().await?;
        Ok(scan(&self.rows.lock(), table, range, limit))
    }

    pub async fn multi_scan(&self, table: Table, ranges: &[KeyRange], limit: usize) -> Result<Vec<Vec<(Bytes, Bytes)>>, Error> {
        self.arrive().await?;
        let rows = self.rows.lock();
        Ok(ranges.iter().map(|range| scan(&rows, table, range, limit)).collect())
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::Memory(self.rows.lock().iter().map(|(table, rows)| (table.0.to_owned(), rows.clone())).collect())
    }

    pub fn commit(self: &Arc<Self>, batch: Batch) -> Commit {
        let commit = self.queue.push(batch);
        let mut writer = self.writer.lock();
        if writer.running {
            return commit;
        }
        match Handle::try_current() {
            Ok(runtime) if !self.dice.faults().delay_max.is_zero() => {
                writer.running = true;
                runtime.spawn(Arc::clone(self).write_what_waits());
            }
            _ => self.write_at_once(&mut writer),
        }
        commit
    }

    /// The process dies: what was not committed is gone, the group being written is wholly there or not, by chance, and all
    /// who wait hear that they will never know. Gives the store that is opened afterwards.
    pub fn crash(&self) -> Memory {
        let mut writer = self.writer.lock();
        writer.crashed = true;
        self.queue.close();
        let group: Vec<_> = std::mem::take(&mut writer.group).into_iter().map(Waiting::split).collect();
        let (batches, mut lost): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        if self.dice.coin() {
            self.apply(batches);
        }
        loop {
            let waiting = self.queue.take();
            if waiting.is_empty() {
                break;
            }
            lost.extend(waiting.into_iter().map(|waiting| waiting.split().1));
        }
        for asker in lost {
            asker.answer(Err(Error::Unknown("the store crashed".into())));
        }
        Memory::with_rows(self.rows.lock().clone(), self.dice.faults(), Arc::clone(&self.meters))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.dice.set(faults);
    }

    /// A read's way to the rows.
    async fn arrive(&self) -> Result<(), Error> {
        let delay = self.dice.delay();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.writer.lock().crashed { Err(Error::NotStored("the store is closed".into())) } else { Ok(()) }
    }

    async fn write_what_waits(self: Arc<Self>) {
        while self.begin_group() {
            tokio::time::sleep(self.dice.delay()).await;
            let mut writer = self.writer.lock();
            let group = std::mem::take(&mut writer.group);
            self.write(group);
        }
    }

    /// Takes what waits; false: nothing does, and the task ends.
    fn begin_group(&self) -> bool {
        let mut writer = self.writer.lock();
        writer.group = self.queue.take();
        writer.running = !writer.group.is_empty();
        writer.running
    }

    /// Without a delay, or outside a runtime, a commit is done when the call returns. The writer is locked, so that of two
    /// threads each writes whole groups.
    fn write_at_once(&self, _writer: &mut Writer) {
        loop {
            let group = self.queue.take();
            if group.is_empty() {
                return;
            }
            self.write(group);
        }
    }

    fn write(&self, group: Vec<Waiting>) {
        // A crash took it away.
        if group.is_empty() {
            return;
        }
        self.meters.group.observe(group.len() as f64);
        let (batches, askers): (Vec<_>, Vec<_>) = group.into_iter().map(Waiting::split).unzip();
        let outcomes = match self.dice.fate() {
            Fate::Written => self.apply(batches),
            Fate::NotStored => vec![Err(Error::NotStored("refused by the seed".into())); askers.len()],
            Fate::Unknown { written } => {
                if written {
                    self.apply(batches);
                }
                vec![Err(Error::Unknown("lost by the seed".into())); askers.len()]
            }
        };
        for (asker, outcome) in askers.into_iter().zip(outcomes) {
            self.meters.observe(Op::Commit, asker.since, &outcome);
            asker.answer(outcome);
        }
    }

    fn apply(&self, batches: Vec<Batch>) -> Vec<Result<(), Error>> {
        let mut rows = self.rows.lock();
        let group = fold(batches, |table, key| Ok(read(&rows, table, key)));
        put(&mut rows, group.writes);
        group.verdicts
    }
}

fn read(rows: &Rows, table: Table, key: &[u8]) -> Option<Bytes> {
    rows.get(&table)?.get(key).cloned()
}

fn scan(rows: &Rows, table: Table, range: &KeyRange, limit: usize) -> Vec<(Bytes, Bytes)> {
    let Some(rows) = rows.get(&table).filter(|_| !range.is_empty()) else { return Vec::new() };
    let found = rows.range::<[u8], _>(range.bounds());
    let copy = |(key, value): (&Vec<u8>, &Bytes)| (Bytes::copy_from_slice(key), value.clone());
    if range.reversed { found.rev().take(limit).map(copy).collect() } else { found.take(limit).map(copy).collect() }
}

fn put(rows: &mut Rows, writes: Writes) {
    for (table, writes) in writes {
        let rows = rows.entry(table).or_default();
        for (key, value) in writes {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
    }
}
