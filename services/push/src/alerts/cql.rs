//! The port on ScyllaDB. One process owns an app and holds in memory how many of its alerts wait and when the next one is due ([`lane`]);
//! the next owner finds that by marks ([`OnCql::find`]). Two may hold themselves for the owner for a while: then an alert may be sent by
//! both, under one collapse id, and none is lost: nobody takes away another's mark, and who took over looks at the marks once more when
//! the one before has long ended what it was at.
//!
//! A step is not one write, so its parts have an order, and taken again it has the same effect: rows are known by what they say.
//!
//! | order | what a crash after it leaves | who repairs it |
//! |---|---|---|
//! | 1 marks of the slots | a mark of an empty slot | it ends by itself |
//! | 2 alerts that are put, notes | alerts of entries that are in the durable log yet; of an attempt, both the alert as it was and as it is | the entry comes again, with the same alerts; both are sent, under one collapse id |
//! | 3 alerts that are gone | entries whose alerts may have been sent | the entry comes again; the devices show one |
//! | 4 entries are done with, by whoever read them | | |
//!
//! An alert that nobody looks at for a week after its time ends by itself, and its mark a day later.

mod lane;
mod notes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::Clock;
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::Note;
use natter_rpc::async_trait;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use self::lane::{Filling, Lane, Look, Span, end_of, slot_of, spans};
use self::notes::Journal;
use super::rows::{due_key, of_due, to_due};
use super::{About, Alerts, Due, Step, dropped_note};
use crate::writes::{Writes, seconds_of};

/// `key` and `row`: as `rows.rs` writes them, without the app. `slot`: a minute. `boot`: whose mark it is.
pub const TABLES: Migration = Migration {
    name: "push/006-alerts",
    statements: &[
        "CREATE TABLE IF NOT EXISTS alerts (app bigint, slot bigint, at bigint, key blob, row blob, \
         PRIMARY KEY ((app, slot), at, key)) WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS alert_slots (app bigint, slot bigint, boot bigint, PRIMARY KEY (app, slot, boot)) \
         WITH gc_grace_seconds = 14400",
        "CREATE TABLE IF NOT EXISTS alert_apps (part int, app bigint, PRIMARY KEY (part, app))",
        "CREATE TABLE IF NOT EXISTS alert_notes (app bigint, day bigint, part int, key blob, row blob, \
         PRIMARY KEY ((app, day, part), key))",
        "CREATE TABLE IF NOT EXISTS alert_notes_by_message (app bigint, dialog blob, message blob, key blob, row blob, \
         PRIMARY KEY ((app, dialog, message), key))",
    ],
};

const PUT: Statement = Statement::write("INSERT INTO alerts (app, slot, at, key, row) VALUES (?, ?, ?, ?, ?) USING TTL ?");
const REMOVE: Statement = Statement::write("DELETE FROM alerts WHERE app = ? AND slot = ? AND at = ? AND key = ?");
const OF_SPAN: Statement =
    Statement::read("SELECT at, key, row FROM alerts WHERE app = ? AND slot = ? AND at >= ? AND at < ? LIMIT ?");
const COUNT: Statement =
    Statement::read("SELECT min(at), count(*) FROM alerts WHERE app = ? AND slot = ? AND at >= ? AND at < ?");

const MARK: Statement =
    Statement::write("INSERT INTO alert_slots (app, slot, boot) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?");
const UNMARK: Statement = Statement::write("DELETE FROM alert_slots USING TIMESTAMP ? WHERE app = ? AND slot = ? AND boot = ?");
const MARKS: Statement = Statement::read("SELECT slot FROM alert_slots WHERE app = ?");

const PUT_APP: Statement = Statement::write("INSERT INTO alert_apps (part, app) VALUES (?, ?)");
const REMOVE_APP: Statement = Statement::write("DELETE FROM alert_apps WHERE part = ? AND app = ?");
const APPS: Statement = Statement::read("SELECT app FROM alert_apps WHERE part = ?");

/// Partitions of the apps of which something may wait. Never changed: rows lie by it.
const APP_PARTS: u64 = 16;
/// What is read at once.
const AT_ONCE: usize = 16;
/// What is read ahead of what may be enough.
const AHEAD: usize = 4;
/// After that the owner before takes no step any more, milliseconds.
const SETTLED_MS: i64 = 60_000;
/// For so long after its time an alert is kept that nobody looks at, and its mark, milliseconds.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
const MARKED_MS: i64 = KEPT_MS + 24 * 60 * 60 * 1_000;
/// Days of the journal that are looked at, at most.
const DAYS_MAX: u32 = 3_650;

