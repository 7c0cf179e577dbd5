//! The port on ScyllaDB: a row per app, changed by compare-and-set alone. The rows lie in [`PARTS`] partitions, each read for every
//! attempt of its apps and, all of them, for a page.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error as DbError;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::{CredentialRow, CredentialRows};
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Kept, Result, Stamp, Vault};
use crate::stamps::Stamps;

/// `row`: `push.v1.CredentialRows`, all of the app; `stamp`: of who wrote it.
pub const TABLES: Migration = Migration {
    name: "push/003-credentials",
    statements: &["CREATE TABLE IF NOT EXISTS push_credentials (part int, app bigint, row blob, stamp bigint, \
                   PRIMARY KEY (part, app))"],
};

const OF_APP: Statement = Statement::read("SELECT row, stamp FROM push_credentials WHERE part = ? AND app = ?");
const PAGE: Statement = Statement::read("SELECT app, row, stamp FROM push_credentials WHERE part = ? AND app > ? LIMIT ?");
const ADD: Statement =
    Statement::change("INSERT INTO push_credentials (row, stamp, part, app) VALUES (?, ?, ?, ?) IF NOT EXISTS");
const REPLACE: Statement =
    Statement::change("UPDATE push_credentials SET row = ?, stamp = ? WHERE part = ? AND app = ? IF stamp = ?");
const REMOVE: Statement = Statement::change("DELETE FROM push_credentials WHERE part = ? AND app = ? IF stamp = ?");

/// Never changed: rows lie by it.
const PARTS: u64 = 64;
/// Partitions that are read at once.
const AT_ONCE: usize = 16;
/// How often a write is issued whose outcome is not known.
const REPEATS: usize = 4;

/// The engine.
pub struct OnCql {
    cql: Cql,
    stamps: Arc<Stamps>,
}

impl OnCql {
    pub fn new(cql: Cql, stamps: Arc<Stamps>) -> OnCql {
        OnCql { cql, stamps }
    }
}

#[async_trait]
impl Vault for OnCql {
    async fn of_app(&self, app: u64) -> Result<Kept> {
        match self.cql.row::<(Vec<u8>, i64)>(OF_APP, place(app)).await? {
            Some((row, stamp)) => kept(app, &row, stamp),
            None => Ok(Kept { app, rows: Vec::new(), stamp: Stamp(None) }),
        }
    }

    async fn change(&self, before: &Kept, after: Vec<CredentialRow>) -> Result<()> {
        let ((part, app), stamp, is_empty) = (place(before.app), self.stamps.next(), after.is_empty());
        let row = CredentialRows { rows: after }.encode_to_vec();
        let mut outcome = Err(DbError::Unknown(String::new()));
        for repeat in 0..REPEATS {
            outcome = match (stamp_of(&before.stamp), is_empty) {
                (None, true) => Ok(self.of_app(before.app).await?.stamp == before.stamp),
                (None, false) => self.cql.change(ADD, (&row, stamp, part, app)).await,
                (Some(old), true) => self.cql.change(REMOVE, (part, app, old)).await,
                (Some(old), false) => self.cql.change(REPLACE, (&row, stamp, part, app, old)).await,
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

    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept>> {
        let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let of_part = async |part| self.cql.rows::<(i64, Vec<u8>, i64)>(PAGE, (part as i32, after, most)).await;
        let parts = stream::iter(0..PARTS).map(of_part).buffer_unordered(AT_ONCE);
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

fn place(app: u64) -> (i32, i64) {
    ((app % PARTS) as i32, app as i64)
}

fn stamp_of(stamp: &Stamp) -> Option<i64> {
    let bytes = stamp.0.as_deref()?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

fn kept(app: u64, row: &[u8], stamp: i64) -> Result<Kept> {
    let rows = CredentialRows::decode(row).map_err(|_| DbError::Corrupt("cannot read a row of push_credentials".into()))?.rows;
    Ok(Kept { app, rows, stamp: Stamp(Some(Bytes::copy_from_slice(&stamp.to_be_bytes()))) })
}
