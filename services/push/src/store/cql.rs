//! The port on ScyllaDB: the subscriptions of a user are a row, and those of an app lie in [`PARTS`] partitions, so that all can be
//! walked without an index that could miss one. Rows and counts are changed by compare-and-set alone.
//!
//! A step is two writes: room in the tally of the app, and the row. What dies, by the place where it did:
//!
//! | step | order | what a crash between leaves | who repairs it |
//! |---|---|---|---|
//! | grows | tally, row | a tally that is too large | [`OnCql::count_anew`] |
//! | shrinks | row, tally | a tally that is too large | the same |
//!
//! So the app never has more than its tally says, and never more than its limit; with one exception: a row whose write was given up as
//! unknown, and which takes effect more than a minute later, is missing in a tally that was counted anew between. A tally is counted anew
//! when it has refused somebody for a minute, by whoever is refused then.

mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::Clock;
use natter_db::Error as DbError;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::{ListReply, Subscription};
use natter_rpc::async_trait;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::Mutex as AsyncMutex;

use self::tally::Tally;
use super::{Error, Kept, Result, Stamp, Subscriptions};
use crate::stamps::Stamps;

/// `row`: `push.v1.ListReply`, all of the user; `size`: how many; `stamp`: of who wrote it.
pub const TABLES: Migration = Migration {
    name: "push/002-subscriptions",
    statements: &[
        "CREATE TABLE IF NOT EXISTS subscriptions (app bigint, part int, user bigint, row blob, size int, stamp bigint, \
         PRIMARY KEY ((app, part), user))",
        "CREATE TABLE IF NOT EXISTS subscription_counts (app bigint PRIMARY KEY, reserved bigint, released bigint, epoch bigint, \
         stamp bigint)",
        "CREATE TABLE IF NOT EXISTS subscription_id_blocks (kind text PRIMARY KEY, next bigint)",
    ],
};

const OF_USER: Statement = Statement::read("SELECT row, stamp FROM subscriptions WHERE app = ? AND part = ? AND user = ?");
const OF_USERS: Statement = Statement::read("SELECT user, row FROM subscriptions WHERE app = ? AND part = ? AND user IN ?");
const USERS: Statement = Statement::read("SELECT user FROM subscriptions WHERE app = ? AND part = ? LIMIT ?");
const SIZE: Statement = Statement::read("SELECT sum(size) FROM subscriptions WHERE app = ? AND part = ?");
const ADD: Statement =
    Statement::change("INSERT INTO subscriptions (row, size, stamp, app, part, user) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS");
const REPLACE: Statement = Statement::change(
    "UPDATE subscriptions SET row = ?, size = ?, stamp = ? WHERE app = ? AND part = ? AND user = ? IF stamp = ?",
);
const REMOVE: Statement = Statement::change("DELETE FROM subscriptions WHERE app = ? AND part = ? AND user = ? IF stamp = ?");

const TALLY: Statement = Statement::read("SELECT reserved, released, epoch, stamp FROM subscription_counts WHERE app = ?");
const FIRST_TALLY: Statement = Statement::change(
    "INSERT INTO subscription_counts (reserved, released, epoch, stamp, app) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
);
const NEXT_TALLY: Statement = Statement::change(
    "UPDATE subscription_counts SET reserved = ?, released = ?, epoch = ?, stamp = ? WHERE app = ? IF stamp = ?",
);
const FORGET_TALLY: Statement = Statement::change("DELETE FROM subscription_counts WHERE app = ? IF EXISTS");

const BLOCK: Statement = Statement::read("SELECT next FROM subscription_id_blocks WHERE kind = ?");
const FIRST_BLOCK: Statement = Statement::change("INSERT INTO subscription_id_blocks (next, kind) VALUES (?, ?) IF NOT EXISTS");
const NEXT_BLOCK: Statement = Statement::change("UPDATE subscription_id_blocks SET next = ? WHERE kind = ? IF next = ?");
/// The one kind there is.
const IDS: &str = "subscriptions";