/// What the engine is told.
pub struct Bounds {
    /// Alerts of an app that wait.
    pub queue_max: u64,
    /// Days for which notes are kept.
    pub journal_days: u32,
}

/// The engine.
pub struct OnCql {
    cql: Cql,
    clock: Clock,
    journal: Journal,
    queue_max: u64,
    /// Whose marks are ours.
    boot: i64,
    /// Of the newest mark: microseconds, each another one.
    stamp: AtomicI64,
    apps: Mutex<BTreeMap<u64, Arc<OfApp>>>,
}

#[derive(Default)]
struct OfApp {
    found: OnceCell<()>,
    /// When the marks are looked at once more.
    again_at: AtomicI64,
    /// Whether it stands among the apps of which something may wait.
    is_listed: AtomicBool,
    lane: Mutex<Lane>,
}

impl OnCql {
    /// `boot`: by chance, once per process.
    pub fn new(cql: Cql, clock: Clock, boot: u64, bounds: &Bounds) -> OnCql {
        let days = i64::from(bounds.journal_days.clamp(1, DAYS_MAX));
        let journal = Journal { cql: cql.clone(), clock: clock.clone(), days };
        let (queue_max, stamp) = (bounds.queue_max.max(1), AtomicI64::new(0));
        OnCql { cql, clock, journal, queue_max, boot: boot as i64, stamp, apps: Mutex::default() }
    }

    /// What is known of an app, found if it is touched for the first time.
    async fn of_app(&self, app: u64) -> Result<Arc<OfApp>, Error> {
        let of_app = Arc::clone(self.apps.lock().entry(app).or_default());
        let found = of_app.found.get_or_try_init(async || {
            of_app.again_at.store(self.clock.now_ms() + SETTLED_MS, Ordering::Release);
            self.find(app, &of_app).await
        });
        found.await?;
        Ok(of_app)
    }

    /// What the owners before left: in each slot that somebody marked, how many alerts there are and the earliest.
    async fn find(&self, app: u64, of_app: &OfApp) -> Result<(), Error> {
        let mut slots: Vec<i64> = self.cql.rows::<(i64,)>(MARKS, (app as i64,)).await?.into_iter().map(|(slot,)| slot).collect();
        slots.dedup();
        let count = async |Span { slot, from, upto }: Span| {
            let found = self.cql.row::<(Option<i64>, i64)>(COUNT, (app as i64, slot, from, upto)).await?;
            Ok::<_, Error>((slot, found))
        };
        let spans = stream::iter(slots.into_iter().flat_map(|slot| spans(slot, i64::MIN)));
        let mut counts = std::pin::pin!(spans.map(count).buffer_unordered(AT_ONCE));
        let mut found = BTreeMap::new();
        while let Some((slot, counted)) = counts.try_next().await? {
            let Some((Some(low), count)) = counted else { continue };
            let of_slot = found.entry(slot).or_insert((low, 0));
            *of_slot = (of_slot.0.min(low), of_slot.1 + count as u64);
        }
        let mut lane = of_app.lane.lock();
        found.into_iter().for_each(|(slot, (low, count))| lane.found(slot, low, count));
        Ok(())
    }

