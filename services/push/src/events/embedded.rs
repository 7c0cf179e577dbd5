//! The port on a key-value store. Numbers in keys are big-endian.

use bytes::Bytes;
use natter_bus::Log;
use natter_db::{Batch, Error as DbError, KeyRange, Kv, Table};
use natter_proto::event::v1::Posted;
use natter_proto::push::v1::Event;
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Events};

/// app, id -> `push.v1.Event`.
const PUSH_EVENTS: Table = Table("push_events");
/// app, maker, id -> nothing.
const PUSH_EVENTS_BY_MAKER: Table = Table("push_events_by_maker");

/// Rows read at once where all are looked at.
const PAGE: usize = 1_000;

/// The engine.
pub struct Embedded {
    kv: Kv,
    /// Which is told of each event.
    log: Log,
}

impl Embedded {
    pub fn new(kv: Kv, log: Log) -> Embedded {
        Embedded { kv, log }
    }

    /// Ids of a maker's, the oldest first, at most `limit`.
    async fn ids(&self, app: u64, user: u64, limit: usize) -> Result<Vec<u64>, DbError> {
        let prefix = [app.to_be_bytes(), user.to_be_bytes()].concat();
        let rows = self.kv.scan(PUSH_EVENTS_BY_MAKER, KeyRange::prefix(prefix), limit).await?;
        rows.iter().map(|(key, _)| number(key, 16)).collect()
    }

    async fn clear(&self, rows: &[(Bytes, Bytes)], is_over: impl Fn(&Event) -> bool) -> Result<usize, DbError> {
        let (mut batch, mut count) = (Batch::new(), 0);
        for (_, row) in rows {
            let event = event(row)?;
            if is_over(&event) {
                forget(&mut batch, &event);
                count += 1;
            }
        }
        if count > 0 {
            self.kv.commit(batch).await?;
        }
        Ok(count)
    }
}

#[async_trait]
impl Events for Embedded {
    async fn put(&self, event: &Event, max: usize, now: i64) -> Result<(), Error> {
        self.log.ready().await?;
        let mut batch = Batch::new();
        let ids = self.ids(event.app, event.user, max).await?;
        if let Some(oldest) = ids.first().filter(|_| ids.len() >= max) {
            let oldest = self.get(event.app, *oldest).await?.filter(|oldest| oldest.at <= now);
            forget(&mut batch, &oldest.ok_or(Error::Full(max))?);
        }
        batch.put(PUSH_EVENTS, key(event.app, event.id), event.encode_to_vec());
        batch.put(PUSH_EVENTS_BY_MAKER, by_maker(event), Vec::new());
        self.log.append(&mut batch, event.app, Posted { event: event.id, ..Posted::default() }.encode_to_vec());
        Ok(self.kv.commit(batch).await?)
    }

    async fn get(&self, app: u64, id: u64) -> Result<Option<Event>, DbError> {
        self.kv.get(PUSH_EVENTS, &key(app, id)).await?.as_deref().map(event).transpose()
    }

    async fn of_maker(&self, app: u64, user: u64, skip: usize, limit: usize) -> Result<(Vec<Event>, u64), DbError> {
        let mut ids = self.ids(app, user, usize::MAX).await?;
        ids.reverse();
        let keys = ids.iter().skip(skip).take(limit).map(|id| key(app, *id)).collect();
        let rows = self.kv.multi_get(PUSH_EVENTS, keys).await?;
        // One may have gone since its key was read.
        let events = rows.iter().flatten().map(|row| event(row)).collect::<Result<_, _>>()?;
        Ok((events, ids.len() as u64))
    }

    async fn remove(&self, event: &Event) -> Result<(), DbError> {
        let mut batch = Batch::new();
        forget(&mut batch, event);
        self.kv.commit(batch).await
    }

    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, DbError> {
        let range = KeyRange::between(after.unwrap_or_default(), [u8::MAX; 24]);
        let rows = self.kv.scan(PUSH_EVENTS, range, PAGE).await?;
        self.clear(&rows, |event| event.at < before).await?;
        Ok(rows.last().filter(|_| rows.len() == PAGE).map(|(last, _)| [last.as_ref(), &[0]].concat()))
    }

    async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, DbError> {
        let Some(user) = user else {
            let rows = self.kv.scan(PUSH_EVENTS, KeyRange::prefix(app.to_be_bytes()), max).await?;
            return self.clear(&rows, |_| true).await;
        };
        let ids = self.ids(app, user, max).await?;
        let mut batch = Batch::new();
        ids.iter().for_each(|id| forget(&mut batch, &Event { app, user, id: *id, ..Event::default() }));
        if !ids.is_empty() {
            self.kv.commit(batch).await?;
        }
        Ok(ids.len())
    }
}

fn forget(batch: &mut Batch, event: &Event) {
    batch.delete(PUSH_EVENTS, key(event.app, event.id));
    batch.delete(PUSH_EVENTS_BY_MAKER, by_maker(event));
}

fn key(app: u64, id: u64) -> Vec<u8> {
    [app.to_be_bytes(), id.to_be_bytes()].concat()
}

fn by_maker(event: &Event) -> Vec<u8> {
    [event.app.to_be_bytes(), event.user.to_be_bytes(), event.id.to_be_bytes()].concat()
}

fn event(row: &[u8]) -> Result<Event, DbError> {
    Event::decode(row).map_err(|_| corrupt(PUSH_EVENTS))
}

fn number(key: &[u8], at: usize) -> Result<u64, DbError> {
    let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| corrupt(PUSH_EVENTS_BY_MAKER))
}

fn corrupt(table: Table) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", table.0))
}