/// Partitions of an app. Of a million subscriptions some thousand are in each. Never changed: rows lie by it.
const PARTS: u64 = 256;
/// Partitions that are read at once.
const AT_ONCE: usize = 16;
/// How often a step that met another process at the same row is tried.
const TRIES: usize = 64;
/// How often a write is issued whose outcome is not known.
const REPEATS: usize = 4;
/// For so long a tally has to refuse before it is counted anew, milliseconds: longer than any step takes.
const SETTLED_MS: i64 = 60_000;
/// Apps whose tallies are in doubt. Over it all begin to be in doubt anew.
const DOUBTS_MAX: usize = 10_000;
/// Apps share so many turns at their tallies.
const TURNS: usize = 64;

/// The engine.
pub struct OnCql {
    cql: Cql,
    stamps: Arc<Stamps>,
    clock: Clock,
    /// By app: what its tally had reserved when it began to refuse, in which epoch, and when.
    doubts: Mutex<BTreeMap<u64, Doubt>>,
    /// Steps of this process do not race each other for the same tally.
    turns: [AsyncMutex<()>; TURNS],
}

#[derive(Clone, Copy)]
struct Doubt {
    reserved: u64,
    epoch: i64,
    since: i64,
}

impl OnCql {
    pub fn new(cql: Cql, stamps: Arc<Stamps>, clock: Clock) -> OnCql {
        OnCql { cql, stamps, clock, doubts: Mutex::default(), turns: std::array::from_fn(|_| AsyncMutex::default()) }
    }

    async fn tally(&self, app: u64) -> Result<Option<(Tally, i64)>> {
        let found = self.cql.row::<(i64, i64, i64, i64)>(TALLY, (app as i64,)).await?;
        let read =
            |(reserved, released, epoch, stamp)| (Tally { reserved: reserved as u64, released: released as u64, epoch }, stamp);
        Ok(found.map(read))
    }

    /// Puts a tally in place of the one with this stamp, or of none. Whether that was there; not known is an error.
    async fn put_tally(&self, app: u64, tally: Tally, before: Option<i64>) -> Result<bool> {
        let Tally { reserved, released, epoch } = tally;
        let values = (reserved as i64, released as i64, epoch, self.stamps.next(), app as i64);
        Ok(match before {
            None => self.cql.change(FIRST_TALLY, values).await?,
            Some(stamp) => {
                let (reserved, released, epoch, next, app) = values;
                self.cql.change(NEXT_TALLY, (reserved, released, epoch, next, app, stamp)).await?
            }
        })
    }