    /// What is there of a look, in its order, at most `limit`; and up to when everything was read.
    async fn read(&self, app: u64, look: &Look, limit: usize) -> Result<(Vec<Due>, i64), Error> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let of_span = async |span: Span| {
            let Span { slot, from, upto } = span;
            let rows = self.cql.rows::<(i64, Vec<u8>, Vec<u8>)>(OF_SPAN, (app as i64, slot, from, upto, most)).await?;
            Ok::<_, Error>((span, rows))
        };
        let mut spans = std::pin::pin!(stream::iter(look.spans.iter().copied()).map(of_span).buffered(AHEAD));
        let mut found = Vec::new();
        while let Some((span, rows)) = spans.try_next().await? {
            let room = limit - found.len();
            let is_over = rows.len() >= room;
            for (at, key, row) in rows.into_iter().take(room) {
                found.push(to_due(&[&app.to_be_bytes()[..], &at.to_be_bytes(), &key].concat(), &row)?);
            }
            if is_over {
                return Ok((found, span.from));
            }
        }
        Ok((found, i64::MAX))
    }

    /// The oldest alerts that have no place beside those that the step puts, without those that it takes away itself.
    async fn surplus(&self, of_app: &OfApp, step: &Step) -> Result<Vec<Due>, Error> {
        let (count, look) = {
            let lane = of_app.lane.lock();
            (lane.count(), lane.look(i64::MAX))
        };
        let after = (count + step.put.len() as u64).saturating_sub(step.gone.len() as u64);
        let over = usize::try_from(after.saturating_sub(self.queue_max)).unwrap_or(usize::MAX);
        if over == 0 {
            return Ok(Vec::new());
        }
        let wanted = over.saturating_add(step.gone.len());
        let (mut oldest, _) = self.read(step.app, &look, wanted).await?;
        oldest.retain(|due| !step.gone.iter().any(|gone| due_key(gone) == due_key(due)));
        oldest.truncate(over);
        Ok(oldest)
    }

    /// Whoever takes the app over finds what is put.
    async fn mark(&self, app: u64, of_app: &OfApp, filling: &Filling) -> Result<(), Error> {
        if !of_app.is_listed.load(Ordering::Acquire) && !filling.marks.is_empty() {
            self.cql.write(PUT_APP, ((app % APP_PARTS) as i32, app as i64)).await?;
            of_app.is_listed.store(true, Ordering::Release);
        }
        let now = self.clock.now_ms();
        let mut writes = Writes::default();
        for (slot, stamp) in &filling.marks {
            let life = seconds_of((end_of(*slot) - now).max(0) + MARKED_MS);
            writes.push(Vec::new(), 0, (MARK, Box::new((app as i64, *slot, self.boot, life, *stamp))));
        }
        writes.done(&self.cql).await?;
        of_app.lane.lock().marked(filling, now);
        Ok(())
    }

    /// Slots that were seen empty are marked no more, as far as this process marked them.
    async fn unmark(&self, app: u64, marks: Vec<(i64, i64)>) {
        let mut writes = Writes::default();
        for (slot, stamp) in marks {
            writes.push(Vec::new(), 0, (UNMARK, Box::new((stamp, app as i64, slot, self.boot))));
        }
        if let Err(error) = writes.done(&self.cql).await {
            tracing::debug!(app, %error, "marks of empty slots are left to their end");
        }
    }

    fn next_stamp(&self) -> i64 {
        let now = self.clock.now_ms() * 1_000;
        let next = |before: i64| Some(now.max(before + 1));
        // It never fails, as there is always a next one.
        self.stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_or(now, |before| now.max(before + 1))
    }

    fn put(&self, writes: &mut Writes, due: &Due, now: i64) {
        let (app, slot, key, row) = (due.app as i64, slot_of(due.at), key_of(due), of_due(due));
        let life = seconds_of((due.at - now).max(0) + KEPT_MS);
        writes.push(place_of(due), key.len() + row.len(), (PUT, Box::new((app, slot, due.at, key, row, life))));
    }

    /// The alerts of a user, or all, within a page of those of an app.
    async fn clear_alerts(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, Error> {
        let of_app = self.of_app(app).await?;
        let look = of_app.lane.lock().look(i64::MAX);
        for span in &look.spans {
            let (mut from, mut page) = (span.from, max);
            loop {
                let one = Look::of(Span { from, ..*span });
                let (found, _) = self.read(app, &one, page).await?;
                let (is_last, last_at) = (found.len() < page, found.last().map(|due| due.at));
                let gone: Vec<Due> = found.into_iter().filter(|due| user.is_none_or(|user| due.user == user)).collect();
                if !gone.is_empty() {
                    let count = gone.len();
                    self.take(Step { app, gone, ..Step::default() }).await?;
                    return Ok(count);
                }
                let Some(last) = last_at.filter(|_| !is_last) else { break };
                // Of one instant there may be more than a page: as many as there are recipients of an event.
                page = if last > from { max } else { page.saturating_mul(2) };
                from = last;
            }
        }
        Ok(0)
    }
}

