//! The durable log: events that one reader must not miss while it is away. An entry is put into the batch of the row that it tells
//! of, so it is there exactly when the row is (decision 0006). The embedded engine: rows of the same store.
//!
//! Invariants:
//! - Whoever reads an entry can read every earlier one of its app that will ever be there, unless it was forgotten.
//! - An entry stays until its reader forgets it, also over a restart: at least once.
//! - Of each app at most so many wait. Over it the oldest is dropped and counted in `natter_bus_log_dropped_total`: whoever
//!   writes is never refused, and never waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use natter_db::{Batch, Error, KeyRange, Kv, Series, Table};
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Notify, OnceCell};

/// A log in one table. Clones share it.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    kv: Kv,
    table: Table,
    entries_max: u64,
    /// By app. What an earlier process left is found once.
    lanes: Mutex<BTreeMap<u64, Lane>>,
    found: OnceCell<()>,
    moved: Arc<Notify>,
    dropped: Counter,
}

/// The entries of one app.
struct Lane {
    /// Lower numbers were forgotten or dropped.
    first: u64,
    series: Series,
}

/// An entry as it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place among those of its app.
    pub number: u64,
    pub value: Bytes,
}

impl Log {
    /// A log in `table` of `kv`, whose only user it must be. `entries_max`: so many wait of an app.
    pub fn embedded(kv: Kv, table: Table, entries_max: u64) -> Log {
        let (lanes, found, moved) = (Mutex::default(), OnceCell::new(), Arc::default());
        Log(Arc::new(Inner { kv, table, entries_max: entries_max.max(1), lanes, found, moved, dropped: Counter::default() }))
    }

    /// Registers the metrics of this log.
    pub fn observe(&self, metrics: &Metrics) {
        let dropped = self.0.dropped.clone();
        metrics.register(|all| {
            let help = "Entries of the durable log dropped because too many of their app waited";
            all.sub_registry_with_prefix("natter_bus").register("log_dropped", help, dropped);
        });
    }

