//! The port on ScyllaDB: a row per app, changed by compare-and-set alone. The rows lie in [`Row::PARTS`] partitions, all of which are read for a
//! page.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error as DbError;
use natter_db::cql::Cql;
use natter_rpc::async_trait;

use super::{ByApp, Error, Kept, Result, Row, Stamp};
use crate::stamps::Stamps;

/// Partitions that are read at once.
const AT_ONCE: usize = 16;
/// How often a write is issued whose outcome is not known.
const REPEATS: usize = 4;

/// The engine.
pub struct OnCql<R> {
    cql: Cql,
    stamps: Arc<Stamps>,
    of: PhantomData<R>,
}

impl<R> OnCql<R> {
    pub fn new(cql: Cql, stamps: Arc<Stamps>) -> OnCql<R> {
        OnCql { cql, stamps, of: PhantomData }
    }
}

#[async_trait]
impl<R: Row> ByApp<R> for OnCql<R> {
    async fn of_app(&self, app: u64) -> Result<Kept<R>> {
        match self.cql.row::<(Vec<u8>, i64)>(R::STATEMENTS.of_app, place::<R>(app)).await? {
            Some((row, stamp)) => kept(app, &row, stamp),
            None => Ok(Kept { app, rows: Vec::new(), stamp: Stamp(None) }),
        }
    }

    async fn change(&self, before: &Kept<R>, after: Vec<R>) -> Result<()> {
        let ((part, app), stamp, is_empty) = (place::<R>(before.app), self.stamps.next(), after.is_empty());
        let row = R::write(after);
        let mut outcome = Err(DbError::Unknown(String::new()));
        for repeat in 0..REPEATS {
            outcome = match (stamp_of(&before.stamp), is_empty) {
                (None, true) => Ok(self.of_app(before.app).await?.stamp == before.stamp),
                (None, false) => self.cql.change(R::STATEMENTS.add, (&row, stamp, part, app)).await,
                (Some(old), true) => self.cql.change(R::STATEMENTS.remove, (part, app, old)).await,
                (Some(old), false) => self.cql.change(R::STATEMENTS.replace, (&row, stamp, part, app, old)).await,
            };
            match outcome {
                Err(DbError::Unknown(_)) => {}
                // It may have taken effect when it was issued before.
                Ok(false) if repeat > 0 => {
                    let found = stamp_of(&self.of_app(before.app).await?.stamp);
                    outcome = Ok(found == (!is_empty).then_some(stamp));
                    break;
                }
                _ => break,
            }
        }
        if outcome? { Ok(()) } else { Err(Error::Changed) }
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept<R>>> {
        let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let of_part = async |part| self.cql.rows::<(i64, Vec<u8>, i64)>(R::STATEMENTS.page, (part as i32, after, most)).await;
        let parts = stream::iter(0..R::PARTS).map(of_part).buffer_unordered(AT_ONCE);
        let smallest = async |mut all: Vec<(i64, Vec<u8>, i64)>, found| {
            all.extend(found);
            all.sort_unstable_by_key(|(app, _, _)| *app);
            all.truncate(limit);
            Ok(all)
        };
        let rows = parts.try_fold(Vec::new(), smallest).await?;
        rows.into_iter().map(|(app, row, stamp)| kept(app as u64, &row, stamp)).collect()
    }
}

fn place<R: Row>(app: u64) -> (i32, i64) {
    ((app % R::PARTS) as i32, app as i64)
}

fn stamp_of(stamp: &Stamp) -> Option<i64> {
    let bytes = stamp.0.as_deref()?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

fn kept<R: Row>(app: u64, row: &[u8], stamp: i64) -> Result<Kept<R>> {
    let rows = R::read(row).map_err(|_| DbError::Corrupt(format!("cannot read a row of {}", R::TABLE.0)))?;
    Ok(Kept { app, rows, stamp: Stamp(Some(Bytes::copy_from_slice(&stamp.to_be_bytes()))) })
}