#[async_trait]
impl Alerts for OnCql {
    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn apps(&self) -> Result<Vec<u64>, Error> {
        let of_part = async |part| self.cql.rows::<(i64,)>(APPS, (part as i32,)).await;
        let found: Vec<_> = stream::iter(0..APP_PARTS).map(of_part).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().map(|(app,)| app as u64).collect())
    }

    async fn adopt(&self, app: u64) -> Result<(), Error> {
        let of_app = self.of_app(app).await?;
        if self.clock.now_ms() >= of_app.again_at.load(Ordering::Acquire) {
            self.find(app, &of_app).await?;
            of_app.again_at.store(i64::MAX, Ordering::Release);
        }
        Ok(())
    }

    fn leave(&self, owns: &dyn Fn(u64) -> bool) {
        // What a step is being taken of is left the next time.
        self.apps.lock().retain(|app, of_app| owns(*app) || Arc::strong_count(of_app) > 1);
    }

    async fn take(&self, step: Step) -> Result<u64, Error> {
        let of_app = self.of_app(step.app).await?;
        let dropped = self.surplus(&of_app, &step).await?;
        let now = self.clock.now_ms();
        let filling = of_app.lane.lock().begin(step.put.iter().map(|due| due.at), now, || self.next_stamp());
        let taking = Taking { of_app: &of_app, filling, put: Vec::new() };
        self.mark(step.app, &of_app, &taking.filling).await?;
        let mut writes = Writes::default();
        step.put.iter().for_each(|due| self.put(&mut writes, due, now));
        let of_dropped: Vec<Note> = dropped.iter().map(dropped_note).collect();
        step.notes.iter().chain(&of_dropped).for_each(|note| self.journal.add(&mut writes, step.app, note));
        writes.done(&self.cql).await?;
        taking.done(step.put.iter().map(|due| due.at).collect());
        let kept: BTreeSet<Vec<u8>> = step.put.iter().map(due_key).collect();
        let gone = || step.gone.iter().chain(&dropped);
        let mut writes = Writes::default();
        for due in gone().filter(|due| !kept.contains(&due_key(due))) {
            let (key, app) = (key_of(due), due.app as i64);
            writes.push(place_of(due), key.len(), (REMOVE, Box::new((app, slot_of(due.at), due.at, key))));
        }
        writes.done(&self.cql).await?;
        of_app.lane.lock().gone(gone().map(|due| due.at));
        Ok(dropped.len() as u64)
    }

    fn next(&self) -> Vec<(u64, i64)> {
        let apps = self.apps.lock();
        let next = apps.iter().map(|(app, of_app)| (*app, of_app.lane.lock().next_at()));
        next.filter(|(_, at)| *at < i64::MAX).collect()
    }

    async fn due(&self, app: u64, now: i64, limit: usize) -> Result<Vec<Due>, Error> {
        let of_app = self.of_app(app).await?;
        let look = of_app.lane.lock().look(now);
        let (mut found, through) = self.read(app, &look, limit.saturating_add(1)).await?;
        let ats: Vec<i64> = found.iter().map(|due| due.at).collect();
        let over = of_app.lane.lock().looked(&look, &ats, through, (now, limit));
        self.unmark(app, over).await;
        found.truncate(ats.iter().position(|at| *at > now).unwrap_or(limit).min(limit));
        Ok(found)
    }

    async fn later(&self, app: u64, now: i64, upto: i64, limit: usize) -> Result<Vec<Due>, Error> {
        let of_app = self.of_app(app).await?;
        let look = of_app.lane.lock().look(upto).after(now);
        let (mut found, _) = self.read(app, &look, limit).await?;
        found.retain(|due| due.at > now && due.at <= upto);
        Ok(found)
    }

    async fn notes(&self, app: u64, about: About, before: &[u8], limit: usize) -> Result<(Vec<Note>, Vec<u8>), Error> {
        self.journal.page(app, about, before, limit).await
    }

    async fn sweep(&self, _: Option<Vec<u8>>, _: i64) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<(usize, usize, usize), Error> {
        let alerts = self.clear_alerts(app, user, max).await?;
        let notes = self.journal.erase(app, user, max).await?;
        if user.is_none() && alerts == 0 {
            let of_app = self.of_app(app).await?;
            of_app.is_listed.store(false, Ordering::Release);
            self.cql.write(REMOVE_APP, ((app % APP_PARTS) as i32, app as i64)).await?;
        }
        // Of alerts there may be more behind those of others.
        let most = if alerts > 0 { max } else { notes };
        Ok((alerts, notes, most))
    }
}

/// A step that is being taken. However it ends, its slots are looked at.
struct Taking<'a> {
    of_app: &'a OfApp,
    filling: Filling,
    put: Vec<i64>,
}

impl Taking<'_> {
    fn done(mut self, put: Vec<i64>) {
        self.put = put;
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.of_app.lane.lock().end(&self.filling, self.put.iter().copied());
    }
}

/// Behind the app and the instant.
fn key_of(due: &Due) -> Vec<u8> {
    due_key(due).split_off(16)
}

fn place_of(due: &Due) -> Vec<u8> {
    [&b"alerts"[..], &due.app.to_be_bytes(), &slot_of(due.at).to_be_bytes()].concat()
}
