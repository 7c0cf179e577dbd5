//! The offline queue on a key-value store. A row per user says which places are in use; writers that meet there try again, so
//! nothing has to be kept in memory.

use bytes::Bytes;
use natter_db::{Batch, KeyRange, Kv, Table};
use natter_proto::event::v1::Frame;
use natter_proto::history::v1::{KeptRow, Range};
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;
use prost::Message as _;

use super::OfflineQueue;
use crate::error::Error;
use crate::options::Options;

/// app, user, place -> `history.v1.KeptRow`.
const KEPT: Table = Table("kept");
/// app, user -> `history.v1.Range`: the places in use. It stays when the queue is empty, with `upto` below `from`.
const KEPT_HEADS: Table = Table("kept_heads");

/// How often a write is decided again because another one of the same user came between.
const TRIES: usize = 256;
/// Rows read at once.
const CHUNK: usize = 32;

/// The embedded engine.
pub struct EmbeddedQueue {
    kv: Kv,
    rows_max: u64,
    age_max_ms: i64,
    reply_bytes: usize,
}

/// The places in use, and the bytes they were read from.
struct Places {
    range: Range,
    row: Option<Bytes>,
}

impl EmbeddedQueue {
    /// A queue in `kv`, with the bounds of the options.
    pub fn new(kv: Kv, options: &Options) -> EmbeddedQueue {
        let age_max_ms = i64::from(options.offline_days) * 24 * 60 * 60 * 1_000;
        EmbeddedQueue { kv, rows_max: options.offline_rows.max(1), age_max_ms, reply_bytes: options.reply_bytes }
    }

    async fn places(&self, app: AppId, user: UserId) -> Result<Places, Error> {
        let row = self.kv.get(KEPT_HEADS, &queue_key(app, user)).await?;
        let range = match &row {
            Some(row) => Range::decode(row.as_ref()).map_err(|_| Error::Corrupt("an offline queue"))?,
            None => Range { from: 1, upto: 0 },
        };
        Ok(Places { range, row })
    }

    /// Writes `batch` and the places in use, provided that nobody moved them meanwhile. Answers whether so.
    async fn commit(&self, app: AppId, user: UserId, old: Places, new: Range, mut batch: Batch) -> Result<bool, Error> {
        let key = queue_key(app, user);
        match old.row {
            Some(row) => batch.require_equal(KEPT_HEADS, key.clone(), row),
            None => batch.require_absent(KEPT_HEADS, key.clone()),
        }
        batch.put(KEPT_HEADS, key, new.encode_to_vec());
        match self.kv.commit(batch).await {
            Ok(()) => Ok(true),
            Err(natter_db::Error::Condition) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl OfflineQueue for EmbeddedQueue {
    async fn keep(&self, app: AppId, user: UserId, frame: Frame, now: i64) -> Result<u64, Error> {
        for _ in 0..TRIES {
            let old = self.places(app, user).await?;
            let mut range = old.range;
            range.upto += 1;
            let mut batch = Batch::new();
            let row = KeptRow { place: range.upto, kept_at: now, frame: Some(frame.clone()) };
            batch.put(KEPT, row_key(app, user, range.upto), row.encode_to_vec());
            while range.upto - range.from >= self.rows_max {
                batch.delete(KEPT, row_key(app, user, range.from));
                range.from += 1;
            }
            if self.commit(app, user, old, range, batch).await? {
                return Ok(range.upto);
            }
        }
        Err(Error::Busy)
    }

    async fn kept(&self, app: AppId, user: UserId, now: i64) -> Result<(Vec<KeptRow>, bool), Error> {
        let Range { mut from, upto } = self.places(app, user).await?.range;
        let (mut rows, mut bytes, mut expired) = (Vec::new(), 0, 0);
        while from <= upto {
            let range = KeyRange::between(row_key(app, user, from), row_key(app, user, upto + 1));
            let read = self.kv.scan(KEPT, range, CHUNK).await?;
            if read.is_empty() {
                break;
            }
            for (_, row) in read {
                let weight = row.len();
                let row = KeptRow::decode(row.as_ref()).map_err(|_| Error::Corrupt("a kept message"))?;
                from = row.place + 1;
                if row.kept_at < now - self.age_max_ms {
                    expired = row.place;
                    continue;
                }
                if bytes + weight > self.reply_bytes && !rows.is_empty() {
                    return Ok((rows, true));
                }
                bytes += weight;
                rows.push(row);
            }
        }
        if expired > 0 && rows.is_empty() {
            self.drop_upto(app, user, expired).await?;
        }
        Ok((rows, false))
    }

    async fn drop_upto(&self, app: AppId, user: UserId, upto: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            let old = self.places(app, user).await?;
            let upto = upto.min(old.range.upto);
            if upto < old.range.from {
                return Ok(());
            }
            let mut batch = Batch::new();
            (old.range.from..=upto).for_each(|place| batch.delete(KEPT, row_key(app, user, place)));
            let range = Range { from: upto + 1, ..old.range };
            if self.commit(app, user, old, range, batch).await? {
                return Ok(());
            }
        }
        Err(Error::Busy)
    }
}

fn queue_key(app: AppId, user: UserId) -> Vec<u8> {
    [app.0.to_be_bytes(), user.0.to_be_bytes()].concat()
}

fn row_key(app: AppId, user: UserId, place: u64) -> Vec<u8> {
    [app.0.to_be_bytes(), user.0.to_be_bytes(), place.to_be_bytes()].concat()
}