    /// How many entries were dropped because too many of their app waited.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.get()
    }

    /// Finds what an earlier process left. To be `Ok` once before anything else; cheap from then on.
    ///
    /// # Errors
    /// The store cannot be read. It may be asked again.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.found.get_or_try_init(|| self.find()).await.map(|_| ())
    }

    /// Adds an entry to the batch of what it tells of.
    pub fn append(&self, batch: &mut Batch, app: u64, value: impl Into<Bytes>) {
        let mut lanes = self.0.lanes.lock();
        let lane = lanes.entry(app).or_insert_with(|| self.lane(1, 1));
        while lane.series.upcoming() - lane.first >= self.0.entries_max {
            batch.delete(self.0.table, key(app, lane.first));
            lane.first += 1;
            self.0.dropped.inc();
        }
        batch.put_next(self.0.table, app.to_be_bytes(), &lane.series, value);
    }

    /// Adds an entry that no row of the same store tells of. It is there when this is answered; `id` names what it tells of, and
    /// told again soon it may be one entry or two.
    ///
    /// # Errors
    /// It was not added, or that is not known.
    pub async fn tell(&self, app: u64, _id: &str, value: impl Into<Bytes>) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.append(&mut batch, app, value);
        self.0.kv.commit(batch).await
    }

    /// Returns when an entry may have come since it returned last.
    pub async fn moved(&self) {
        self.0.moved.notified().await;
    }

    /// Apps of which an entry may be there, ascending.
    pub fn apps(&self) -> Vec<u64> {
        let lanes = self.0.lanes.lock();
        lanes.iter().filter(|(_, lane)| lane.first < lane.series.upcoming()).map(|(app, _)| *app).collect()
    }

    /// The oldest entries of an app, ascending, at most `limit`. Waits for those that are on their way if no other is there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(&self, app: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let Some((first, upcoming)) = self.span(app) else { return Ok(Vec::new()) };
        let found = self.scan(app, first, limit).await?;
        if !found.is_empty() || first >= upcoming {
            return Ok(found);
        }
        // Either they are still being written, or they never were: what is written behind them tells.
        let mut behind = Batch::new();
        behind.relaxed();
        behind.delete(self.0.table, key(app, 0));
        self.0.kv.commit(behind).await?;
        let found = self.scan(app, first, limit).await?;
        if found.is_empty() {
            self.forgotten(app, upcoming - 1);
        }
        Ok(found)
    }

    /// Removes entries that were read with what came of them. [`forgotten`](Log::forgotten) is to be called when the batch is
    /// written.
    pub fn forget(&self, batch: &mut Batch, app: u64, entries: &[Entry]) {
        entries.iter().for_each(|entry| batch.delete(self.0.table, key(app, entry.number)));
    }

    /// The entries of an app up to this number are not there any more.
    pub fn forgotten(&self, app: u64, upto: u64) {
        if let Some(lane) = self.0.lanes.lock().get_mut(&app) {
            lane.first = lane.first.max(upto + 1);
        }
    }

    /// Removes a page of the entries of an app that nobody gets into any more. How many; fewer than `max`: nothing is left.
    ///
    /// # Errors
    /// As [`Kv::clear`].
    pub async fn erase(&self, app: u64, max: usize) -> Result<usize, Error> {
        self.0.kv.clear(self.0.table, KeyRange::prefix(app.to_be_bytes()), max).await
    }

    fn span(&self, app: u64) -> Option<(u64, u64)> {
        self.0.lanes.lock().get(&app).map(|lane| (lane.first, lane.series.upcoming()))
    }

    fn lane(&self, first: u64, next: u64) -> Lane {
        Lane { first, series: Series::starting_at(next, Arc::clone(&self.0.moved)) }
    }

    async fn scan(&self, app: u64, first: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let range = KeyRange::between(key(app, first), key(app, u64::MAX));
        let rows = self.0.kv.scan(self.0.table, range, limit).await?;
        rows.into_iter().map(|(key, value)| Ok(Entry { number: place(&key)?.1, value })).collect()
    }

    /// One look per app: at its first entry, and at its last.
    async fn find(&self) -> Result<(), Error> {
        let Inner { kv, table, .. } = &*self.0;
        let mut from = 0;
        loop {
            let row = kv.scan(*table, KeyRange::between(key(from, 0), [u8::MAX; 17]), 1).await?;
            let Some((found, _)) = row.first() else { return Ok(()) };
            let (app, first) = place(found)?;
            let last = kv.scan(*table, KeyRange::prefix(app.to_be_bytes()).reversed(), 1).await?;
            let last = last.first().map_or(Ok(first), |(found, _)| place(found).map(|(_, number)| number))?;
            self.0.lanes.lock().insert(app, self.lane(first, last + 1));
            self.0.moved.notify_one();
            let Some(next) = app.checked_add(1) else { return Ok(()) };
            from = next;
        }
    }
}

fn key(app: u64, number: u64) -> Vec<u8> {
    [app.to_be_bytes(), number.to_be_bytes()].concat()
}

