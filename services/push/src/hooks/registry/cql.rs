//! The port on ScyllaDB: a row per app, changed by compare-and-set alone, and plain rows of how each webhook goes. The rows of apps lie
//! in [`PARTS`] partitions, all of which are read for a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error as DbError;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::{WebhookRow, WebhookRows, WebhookState};
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Kept, Registry, Result, Stamp};
use crate::stamps::Stamps;

/// `row`: `push.v1.WebhookRows`, all of the app, or `push.v1.WebhookState`; `stamp`: of who wrote it.
pub const TABLES: Migration = Migration {
    name: "push/007-webhooks",
    statements: &[
        "CREATE TABLE IF NOT EXISTS webhooks (part int, app bigint, row blob, stamp bigint, PRIMARY KEY (part, app))",
        "CREATE TABLE IF NOT EXISTS webhook_states (app bigint, id bigint, row blob, PRIMARY KEY (app, id))",
    ],
};

const OF_APP: Statement = Statement::read("SELECT row, stamp FROM webhooks WHERE part = ? AND app = ?");
const PAGE: Statement = Statement::read("SELECT app, row, stamp FROM webhooks WHERE part = ? AND app > ? LIMIT ?");
const ADD: Statement = Statement::change("INSERT INTO webhooks (row, stamp, part, app) VALUES (?, ?, ?, ?) IF NOT EXISTS");
const REPLACE: Statement = Statement::change("UPDATE webhooks SET row = ?, stamp = ? WHERE part = ? AND app = ? IF stamp = ?");
const REMOVE: Statement = Statement::change("DELETE FROM webhooks WHERE part = ? AND app = ? IF stamp = ?");

const STATES: Statement = Statement::read("SELECT id, row FROM webhook_states WHERE app = ?");
const NOTE: Statement = Statement::write("INSERT INTO webhook_states (app, id, row) VALUES (?, ?, ?)");
const FORGET: Statement = Statement::write("DELETE FROM webhook_states WHERE app = ? AND id = ?");

/// Never changed: rows lie by it.
const PARTS: u64 = 16;
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
impl Registry for OnCql {
    async fn of_app(&self, app: u64) -> Result<Kept> {
        match self.cql.row::<(Vec<u8>, i64)>(OF_APP, place(app)).await? {
            Some((row, stamp)) => kept(app, &row, stamp),
            None => Ok(Kept { app, rows: Vec::new(), stamp: Stamp(None) }),
        }
    }

    async fn change(&self, before: &Kept, after: Vec<WebhookRow>) -> Result<()> {
        let ((part, app), stamp, is_empty) = (place(before.app), self.stamps.next(), after.is_empty());
        let row = WebhookRows { rows: after }.encode_to_vec();
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

    async fn states(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>> {
        let rows = self.cql.rows::<(i64, Vec<u8>)>(STATES, (app as i64,)).await?;
        let read =
            |row: &[u8]| WebhookState::decode(row).map_err(|_| DbError::Corrupt("cannot read a row of webhook_states".into()));
        rows.into_iter().map(|(id, row)| Ok((id as u64, read(&row)?))).collect()
    }

    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<()> {
        Ok(self.cql.write(NOTE, (app as i64, id as i64, state.encode_to_vec())).await?)
    }

    async fn forget(&self, app: u64, id: u64) -> Result<()> {
        Ok(self.cql.write(FORGET, (app as i64, id as i64)).await?)
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
    let rows = WebhookRows::decode(row).map_err(|_| DbError::Corrupt("cannot read a row of webhooks".into()))?.rows;
    Ok(Kept { app, rows, stamp: Stamp(Some(Bytes::copy_from_slice(&stamp.to_be_bytes()))) })
}
