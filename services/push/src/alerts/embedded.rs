//! The port on a key-value store that one process has to itself. How many alerts wait, and when the next one of an app is due,
//! is in memory too. Numbers in keys are big-endian, so that scans run by time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use natter_bus::Log;
use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::push::v1::Note;
use natter_rpc::async_trait;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::OnceCell;

use super::rows::{self, corrupt, due_key, note_key, note_of_message, number, to_due};
use super::{About, Alerts, Due, Step, dropped_note};

/// app, at, user, dialog, place, source -> the rest of the alert.
const ALERTS: Table = Table("alerts");
/// app, user, at, a number -> `push.v1.Note`.
const ALERT_NOTES: Table = Table("alert_notes");
/// app, dialog, message, at, a number -> the key of the note.
const ALERT_NOTES_BY_MESSAGE: Table = Table("alert_notes_by_message");

/// Rows read at once where all are looked at.
const PAGE: usize = 1_000;

/// The engine.
pub struct Embedded {
    kv: Kv,
    /// Of which steps say what was looked at.
    log: Log,
    queue_max: u64,
    lanes: Mutex<BTreeMap<u64, Lane>>,
    found: OnceCell<()>,
    /// Tells notes of one moment apart.
    numbers: AtomicU64,
}

/// The alerts of an app that wait.
#[derive(Default)]
struct Lane {
    /// As far as is known.
    count: u64,
    /// None is due earlier.
    next_at: i64,
    /// Grows with each alert that is put: what was read before does not say when the next one is due.
    puts: u64,
}

impl Embedded {
    /// `first_number`: above those of earlier processes of the same millisecond.
    pub fn new(kv: Kv, log: Log, queue_max: u64, first_number: u64) -> Embedded {
        let (lanes, found, numbers) = (Mutex::default(), OnceCell::new(), AtomicU64::new(first_number));
        Embedded { kv, log, queue_max: queue_max.max(1), lanes, found, numbers }
    }

    async fn find(&self) -> Result<(), Error> {
        let (mut lanes, mut from) = (BTreeMap::<u64, Lane>::new(), Vec::new());
        loop {
            let page = self.kv.scan(ALERTS, KeyRange::between(&from, [u8::MAX; 64]), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            from = [last.as_ref(), &[0]].concat();
            for (key, _) in &page {
                let (app, at) = (number(ALERTS, key, 0)?, number(ALERTS, key, 8)? as i64);
                let lane = lanes.entry(app).or_insert(Lane { next_at: at, ..Lane::default() });
                lane.count += 1;
            }
        }
        *self.lanes.lock() = lanes;
        Ok(())
    }

    /// The oldest alerts that have no place beside those that the step puts, without those that it takes away itself.
    async fn surplus(&self, step: &Step) -> Result<Vec<Due>, Error> {
        let count = self.lanes.lock().get(&step.app).map_or(0, |lane| lane.count);
        let after = (count + step.put.len() as u64).saturating_sub(step.gone.len() as u64);
        let over = usize::try_from(after.saturating_sub(self.queue_max)).unwrap_or(usize::MAX);
        if over == 0 {
            return Ok(Vec::new());
        }
        let wanted = over.saturating_add(step.gone.len());
        let mut oldest = self.scan(step.app, wanted).await?;
        oldest.retain(|due| !step.gone.iter().any(|gone| due_key(gone) == due_key(due)));
        oldest.truncate(over);
        Ok(oldest)
    }

    async fn scan(&self, app: u64, limit: usize) -> Result<Vec<Due>, Error> {
        let rows = self.kv.scan(ALERTS, KeyRange::prefix(app.to_be_bytes()), limit).await?;
        rows.iter().map(|(key, value)| to_due(key, value)).collect()
    }

    fn note(&self, batch: &mut Batch, app: u64, note: &Note) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let key = note_key(app, note, number);
        batch.put(ALERT_NOTES_BY_MESSAGE, note_of_message(app, note, number), key.clone());
        batch.put(ALERT_NOTES, key, note.encode_to_vec());
    }