    /// Room for `more`. In which epoch it was taken.
    async fn reserve(&self, app: u64, more: u64, limit: u64) -> Result<i64> {
        let _turn = self.turns[app as usize % TURNS].lock().await;
        for _ in 0..TRIES {
            let found = self.tally(app).await?;
            let before = found.map_or_else(|| Tally::nothing(self.stamps.next()), |(tally, _)| tally);
            let Some(after) = before.reserve(more, limit) else {
                if self.count_anew(app, found).await? {
                    continue;
                }
                return Err(Error::Full);
            };
            match self.put_tally(app, after, found.map(|(_, stamp)| stamp)).await {
                Ok(true) => return Ok(after.epoch),
                // What may be reserved twice is found when it is counted anew.
                Ok(false) | Err(Error::Db(DbError::Unknown(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Changed)
    }

    /// Gives back the room of `fewer`. What goes wrong leaves the tally too large.
    async fn release(&self, app: u64, fewer: u64, epoch: i64) {
        let _turn = self.turns[app as usize % TURNS].lock().await;
        for _ in 0..TRIES {
            let Ok(Some((before, stamp))) = self.tally(app).await else { return };
            let Some(after) = before.release(fewer, epoch) else { return };
            // Given back twice would be one too few: what is not known is left alone.
            match self.put_tally(app, after, Some(stamp)).await {
                Ok(false) => {}
                _ => return,
            }
        }
    }

    /// Counts the rows of an app whose tally has refused for a while. Whether the tally is another one.
    async fn count_anew(&self, app: u64, found: Option<(Tally, i64)>) -> Result<bool> {
        let Some((tally, _)) = found else { return Ok(false) };
        let now = self.clock.now_ms();
        let doubt = Doubt { reserved: tally.reserved, epoch: tally.epoch, since: now };
        let is_settled = |begun: &Doubt| begun.epoch == tally.epoch && now - begun.since >= SETTLED_MS;
        let settled = {
            let mut doubts = self.doubts.lock();
            if doubts.len() >= DOUBTS_MAX && !doubts.contains_key(&app) {
                doubts.clear();
            }
            let begun = *doubts.entry(app).or_insert(doubt);
            if begun.epoch != tally.epoch || is_settled(&begun) {
                doubts.insert(app, doubt);
            }
            Some(begun).filter(is_settled)
        };
        let Some(begun) = settled else { return Ok(false) };
        let sizes = stream::iter(0..PARTS).map(|part| self.size(app, part)).buffer_unordered(AT_ONCE);
        let walked: u64 = sizes.try_fold(0, async |all, size| Ok(all + size)).await?;
        for _ in 0..TRIES {
            let Some((before, stamp)) = self.tally(app).await?.filter(|(tally, _)| tally.epoch == begun.epoch) else {
                return Ok(true);
            };
            let after = before.counted_anew(walked, begun.reserved, self.stamps.next());
            if after.count() == before.count() {
                return Ok(false);
            }
            if matches!(self.put_tally(app, after, Some(stamp)).await, Ok(true)) {
                tracing::info!(app, before = before.count(), after = after.count(), "subscriptions were counted anew");
                return Ok(true);
            }
        }
        Err(Error::Changed)
    }

    async fn size(&self, app: u64, part: u64) -> Result<u64> {
        let found = self.cql.row::<(Option<i32>,)>(SIZE, (app as i64, part as i32)).await?;
        Ok(found.and_then(|(size,)| size).unwrap_or_default() as u64)
    }

    /// Puts the row in place of `before`. Whether that was there.
    async fn put(&self, before: &Kept, after: &[Subscription]) -> Result<bool> {
        let (app, part, user) = place(before.app, before.user);
        let (stamp, size) = (self.stamps.next(), after.len() as i32);
        let row = ListReply { subscriptions: after.to_vec() }.encode_to_vec();
        let mut outcome = Err(DbError::Unknown(String::new()));
        for repeat in 0..REPEATS {
            outcome = match (stamp_of(&before.stamp), after.is_empty()) {
                (None, true) => return Ok(self.of_user(before.app, before.user).await?.stamp == before.stamp),
                (None, false) => self.cql.change(ADD, (&row, size, stamp, app, part, user)).await,
                (Some(old), true) => self.cql.change(REMOVE, (app, part, user, old)).await,
                (Some(old), false) => self.cql.change(REPLACE, (&row, size, stamp, app, part, user, old)).await,
            };
            match outcome {
                Err(DbError::Unknown(_)) => {}
                // It may have taken effect when it was issued before.
                Ok(false) if repeat > 0 => {
                    let found = stamp_of(&self.of_user(before.app, before.user).await?.stamp);
                    return Ok(found == (size > 0).then_some(stamp));
                }
                _ => break,
            }
        }
        Ok(outcome?)
    }
}

#[async_trait]
impl Subscriptions for OnCql {
    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        for _ in 0..TRIES {
            let found = self.cql.row::<(i64,)>(BLOCK, (IDS,)).await?.map(|(next,)| next);
            let first = found.unwrap_or(1);
            let next = first + length as i64;
            let taken = match found {
                None => self.cql.change(FIRST_BLOCK, (next, IDS)).await,
                Some(found) => self.cql.change(NEXT_BLOCK, (next, IDS, found)).await,
            };
            match taken {
                Ok(true) => return Ok(first as u64..next as u64),
                // One that may have been taken is lost.
                Ok(false) | Err(DbError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Changed)
    }

    async fn of_user(&self, app: u64, user: u64) -> Result<Kept> {
        let found = self.cql.row::<(Vec<u8>, i64)>(OF_USER, place(app, user)).await?;
        let rows = found.as_ref().map(|(row, _)| rows_of(row)).transpose()?.unwrap_or_default();
        let stamp = Stamp(found.map(|(_, stamp)| Bytes::copy_from_slice(&stamp.to_be_bytes())));
        Ok(Kept { app, user, rows, stamp })
    }

    async fn of_users(&self, app: u64, users: &[u64]) -> Result<Vec<Vec<Subscription>>> {
        let mut parts = BTreeMap::<i32, Vec<i64>>::new();
        for user in users {
            let (_, part, user) = place(app, *user);
            parts.entry(part).or_default().push(user);
        }
        let of_part = async |(part, users)| self.cql.rows::<(i64, Vec<u8>)>(OF_USERS, (app as i64, part, users)).await;
        let found: Vec<_> = stream::iter(parts).map(of_part).buffer_unordered(AT_ONCE).try_collect().await?;
        let rows = found.iter().flatten().map(|(user, row)| Ok((*user as u64, rows_of(row)?)));
        let rows = rows.collect::<Result<BTreeMap<u64, Vec<Subscription>>>>()?;
        Ok(users.iter().map(|user| rows.get(user).cloned().unwrap_or_default()).collect())
    }

    async fn change(&self, before: &Kept, after: Vec<Subscription>, limit: u64) -> Result<()> {
        let (had, has) = (before.rows.len() as u64, after.len() as u64);
        let (more, fewer) = (has.saturating_sub(had), had.saturating_sub(has));
        let epoch = match (more, fewer) {
            (0, 0) => None,
            (0, _) => self.tally(before.app).await?.map(|(tally, _)| tally.epoch),
            _ => Some(self.reserve(before.app, more, limit).await?),
        };
        // What is not known keeps its room.
        let is_put = self.put(before, &after).await?;
        let spare = if is_put { fewer } else { more };
        if let Some(epoch) = epoch.filter(|_| spare > 0) {
            self.release(before.app, spare, epoch).await;
        }
        if is_put { Ok(()) } else { Err(Error::Changed) }
    }

    async fn users_of(&self, app: u64, limit: usize) -> Result<Vec<u64>> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let of_part = async |part| self.cql.rows::<(i64,)>(USERS, (app as i64, part as i32, most)).await;
        let mut parts = std::pin::pin!(stream::iter(0..PARTS).map(of_part).buffered(AT_ONCE));
        let mut users = Vec::new();
        while users.len() < limit
            && let Some(found) = parts.try_next().await?
        {
            users.extend(found.into_iter().map(|(user,)| user as u64));
        }
        users.truncate(limit);
        Ok(users)
    }

    async fn count(&self, app: u64) -> Result<u64> {
        Ok(self.tally(app).await?.map_or(0, |(tally, _)| tally.count()))
    }

    async fn forget_count(&self, app: u64) -> Result<()> {
        self.cql.change(FORGET_TALLY, (app as i64,)).await?;
        Ok(())
    }
}

fn place(app: u64, user: u64) -> (i64, i32, i64) {
    (app as i64, (user % PARTS) as i32, user as i64)
}

fn stamp_of(stamp: &Stamp) -> Option<i64> {
    let bytes = stamp.0.as_deref()?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

fn rows_of(row: &[u8]) -> Result<Vec<Subscription>> {
    let rows = ListReply::decode(row).map_err(|_| DbError::Corrupt("cannot read a row of subscriptions".into()))?;
    Ok(rows.subscriptions)
}
