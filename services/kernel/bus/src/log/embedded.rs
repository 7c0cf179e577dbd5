//! The durable log as rows of the store that one process has to itself. An entry is put into the batch of the row that it tells of,
//! so it is there exactly when the row is (decision 0006). A lane is an app.
//!
//! Invariant: of each app at most so many wait. Over it the oldest is dropped and counted: whoever writes is never refused, and never
//! waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use natter_db::{Batch, Error, KeyRange, Kv, Series, Table};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Notify, OnceCell};

use super::Entry;

/// The engine.
pub struct Embedded {
    kv: Kv,
    table: Table,
    entries_max: u64,
    /// By app. What an earlier process left is found once.
    lanes: Mutex<BTreeMap<u64, Lane>>,
    found: OnceCell<()>,
    moved: Arc<Notify>,
    pub(super) dropped: Counter,
}

/// The entries of one app.
struct Lane {
    /// Lower numbers were forgotten or dropped.
    first: u64,
    series: Series,
}

impl Embedded {
    pub fn new(kv: Kv, table: Table, entries_max: u64) -> Embedded {
        let (lanes, found, moved) = (Mutex::default(), OnceCell::new(), Arc::default());
        Embedded { kv, table, entries_max: entries_max.max(1), lanes, found, moved, dropped: Counter::default() }
    }

    pub async fn ready(&self) -> Result<(), Error> {
        self.found.get_or_try_init(|| self.find()).await.map(|_| ())
    }

