//! The offline queue on ScyllaDB: a partition per user, whose static columns say which places are in use. They move, and frames come
//! and go, by one conditional write; frames end by themselves after their days. An app's users are found by an index in a bounded number
//! of parts, which a user enters before anything is kept for him.

use std::sync::Arc;

use natter_db::cql::{Cql, Migration, Statement, Write};
use natter_proto::event::v1::Frame;
use natter_proto::history::v1::KeptRow;
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;
use prost::Message as _;

use super::{Kept, OfflineQueue};
use crate::error::Error;
use crate::log::cql::{BUCKETS, Told, bucket_of};
use crate::options::Options;
use crate::posted;

/// `oldest` to `newest`: the places in use. `row`: `history.v1.KeptRow`.
pub const TABLES: Migration = Migration {
    name: "history/002-kept",
    statements: &[
        "CREATE TABLE IF NOT EXISTS kept_messages (app bigint, user bigint, place bigint, row blob, newest bigint STATIC, \
         oldest bigint STATIC, PRIMARY KEY ((app, user), place))",
        "CREATE TABLE IF NOT EXISTS kept_users (app bigint, bucket int, user bigint, PRIMARY KEY ((app, bucket), user))",
    ],
};

const STATE: Statement = Statement::read("SELECT newest, oldest FROM kept_messages WHERE app = ? AND user = ? LIMIT 1");
const MOVE: Statement =
    Statement::change("UPDATE kept_messages SET newest = ?, oldest = ? WHERE app = ? AND user = ? IF newest = ? AND oldest = ?");
const PUT: Statement = Statement::change("INSERT INTO kept_messages (app, user, place, row) VALUES (?, ?, ?, ?) USING TTL ?");
const DROP: Statement = Statement::change("DELETE FROM kept_messages WHERE app = ? AND user = ? AND place = ?");
const PAGE: Statement =
    Statement::read("SELECT place, row FROM kept_messages WHERE app = ? AND user = ? AND place >= ? AND place <= ? LIMIT 32");
const PLACES: Statement = Statement::read("SELECT place FROM kept_messages WHERE app = ? AND user = ? AND place > 0 LIMIT ?");
const FORGET: Statement = Statement::write("DELETE FROM kept_messages WHERE app = ? AND user = ?");
const ENTER: Statement = Statement::write("INSERT INTO kept_users (app, bucket, user) VALUES (?, ?, ?)");
const LEAVE: Statement = Statement::write("DELETE FROM kept_users WHERE app = ? AND bucket = ? AND user = ?");
const USERS: Statement = Statement::read("SELECT user FROM kept_users WHERE app = ? AND bucket = ? LIMIT 100");

/// How often a write is decided again because another one to the same queue came between.
const TRIES: usize = 32;

/// The engine.
pub struct OnCql {
    cql: Cql,
    told: Arc<Told>,
    rows_max: u64,
    days: u32,
    reply_bytes: usize,
}

/// The places in use: none if `newest` is below `oldest`.
#[derive(Clone, Copy)]
struct Places {
    oldest: u64,
    newest: u64,
    /// As they were read.
    read: (Option<i64>, Option<i64>),
}

impl OnCql {
    /// A queue in a keyspace with [`TABLES`], with the bounds of the options.
    pub fn new(cql: Cql, options: &Options, told: Arc<Told>) -> OnCql {
        OnCql { cql, told, rows_max: options.offline_rows.max(1), days: options.offline_days, reply_bytes: options.reply_bytes }
    }

    async fn places(&self, app: AppId, user: UserId) -> Result<Places, Error> {
        let read = self.cql.row::<(Option<i64>, Option<i64>)>(STATE, (app.0 as i64, user.0 as i64)).await?;
        let read = read.unwrap_or_default();
        Ok(Places { oldest: read.1.unwrap_or(1) as u64, newest: read.0.unwrap_or(0) as u64, read })
    }

    /// Moves the places in use, with frames that come at the end and those that go at the front. `false`: somebody else moved them.
    async fn move_to(&self, app: AppId, user: UserId, from: Places, to: (u64, u64), rows: &[Vec<u8>]) -> Result<bool, Error> {
        let (app, user) = (app.0 as i64, user.0 as i64);
        let ((oldest, newest), (was_newest, was_oldest)) = (to, from.read);
        let mut writes: Vec<Write> = vec![(MOVE, Box::new((newest as i64, oldest as i64, app, user, was_newest, was_oldest)))];
        // A message that would leave at once is not written.
        for (row, place) in rows.iter().zip(from.newest + 1..).filter(|(_, place)| *place >= oldest) {
            let ttl = i32::try_from(u64::from(self.days) * 86_400).unwrap_or(i32::MAX).clamp(1, 20 * 365 * 86_400);
            writes.push((PUT, Box::new((app, user, place as i64, row.clone(), ttl))));
        }
        for place in from.oldest..oldest.min(from.newest + 1) {
            writes.push((DROP, Box::new((app, user, place as i64))));
        }
        Ok(self.cql.change_all(writes).await?)
    }