    fn moved(&self, step: &Step, dropped: u64) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(step.app).or_insert(Lane { next_at: i64::MAX, ..Lane::default() });
        lane.count = (lane.count + step.put.len() as u64).saturating_sub(step.gone.len() as u64 + dropped);
        if let Some(at) = step.put.iter().map(|due| due.at).min() {
            lane.puts += 1;
            lane.next_at = lane.next_at.min(at);
        }
    }

    async fn clear_notes(&self, rows: &[(bytes::Bytes, bytes::Bytes)], is_over: impl Fn(&Note) -> bool) -> Result<usize, Error> {
        let (mut batch, mut count) = (Batch::new(), 0);
        for (key, value) in rows {
            let note = Note::decode(value.as_ref()).map_err(|_| corrupt(ALERT_NOTES))?;
            if is_over(&note) {
                batch.delete(
                    ALERT_NOTES_BY_MESSAGE,
                    note_of_message(number(ALERT_NOTES, key, 0)?, &note, number(ALERT_NOTES, key, 24)?),
                );
                batch.delete(ALERT_NOTES, key.to_vec());
                count += 1;
            }
        }
        if count > 0 {
            self.kv.commit(batch).await?;
        }
        Ok(count)
    }

    /// The alerts of a user, or all, within a page of those of an app.
    async fn clear_alerts(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, Error> {
        let mut from = app.to_be_bytes().to_vec();
        loop {
            let range = KeyRange::between(&from, [&app.to_be_bytes()[..], &[u8::MAX; 64]].concat());
            let rows = self.kv.scan(ALERTS, range, max).await?;
            let Some((last, _)) = rows.last() else { return Ok(0) };
            from = [last.as_ref(), &[0]].concat();
            let dues: Result<Vec<Due>, Error> = rows.iter().map(|(key, value)| to_due(key, value)).collect();
            let gone: Vec<Due> = dues?.into_iter().filter(|due| user.is_none_or(|user| due.user == user)).collect();
            let count = gone.len();
            if count > 0 {
                self.take(Step { app, gone, ..Step::default() }).await?;
                return Ok(count);
            }
        }
    }
}

#[async_trait]
impl Alerts for Embedded {
    async fn ready(&self) -> Result<(), Error> {
        self.log.ready().await?;
        self.found.get_or_try_init(|| self.find()).await.map(|_| ())
    }

    async fn apps(&self) -> Result<Vec<u64>, Error> {
        Ok(Vec::new())
    }

