//! The offline queue on a key-value store that one process has to itself. A row per user says which places are in use; the
//! newest are in memory, so that whoever keeps does not wait for who kept before.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_bus::Log;
use natter_db::{Batch, KeyRange, Kv, Table};
use natter_proto::event::v1::Frame;
use natter_proto::history::v1::{KeptRow, Range};
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Mutex as AsyncMutex;

use super::{Kept, OfflineQueue};
use crate::error::Error;
use crate::options::Options;
use crate::posted;

/// app, user, place -> `history.v1.KeptRow`.
const KEPT: Table = Table("kept");
/// app, user -> `history.v1.Range`: the places in use. It stays when the queue is empty, with `upto` below `from`.
const KEPT_HEADS: Table = Table("kept_heads");

/// Rows read at once.
const CHUNK: usize = 32;
/// Users whose places are in memory while nothing of them is being written.
const USERS_MAX: usize = 10_000;

/// The embedded engine.
pub struct EmbeddedQueue {
    kv: Kv,
    posted: Log,
    users: Mutex<BTreeMap<(AppId, UserId), Arc<Places>>>,
    rows_max: u64,
    age_max_ms: i64,
    reply_bytes: usize,
}

/// The places of one user that are in use or about to be; nothing if they are not read yet.
///
/// Invariant: while a write of a user is in flight, its task holds this, so no other one is read from the store.
type Places = AsyncMutex<Option<Range>>;

impl EmbeddedQueue {
    /// A queue in `kv`, whose only writer it must be, with the bounds of the options. Of what is kept `posted`, which lies in the
    /// same store, is told.
    pub fn new(kv: Kv, options: &Options, posted: Log) -> EmbeddedQueue {
        let age_max_ms = i64::from(options.offline_days) * 24 * 60 * 60 * 1_000;
        let rows_max = options.offline_rows.max(1);
        EmbeddedQueue { kv, posted, users: Mutex::default(), rows_max, age_max_ms, reply_bytes: options.reply_bytes }
    }

    fn places(&self, app: AppId, user: UserId) -> Arc<Places> {
        let mut users = self.users.lock();
        if users.len() >= USERS_MAX && !users.contains_key(&(app, user)) {
            // Clones are made under this lock only, so what nobody else holds stays so.
            users.retain(|_, places| Arc::strong_count(places) > 1);
        }
        users.entry((app, user)).or_default().clone()
    }

    /// The places in use as they are stored.
    async fn stored(&self, app: AppId, user: UserId) -> Result<Range, Error> {
        match self.kv.get(KEPT_HEADS, &queue_key(app, user)).await? {
            Some(row) => Range::decode(row.as_ref()).map_err(|_| Error::Corrupt("an offline queue")),
            None => Ok(Range { from: 1, upto: 0 }),
        }
    }

    /// Decides on the places and hands the batch to the store; both in the order of the calls. Waits until it is durable.
    async fn write<T>(
        &self,
        app: AppId,
        user: UserId,
        decide: impl FnOnce(&mut Range, &mut Batch) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let places = self.places(app, user);
        let mut held = places.lock().await;
        let mut range = match *held {
            Some(range) => range,
            None => self.stored(app, user).await?,
        };
        let mut batch = Batch::new();
        let Some(answer) = decide(&mut range, &mut batch) else { return Ok(None) };
        batch.put(KEPT_HEADS, queue_key(app, user), range.encode_to_vec());
        *held = Some(range);
        let commit = self.kv.commit(batch);
        drop(held);
        // In a task of its own: who asked may be dropped, and the places must stay in memory all the same.
        let landing = tokio::spawn(async move {
            let outcome = commit.await;
            drop(places);
            outcome
        });
        landing.await.map_err(|_| natter_db::Error::Unknown("the process is ending".into()))??;
        Ok(Some(answer))
    }
}

#[async_trait]
impl OfflineQueue for EmbeddedQueue {
    async fn keep(&self, app: AppId, user: UserId, frames: Vec<Frame>, now: i64) -> Result<u64, Error> {
        self.posted.ready().await?;
        let kept = self.write(app, user, |range, batch| {
            let first = range.upto + 1;
            for frame in frames {
                range.upto += 1;
                if let Some(entry) = posted::of_frame(user, &frame, range.upto) {
                    self.posted.append(batch, app.0, entry);
                }
                let row = KeptRow { place: range.upto, kept_at: now, frame: Some(frame) };
                batch.put(KEPT, row_key(app, user, range.upto), row.encode_to_vec());
            }
            while range.upto + 1 - range.from > self.rows_max {
                batch.delete(KEPT, row_key(app, user, range.from));
                range.from += 1;
            }
            Some(first)
        });
        Ok(kept.await?.unwrap_or_default())
    }

    async fn kept(&self, app: AppId, user: UserId, above: u64, now: i64) -> Result<Kept, Error> {
        let Range { from, upto } = self.stored(app, user).await?;
        let (mut from, mut kept, mut bytes, mut expired) = (from.max(above + 1), Kept { upto, ..Kept::default() }, 0, 0);
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
                if bytes + weight > self.reply_bytes && !kept.rows.is_empty() {
                    kept.more = true;
                    return Ok(kept);
                }
                bytes += weight;
                kept.rows.push(row);
            }
        }
        if expired > 0 && kept.rows.is_empty() {
            self.drop_upto(app, user, expired).await?;
        }
        Ok(kept)
    }

    async fn drop_upto(&self, app: AppId, user: UserId, upto: u64) -> Result<(), Error> {
        let dropped = self.write(app, user, |range, batch| {
            let upto = upto.min(range.upto);
            if upto < range.from {
                return None;
            }
            (range.from..=upto).for_each(|place| batch.delete(KEPT, row_key(app, user, place)));
            range.from = upto + 1;
            Some(())
        });
        dropped.await.map(|_| ())
    }

    // Its places are not given again: nobody is to get them. What memory has of them goes with what nobody asks for.
    async fn erase(&self, app: AppId, user: Option<UserId>, max: usize) -> Result<usize, Error> {
        let heads = self.kv.clear(KEPT_HEADS, KeyRange::prefix(prefix(app, user)), max).await?;
        let frames = self.kv.clear(KEPT, KeyRange::prefix(prefix(app, user)), max).await?;
        Ok(if user.is_some() { frames } else { heads.max(frames) })
    }
}

fn prefix(app: AppId, user: Option<UserId>) -> Vec<u8> {
    user.map_or_else(|| app.0.to_be_bytes().to_vec(), |user| queue_key(app, user))
}

fn queue_key(app: AppId, user: UserId) -> Vec<u8> {
    [app.0.to_be_bytes(), user.0.to_be_bytes()].concat()
}

fn row_key(app: AppId, user: UserId, place: u64) -> Vec<u8> {
    [app.0.to_be_bytes(), user.0.to_be_bytes(), place.to_be_bytes()].concat()
}