fn place(key: &[u8]) -> Result<(u64, u64), Error> {
    let number = |at: usize| key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    number(0).zip(number(8)).ok_or_else(|| Error::Corrupt("cannot read a key of the durable log".into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use futures::FutureExt;
    use natter_db::Faults;

    use super::*;

    const TABLE: Table = Table("posted");
    const ROWS: Table = Table("rows");

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_there_with_its_row_until_it_is_forgotten_also_over_a_restart() {
        let (kv, log) = opened(100).await;
        for text in ["a", "b", "c", "d"] {
            post(&kv, &log, 1, text).await.unwrap();
        }
        post(&kv, &log, 2, "other").await.unwrap();
        assert_eq!(log.apps(), [1, 2]);
        assert_eq!(texts(&log, 1).await, ["a", "b", "c", "d"]);
        let read = log.read(1, 2).await.unwrap();
        let mut batch = Batch::new();
        log.forget(&mut batch, 1, &read);
        kv.commit(batch).await.unwrap();
        log.forgotten(1, read[1].number);
        assert_eq!(texts(&log, 1).await, ["c", "d"]);

        let next = Log::embedded(kv.crash(), TABLE, 100);
        next.ready().await.unwrap();
        assert!(next.moved().now_or_never().is_some(), "what is there is news to who comes");
        assert_eq!(next.apps(), [1, 2]);
        assert_eq!(texts(&next, 1).await, ["c", "d"]);
        assert_eq!(texts(&next, 2).await, ["other"]);
        let kv = next.0.kv.clone();
        post(&kv, &next, 1, "e").await.unwrap();
        assert_eq!(texts(&next, 1).await, ["c", "d", "e"], "nothing takes another's place");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_without_a_row_is_there_when_that_is_answered() {
        let (kv, log) = opened(100).await;
        log.tell(1, "a", "a").await.unwrap();
        let next = Log::embedded(kv.crash(), TABLE, 100);
        next.ready().await.unwrap();
        assert_eq!(texts(&next, 1).await, ["a"]);
        let kv = next.0.kv.clone();
        kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
        next.tell(1, "b", "b").await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_batch_leaves_nothing_to_wait_for() {
        let (kv, log) = opened(100).await;
        kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
        post(&kv, &log, 1, "lost").await.unwrap_err();
        kv.set_faults(Faults::default());
        assert_eq!(log.apps(), [1]);
        assert_eq!(texts(&log, 1).await, Vec::<String>::new());
        assert_eq!(log.apps(), Vec::<u64>::new());
        post(&kv, &log, 1, "a").await.unwrap();
        assert_eq!(texts(&log, 1).await, ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_waits_for_what_is_being_written() {
        for seed in 0..50 {
            let delay_max = Duration::from_millis(50);
            let kv = Kv::memory_with(Faults { seed, delay_max, ..Faults::default() });
            let log = Log::embedded(kv.clone(), TABLE, 100);
            log.ready().await.unwrap();
            let waiting = post(&kv, &log, 1, "a");
            assert!(log.moved().now_or_never().is_some());
            assert_eq!(texts(&log, 1).await, ["a"], "seed {seed}");
            waiting.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_oldest_is_dropped_and_counted() {
        let (kv, log) = opened(3).await;
        for n in 0..5 {
            post(&kv, &log, 1, &n.to_string()).await.unwrap();
        }
        assert_eq!((texts(&log, 1).await, log.dropped()), (vec!["2".to_owned(), "3".into(), "4".into()], 2));
        assert_eq!(kv.scan(TABLE, KeyRange::prefix([]), 9).await.unwrap().len(), 3, "on the disk too");
        assert_eq!(kv.scan(ROWS, KeyRange::prefix([]), 9).await.unwrap().len(), 5, "the rows stay");
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_app_that_is_erased_nothing_is_left() {
        let (kv, log) = opened(9).await;
        for app in [1, 1, 2] {
            post(&kv, &log, app, "a").await.unwrap();
        }
        assert_eq!((log.erase(1, 1).await, log.erase(1, 9).await, log.erase(1, 9).await), (Ok(1), Ok(1), Ok(0)));
        assert_eq!((texts(&log, 1).await, texts(&log, 2).await), (vec![], vec!["a".to_owned()]));
    }

    async fn opened(entries_max: u64) -> (Kv, Log) {
        let kv = Kv::memory();
        let log = Log::embedded(kv.clone(), TABLE, entries_max);
        log.ready().await.unwrap();
        (kv, log)
    }

    fn post(kv: &Kv, log: &Log, app: u64, text: &str) -> natter_db::Commit {
        let mut batch = Batch::new();
        batch.put_next(ROWS, "r", &Series::starting_at(log.span(app).map_or(1, |span| span.1), Arc::default()), "row");
        log.append(&mut batch, app, text.to_owned());
        kv.commit(batch)
    }

    async fn texts(log: &Log, app: u64) -> Vec<String> {
        let read = log.read(app, 9).await.unwrap();
        read.into_iter().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap()).collect()
    }
}
