//! The port on ScyllaDB. An event and its place among its maker's are two partitions, and the durable log is a third place, so an event is
//! kept in steps, each of which can be taken again:
//!
//! | step | what a crash after it leaves | who repairs it |
//! |---|---|---|
//! | 1 it is among those that may not be told | a row about nothing | the sweep forgets it |
//! | 2 its place among its maker's, not told | a place that is not shown | the sweep removes it |
//! | 3 the event | an event that nobody sends or shows | the sweep tells the log, and goes on with step 5 |
//! | 4 the log is told | an event that is sent and not shown | the same: the log is told twice, the devices show one |
//! | 5 its place, told | | the sweep forgets step 1 |
//! | 6 it is not among those of step 1 any more | | |
//!
//! If the log cannot be told, the maker hears of it and what was kept is removed again; what is not, the sweep finds: then the event is
//! sent, and who was told that this is not known has to bear that. Every process sweeps, so the log may be told by each of them; it knows
//! an event that it was told of a short while ago.
//!
//! Events end by themselves some days after their time. Those of an app lie in [`PARTS`] partitions and can be walked.

#[cfg(test)]
mod tests;

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::Clock;
use natter_bus::Log;
use natter_db::Error as DbError;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::event::v1::Posted;
use natter_proto::push::v1::Event;
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Events};
use crate::writes::seconds_of;

/// `row`: `push.v1.Event`.
pub const TABLES: Migration = Migration {
    name: "push/005-events",
    statements: &[
        "CREATE TABLE IF NOT EXISTS push_events (app bigint, part int, id bigint, row blob, PRIMARY KEY ((app, part), id))",
        "CREATE TABLE IF NOT EXISTS push_events_by_maker (app bigint, maker bigint, id bigint, at bigint, told boolean, \
         PRIMARY KEY ((app, maker), id))",
        "CREATE TABLE IF NOT EXISTS push_events_untold (part int, app bigint, id bigint, maker bigint, since bigint, \
         PRIMARY KEY (part, app, id)) WITH gc_grace_seconds = 14400",
    ],
};

const PUT: Statement = Statement::write("INSERT INTO push_events (app, part, id, row) VALUES (?, ?, ?, ?) USING TTL ?");
const GET: Statement = Statement::read("SELECT row FROM push_events WHERE app = ? AND part = ? AND id = ?");
const OF_PART: Statement = Statement::read("SELECT row FROM push_events WHERE app = ? AND part = ? LIMIT ?");
const REMOVE: Statement = Statement::write("DELETE FROM push_events WHERE app = ? AND part = ? AND id = ?");

const PUT_PLACE: Statement =
    Statement::write("INSERT INTO push_events_by_maker (app, maker, id, at, told) VALUES (?, ?, ?, ?, ?) USING TTL ?");
const PLACES: Statement = Statement::read("SELECT id, at, told FROM push_events_by_maker WHERE app = ? AND maker = ? LIMIT ?");
const PLACE: Statement = Statement::read("SELECT told FROM push_events_by_maker WHERE app = ? AND maker = ? AND id = ?");
const REMOVE_PLACE: Statement = Statement::write("DELETE FROM push_events_by_maker WHERE app = ? AND maker = ? AND id = ?");

const PUT_UNTOLD: Statement =
    Statement::write("INSERT INTO push_events_untold (part, app, id, maker, since) VALUES (?, ?, ?, ?, ?)");
const UNTOLD: Statement = Statement::read("SELECT app, id, maker, since FROM push_events_untold WHERE part = ? LIMIT 1000");
const REMOVE_UNTOLD: Statement = Statement::write("DELETE FROM push_events_untold WHERE part = ? AND app = ? AND id = ?");

/// Partitions of the events of an app, and of those that may not be told. Never changed: rows lie by it.
const PARTS: u64 = 64;
/// Of those that may not be told, so many are looked at each time.
const PARTS_SWEPT: u8 = 8;
/// Rows that are read at once.
const AT_ONCE: usize = 16;
/// For so long whoever puts an event may be at it, milliseconds.
const UNDER_WAY_MS: i64 = 30_000;

/// The engine.
pub struct OnCql {
    cql: Cql,
    /// Which is told of each event.
    log: Log,
    clock: Clock,
    /// For so long events are kept after their time, milliseconds.
    kept_ms: i64,
}

impl OnCql {
    pub fn new(cql: Cql, log: Log, clock: Clock, kept_ms: i64) -> OnCql {
        OnCql { cql, log, clock, kept_ms }
    }