    pub fn append(&self, batch: &mut Batch, app: u64, value: Bytes) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(app).or_insert_with(|| self.lane(1, 1));
        while lane.series.upcoming() - lane.first >= self.entries_max {
            batch.delete(self.table, key(app, lane.first));
            lane.first += 1;
            self.dropped.inc();
        }
        batch.put_next(self.table, app.to_be_bytes(), &lane.series, value);
    }

    pub async fn tell(&self, app: u64, value: Bytes) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.append(&mut batch, app, value);
        self.kv.commit(batch).await
    }

    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    pub fn lanes(&self) -> Vec<u64> {
        let lanes = self.lanes.lock();
        lanes.iter().filter(|(_, lane)| lane.first < lane.series.upcoming()).map(|(app, _)| *app).collect()
    }

    /// Waits for those that are on their way if no other is there.
    pub async fn read(&self, app: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let Some((first, upcoming)) = self.span(app) else { return Ok(Vec::new()) };
        let found = self.scan(app, first, limit).await?;
        if !found.is_empty() || first >= upcoming {
            return Ok(found);
        }
        // Either they are still being written, or they never were: what is written behind them tells.
        let mut behind = Batch::new();
        behind.relaxed();
        behind.delete(self.table, key(app, 0));
        self.kv.commit(behind).await?;
        let found = self.scan(app, first, limit).await?;
        if found.is_empty() {
            self.forgotten(app, upcoming - 1);
        }
        Ok(found)
    }

    pub fn forget(&self, batch: &mut Batch, app: u64, entries: &[Entry]) {
        entries.iter().for_each(|entry| batch.delete(self.table, key(app, entry.number)));
    }

    pub fn forgotten(&self, app: u64, upto: u64) {
        if let Some(lane) = self.lanes.lock().get_mut(&app) {
            lane.first = lane.first.max(upto + 1);
        }
    }

    /// Removes those that were not forgotten with what came of them.
    pub async fn done(&self, entries: &[Entry]) -> Result<(), Error> {
        let is_left = |entry: &&Entry| self.span(entry.app).is_some_and(|(first, _)| entry.number >= first);
        let left: Vec<&Entry> = entries.iter().filter(is_left).collect();
        if left.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.relaxed();
        left.iter().for_each(|entry| batch.delete(self.table, key(entry.app, entry.number)));
        self.kv.commit(batch).await?;
        left.iter().for_each(|entry| self.forgotten(entry.app, entry.number));
        Ok(())
    }

    pub async fn erase(&self, app: u64, max: usize) -> Result<usize, Error> {
        self.kv.clear(self.table, KeyRange::prefix(app.to_be_bytes()), max).await
    }

    fn span(&self, app: u64) -> Option<(u64, u64)> {
        self.lanes.lock().get(&app).map(|lane| (lane.first, lane.series.upcoming()))
    }

    fn lane(&self, first: u64, next: u64) -> Lane {
        Lane { first, series: Series::starting_at(next, Arc::clone(&self.moved)) }
    }

    async fn scan(&self, app: u64, first: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let range = KeyRange::between(key(app, first), key(app, u64::MAX));
        let rows = self.kv.scan(self.table, range, limit).await?;
        rows.into_iter().map(|(key, value)| Ok(Entry { app, number: place(&key)?.1, value })).collect()
    }

    /// One look per app: at its first entry, and at its last.
    async fn find(&self) -> Result<(), Error> {
        let Embedded { kv, table, .. } = self;
        let mut from = 0;
        loop {
            let row = kv.scan(*table, KeyRange::between(key(from, 0), [u8::MAX; 17]), 1).await?;
            let Some((found, _)) = row.first() else { return Ok(()) };
            let (app, first) = place(found)?;
            let last = kv.scan(*table, KeyRange::prefix(app.to_be_bytes()).reversed(), 1).await?;
            let last = last.first().map_or(Ok(first), |(found, _)| place(found).map(|(_, number)| number))?;
            self.lanes.lock().insert(app, self.lane(first, last + 1));
            self.moved.notify_one();
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
        assert_eq!(log.lanes(), [1, 2]);
        assert_eq!(texts(&log, 1).await, ["a", "b", "c", "d"]);
        let read = log.read(1, 2).await.unwrap();
        let mut batch = Batch::new();
        log.forget(&mut batch, 1, &read);
        kv.commit(batch).await.unwrap();
        log.forgotten(1, read[1].number);
        assert_eq!(texts(&log, 1).await, ["c", "d"]);

        let next = Embedded::new(kv.crash(), TABLE, 100);
        next.ready().await.unwrap();
        assert!(next.moved().now_or_never().is_some(), "what is there is news to who comes");
        assert_eq!(next.lanes(), [1, 2]);
        assert_eq!(texts(&next, 1).await, ["c", "d"]);
        assert_eq!(texts(&next, 2).await, ["other"]);
        let kv = next.kv.clone();
        post(&kv, &next, 1, "e").await.unwrap();
        assert_eq!(texts(&next, 1).await, ["c", "d", "e"], "nothing takes another's place");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_without_a_row_is_there_when_that_is_answered() {
        let (kv, log) = opened(100).await;
        log.tell(1, "a".into()).await.unwrap();
        let next = Embedded::new(kv.crash(), TABLE, 100);
        next.ready().await.unwrap();
        assert_eq!(texts(&next, 1).await, ["a"]);
        let kv = next.kv.clone();
        kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
        next.tell(1, "b".into()).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_forgotten_with_what_came_of_it_goes_when_it_is_done() {
        let (kv, log) = opened(100).await;
        for text in ["a", "b", "c"] {
            post(&kv, &log, 1, text).await.unwrap();
        }
        let read = log.read(1, 2).await.unwrap();
        let mut batch = Batch::new();
        log.forget(&mut batch, 1, &read[..1]);
        kv.commit(batch).await.unwrap();
        log.forgotten(1, read[0].number);
        log.done(&read).await.unwrap();
        assert_eq!(texts(&log, 1).await, ["c"]);
        assert_eq!(kv.scan(TABLE, KeyRange::prefix([]), 9).await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_batch_leaves_nothing_to_wait_for() {
        let (kv, log) = opened(100).await;
        kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
        post(&kv, &log, 1, "lost").await.unwrap_err();
        kv.set_faults(Faults::default());
        assert_eq!(log.lanes(), [1]);
        assert_eq!(texts(&log, 1).await, Vec::<String>::new());
        assert_eq!(log.lanes(), Vec::<u64>::new());
        post(&kv, &log, 1, "a").await.unwrap();
        assert_eq!(texts(&log, 1).await, ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_waits_for_what_is_being_written() {
        for seed in 0..50 {
            let delay_max = Duration::from_millis(50);
            let kv = Kv::memory_with(Faults { seed, delay_max, ..Faults::default() });
            let log = Embedded::new(kv.clone(), TABLE, 100);
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
        assert_eq!((texts(&log, 1).await, log.dropped.get()), (vec!["2".to_owned(), "3".into(), "4".into()], 2));
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

    async fn opened(entries_max: u64) -> (Kv, Embedded) {
        let kv = Kv::memory();
        let log = Embedded::new(kv.clone(), TABLE, entries_max);
        log.ready().await.unwrap();
        (kv, log)
    }

    fn post(kv: &Kv, log: &Embedded, app: u64, text: &str) -> natter_db::Commit {
        let mut batch = Batch::new();
        batch.put_next(ROWS, "r", &Series::starting_at(log.span(app).map_or(1, |span| span.1), Arc::default()), "row");
        log.append(&mut batch, app, text.to_owned().into());
        kv.commit(batch)
    }

    async fn texts(log: &Embedded, app: u64) -> Vec<String> {
        let read = log.read(app, 9).await.unwrap();
        read.into_iter().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap()).collect()
    }
}