    async fn adopt(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn leave(&self, _: &dyn Fn(u64) -> bool) {}

    async fn take(&self, step: Step) -> Result<u64, Error> {
        let mut batch = Batch::new();
        // What a machine loses with its power is looked at, or sent, once more.
        batch.relaxed();
        self.log.forget(&mut batch, step.app, &step.entries);
        step.gone.iter().for_each(|due| batch.delete(ALERTS, due_key(due)));
        let dropped = self.surplus(&step).await?;
        step.put.iter().for_each(|due| batch.put(ALERTS, due_key(due), rows::of_due(due)));
        for due in &dropped {
            batch.delete(ALERTS, due_key(due));
            self.note(&mut batch, step.app, &dropped_note(due));
        }
        step.notes.iter().for_each(|note| self.note(&mut batch, step.app, note));
        if batch.is_empty() {
            return Ok(0);
        }
        self.kv.commit(batch).await?;
        if let Some(last) = step.entries.last() {
            self.log.forgotten(step.app, last.number);
        }
        self.moved(&step, dropped.len() as u64);
        Ok(dropped.len() as u64)
    }

    fn next(&self) -> Vec<(u64, i64)> {
        self.lanes.lock().iter().filter(|(_, lane)| lane.next_at < i64::MAX).map(|(app, lane)| (*app, lane.next_at)).collect()
    }

    async fn due(&self, app: u64, now: i64, limit: usize) -> Result<Vec<Due>, Error> {
        let puts = self.lanes.lock().get(&app).map_or(0, |lane| lane.puts);
        let mut found = self.scan(app, limit.saturating_add(1)).await?;
        let later = found.iter().position(|due| due.at > now);
        let next_at = later.or_else(|| found.len().checked_sub(1)).map_or(i64::MAX, |place| found[place].at);
        let (whole, count) = (found.len() <= limit, found.len() as u64);
        found.truncate(later.unwrap_or(limit));
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get_mut(&app).filter(|lane| lane.puts == puts) {
            lane.next_at = next_at;
            // What was dropped while it was being sent was counted twice.
            lane.count = if whole { count } else { lane.count };
        }
        if whole && count == 0 && lanes.get(&app).is_some_and(|lane| lane.puts == puts) {
            lanes.remove(&app);
        }
        Ok(found)
    }

    async fn later(&self, app: u64, now: i64, upto: i64, limit: usize) -> Result<Vec<Due>, Error> {
        let from = |at: i64| [app.to_be_bytes(), at.saturating_add(1).to_be_bytes()].concat();
        let rows = self.kv.scan(ALERTS, KeyRange::between(from(now), from(upto)), limit).await?;
        rows.iter().map(|(key, value)| to_due(key, value)).collect()
    }

    async fn notes(&self, app: u64, about: About, before: &[u8], limit: usize) -> Result<(Vec<Note>, Vec<u8>), Error> {
        let (table, prefix) = match about {
            About::User(user) => (ALERT_NOTES, [app.to_be_bytes(), user.to_be_bytes()].concat()),
            About::Message(dialog, message) => {
                (ALERT_NOTES_BY_MESSAGE, [&app.to_be_bytes()[..], &dialog.to_vec(), &message.to_vec()].concat())
            }
        };
        let range = match before {
            [] => KeyRange::prefix(&prefix),
            before => KeyRange::between(&prefix, [&prefix, before].concat()),
        };
        let rows = self.kv.scan(table, range.reversed(), limit.saturating_add(1)).await?;
        let page = &rows[..rows.len().min(limit)];
        let next = match page.last() {
            Some((key, _)) if rows.len() > limit => key[prefix.len()..].to_vec(),
            _ => Vec::new(),
        };
        let values = match about {
            About::User(_) => page.iter().map(|(_, value)| Some(value.clone())).collect(),
            About::Message(..) => self.kv.multi_get(ALERT_NOTES, page.iter().map(|(_, key)| key.to_vec()).collect()).await?,
        };
        // One may have gone since its key was read.
        let notes = values.into_iter().flatten().map(|value| Note::decode(value).map_err(|_| corrupt(ALERT_NOTES)));
        Ok((notes.collect::<Result<_, _>>()?, next))
    }

    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, Error> {
        let range = KeyRange::between(after.unwrap_or_default(), [u8::MAX; 40]);
        let rows = self.kv.scan(ALERT_NOTES, range, PAGE).await?;
        self.clear_notes(&rows, |note| note.at < before).await?;
        Ok(rows.last().filter(|_| rows.len() == PAGE).map(|(last, _)| [last.as_ref(), &[0]].concat()))
    }

    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<(usize, usize, usize), Error> {
        self.ready().await?;
        let alerts = self.clear_alerts(app, user, max).await?;
        let prefix = [&app.to_be_bytes()[..], &user.map_or_else(Vec::new, |user| user.to_be_bytes().to_vec())].concat();
        let rows = self.kv.scan(ALERT_NOTES, KeyRange::prefix(prefix), max).await?;
        let notes = self.clear_notes(&rows, |_| true).await?;
        // Of alerts there may be more behind those of others.
        let most = if alerts > 0 { max } else { notes };
        Ok((alerts, notes, most))
    }
}