    /// Ids of a maker's, when their time is, and whether they are told; the oldest first.
    async fn places(&self, app: u64, maker: u64, limit: usize) -> Result<Vec<(u64, i64, bool)>, DbError> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows = self.cql.rows::<(i64, i64, bool)>(PLACES, (app as i64, maker as i64, most)).await?;
        Ok(rows.into_iter().map(|(id, at, told)| (id as u64, at, told)).collect())
    }

    /// Seconds for which it is kept.
    fn life(&self, event: &Event, now: i64) -> i32 {
        seconds_of((event.at - now).max(0) + self.kept_ms)
    }

    async fn put_place(&self, event: &Event, told: bool, now: i64) -> Result<(), DbError> {
        let Event { app, user, id, at, .. } = *event;
        self.cql.write(PUT_PLACE, (app as i64, user as i64, id as i64, at, told, self.life(event, now))).await
    }

    /// Steps 4 to 6.
    async fn tell(&self, event: &Event) -> Result<(), DbError> {
        let value = Posted { event: event.id, ..Posted::default() }.encode_to_vec();
        self.log.tell(event.app, &format!("event:{}", event.id), value).await?;
        self.put_place(event, true, self.clock.now_ms()).await?;
        self.forget_untold(event.app, event.id).await
    }

    async fn forget(&self, app: u64, maker: u64, id: u64) -> Result<(), DbError> {
        self.cql.write(REMOVE, (app as i64, part_of(id), id as i64)).await?;
        self.cql.write(REMOVE_PLACE, (app as i64, maker as i64, id as i64)).await?;
        self.forget_untold(app, id).await
    }

    async fn forget_untold(&self, app: u64, id: u64) -> Result<(), DbError> {
        self.cql.write(REMOVE_UNTOLD, (part_of(id), app as i64, id as i64)).await
    }

    /// One that may not be told, and that nobody puts any more.
    async fn mend(&self, app: u64, maker: u64, id: u64) -> Result<(), DbError> {
        let told = self.cql.row::<(bool,)>(PLACE, (app as i64, maker as i64, id as i64)).await?;
        match (self.get(app, id).await?, told) {
            (Some(_), Some((true,))) => self.forget_untold(app, id).await,
            (Some(event), _) => self.tell(&event).await,
            (None, _) => self.forget(app, maker, id).await,
        }
    }
}

#[async_trait]
impl Events for OnCql {
    async fn put(&self, event: &Event, max: usize, now: i64) -> Result<(), Error> {
        self.log.ready().await?;
        let Event { app, user, id, .. } = *event;
        let places = self.places(app, user, max).await?;
        if let Some((oldest, at, _)) = places.first().filter(|_| places.len() >= max) {
            if *at > now {
                return Err(Error::Full(max));
            }
            self.forget(app, user, *oldest).await?;
        }
        let untold = (part_of(id), app as i64, id as i64, user as i64, self.clock.now_ms());
        self.cql.write(PUT_UNTOLD, untold).await?;
        self.put_place(event, false, now).await?;
        let row = event.encode_to_vec();
        self.cql.write(PUT, (app as i64, part_of(id), id as i64, row, self.life(event, now))).await?;
        if let Err(error) = self.tell(event).await {
            if let Err(error) = self.forget(app, user, id).await {
                tracing::warn!(app, id, %error, "an event that could not be told is left; it is told later");
            }
            return Err(error.into());
        }
        Ok(())
    }

    async fn get(&self, app: u64, id: u64) -> Result<Option<Event>, DbError> {
        let found = self.cql.row::<(Vec<u8>,)>(GET, (app as i64, part_of(id), id as i64)).await?;
        found.map(|(row,)| event(&row)).transpose()
    }

    async fn of_maker(&self, app: u64, user: u64, skip: usize, limit: usize) -> Result<(Vec<Event>, u64), DbError> {
        let places = self.places(app, user, usize::MAX).await?;
        let ids: Vec<u64> = places.into_iter().rev().filter(|(.., told)| *told).map(|(id, ..)| id).collect();
        let total = ids.len() as u64;
        let wanted = stream::iter(ids.into_iter().skip(skip).take(limit));
        let found: Vec<Option<Event>> = wanted.map(|id| self.get(app, id)).buffered(AT_ONCE).try_collect().await?;
        // One may have gone since its place was read.
        Ok((found.into_iter().flatten().collect(), total))
    }

    async fn remove(&self, event: &Event) -> Result<(), DbError> {
        self.forget(event.app, event.user, event.id).await
    }

    async fn sweep(&self, after: Option<Vec<u8>>, _: i64) -> Result<Option<Vec<u8>>, DbError> {
        let before = self.clock.now_ms() - UNDER_WAY_MS;
        let first = after.and_then(|after| after.first().copied()).unwrap_or_default();
        let upto = first.saturating_add(PARTS_SWEPT).min(PARTS as u8);
        for part in first..upto {
            let found = self.cql.rows::<(i64, i64, i64, i64)>(UNTOLD, (i32::from(part),)).await?;
            for (app, id, maker, _) in found.into_iter().filter(|(.., since)| *since < before) {
                self.mend(app as u64, maker as u64, id as u64).await?;
            }
        }
        Ok((u64::from(upto) < PARTS).then(|| vec![upto]))
    }

    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, DbError> {
        if let Some(user) = user {
            let places = self.places(app, user, max).await?;
            let (count, gone) = (places.len(), stream::iter(places));
            gone.map(|(id, ..)| self.forget(app, user, id)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            return Ok(count);
        }
        let most = i32::try_from(max).unwrap_or(i32::MAX);
        let of_part = async |part| self.cql.rows::<(Vec<u8>,)>(OF_PART, (app as i64, part as i32, most)).await;
        let mut parts = std::pin::pin!(stream::iter(0..PARTS).map(of_part).buffered(AT_ONCE));
        let mut count = 0;
        while count < max
            && let Some(found) = parts.try_next().await?
        {
            let events = found.iter().take(max - count).map(|(row,)| event(row)).collect::<Result<Vec<_>, _>>()?;
            count += events.len();
            let gone = stream::iter(events).map(|event| self.forget(app, event.user, event.id));
            gone.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
        Ok(count)
    }
}

fn part_of(id: u64) -> i32 {
    (id % PARTS) as i32
}

fn event(row: &[u8]) -> Result<Event, DbError> {
    Event::decode(row).map_err(|_| DbError::Corrupt("cannot read a row of push_events".into()))
}