    async fn row(&self, app: AppId, user: UserId, place: u64) -> Result<Option<Vec<u8>>, Error> {
        let (app, user, place) = (app.0 as i64, user.0 as i64, place as i64);
        Ok(self.cql.row::<(i64, Vec<u8>)>(PAGE, (app, user, place, place)).await?.map(|(_, row)| row))
    }

    /// Writes frames behind those that are there, and answers the place of the first.
    async fn put(&self, app: AppId, user: UserId, frames: &[Frame], now: i64) -> Result<u64, Error> {
        // A write whose outcome is not known: the place of its last frame, and that row.
        let mut doubtful: Option<(u64, Vec<u8>)> = None;
        for _ in 0..TRIES {
            let from = self.places(app, user).await?;
            if let Some((last, row)) = doubtful.take()
                && from.newest >= last
                && self.row(app, user, last).await?.as_ref() == Some(&row)
            {
                return Ok(last + 1 - frames.len() as u64);
            }
            if from.newest == 0 {
                self.cql.write(ENTER, (app.0 as i64, bucket_of(&user.0.to_be_bytes()), user.0 as i64)).await?;
            }
            let row = |(frame, place): (&Frame, u64)| KeptRow { place, kept_at: now, frame: Some(frame.clone()) }.encode_to_vec();
            let rows: Vec<Vec<u8>> = frames.iter().zip(from.newest + 1..).map(row).collect();
            let newest = from.newest + rows.len() as u64;
            let oldest = from.oldest.max((newest + 1).saturating_sub(self.rows_max));
            match self.move_to(app, user, from, (oldest, newest), &rows).await {
                Ok(true) => return Ok(from.newest + 1),
                Ok(false) => {}
                Err(Error::Store(natter_db::Error::Unknown(_))) => doubtful = rows.last().map(|row| (newest, row.clone())),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    async fn forget(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error> {
        let limit = i32::try_from(max).unwrap_or(i32::MAX).max(1);
        let frames = self.cql.rows::<(i64,)>(PLACES, (app.0 as i64, user.0 as i64, limit)).await?.len();
        self.cql.write(FORGET, (app.0 as i64, user.0 as i64)).await?;
        self.cql.write(LEAVE, (app.0 as i64, bucket_of(&user.0.to_be_bytes()), user.0 as i64)).await?;
        Ok(frames)
    }
}

#[async_trait]
impl OfflineQueue for OnCql {
    async fn keep(&self, app: AppId, user: UserId, frames: Vec<Frame>, now: i64) -> Result<u64, Error> {
        let first = self.put(app, user, &frames, now).await?;
        for (frame, place) in frames.iter().zip(first..) {
            if let Some(entry) = posted::of_frame(user, frame, place) {
                self.told.tell(app.0, &format!("{user}:{place}"), entry).await?;
            }
        }
        Ok(first)
    }

    async fn kept(&self, app: AppId, user: UserId, above: u64, now: i64) -> Result<Kept, Error> {
        let Places { oldest, newest, .. } = self.places(app, user).await?;
        let (mut from, mut kept, mut bytes) = (oldest.max(above.saturating_add(1)), Kept { upto: newest, ..Kept::default() }, 0);
        let since = now - i64::from(self.days) * 24 * 60 * 60 * 1_000;
        while from <= newest {
            let values = (app.0 as i64, user.0 as i64, from as i64, newest as i64);
            let read = self.cql.rows::<(i64, Vec<u8>)>(PAGE, values).await?;
            let Some((last, _)) = read.last() else { break };
            from = *last as u64 + 1;
            for (_, row) in read {
                let weight = row.len();
                let row = KeptRow::decode(&row[..]).map_err(|_| Error::Corrupt("a kept message"))?;
                if row.kept_at < since {
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
        Ok(kept)
    }

    async fn drop_upto(&self, app: AppId, user: UserId, upto: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            let from = self.places(app, user).await?;
            let upto = upto.min(from.newest);
            if upto < from.oldest {
                return Ok(());
            }
            match self.move_to(app, user, from, (upto + 1, from.newest), &[]).await {
                Ok(true) => return Ok(()),
                // Whether it was done is read again.
                Ok(false) | Err(Error::Store(natter_db::Error::Unknown(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    async fn erase(&self, app: AppId, user: Option<UserId>, max: usize) -> Result<usize, Error> {
        if let Some(user) = user {
            return self.forget(app, user, max).await;
        }
        let (mut frames, mut users) = (0, 0);
        for bucket in 0..BUCKETS {
            loop {
                let read = self.cql.rows::<(i64,)>(USERS, (app.0 as i64, bucket)).await?;
                if read.is_empty() {
                    break;
                }
                for (user,) in read {
                    if frames >= max || users >= max {
                        return Ok(max.max(frames));
                    }
                    frames += self.forget(app, UserId(user as u64), max).await?;
                    users += 1;
                }
            }
        }
        Ok(frames.max(users))
    }
}
