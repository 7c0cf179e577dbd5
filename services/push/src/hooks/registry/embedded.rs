//! The port on a key-value store: a row per app, and one per webhook. Numbers in keys are big-endian.

use std::collections::BTreeMap;

use bytes::Bytes;
use natter_db::{Batch, Error as DbError, KeyRange, Kv, Table};
use natter_proto::push::v1::{WebhookRow, WebhookRows, WebhookState};
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Kept, Registry, Result, Stamp};

/// app -> `push.v1.WebhookRows`: all of the app.
const WEBHOOKS: Table = Table("webhooks");
/// app, webhook -> `push.v1.WebhookState`.
const WEBHOOK_STATES: Table = Table("webhook_states");

/// Of an app: more than it may have webhooks.
const STATES_MAX: usize = 1_000;

/// The engine.
pub struct Embedded {
    kv: Kv,
}

impl Embedded {
    pub fn new(kv: Kv) -> Embedded {
        Embedded { kv }
    }
}

#[async_trait]
impl Registry for Embedded {
    async fn of_app(&self, app: u64) -> Result<Kept> {
        kept(app, self.kv.get(WEBHOOKS, &app.to_be_bytes()).await?)
    }

    async fn change(&self, before: &Kept, after: Vec<WebhookRow>) -> Result<()> {
        let (key, mut batch) = (before.app.to_be_bytes(), Batch::new());
        match &before.stamp.0 {
            Some(found) => batch.require_equal(WEBHOOKS, key, found.clone()),
            None => batch.require_absent(WEBHOOKS, key),
        }
        match after.is_empty() {
            true => batch.delete(WEBHOOKS, key),
            false => batch.put(WEBHOOKS, key, WebhookRows { rows: after }.encode_to_vec()),
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept>> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let range = KeyRange::between(first.to_be_bytes(), [u8::MAX; 9]);
        let rows = self.kv.scan(WEBHOOKS, range, limit).await?;
        rows.into_iter().map(|(key, row)| kept(number(WEBHOOKS, &key, 0)?, Some(row))).collect()
    }

    async fn states(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>> {
        let rows = self.kv.scan(WEBHOOK_STATES, KeyRange::prefix(app.to_be_bytes()), STATES_MAX).await?;
        let read = |row: &[u8]| WebhookState::decode(row).map_err(|_| corrupt(WEBHOOK_STATES));
        rows.iter().map(|(key, row)| Ok((number(WEBHOOK_STATES, key, 8)?, read(row)?))).collect()
    }

    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(WEBHOOK_STATES, state_key(app, id), state.encode_to_vec());
        Ok(self.kv.commit(batch).await?)
    }

    async fn forget(&self, app: u64, id: u64) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(WEBHOOK_STATES, state_key(app, id));
        Ok(self.kv.commit(batch).await?)
    }
}

fn state_key(app: u64, id: u64) -> Vec<u8> {
    [app.to_be_bytes(), id.to_be_bytes()].concat()
}

fn kept(app: u64, found: Option<Bytes>) -> Result<Kept> {
    let rows = match found.as_deref() {
        Some(row) => WebhookRows::decode(row).map_err(|_| corrupt(WEBHOOKS))?.rows,
        None => Vec::new(),
    };
    Ok(Kept { app, rows, stamp: Stamp(found) })
}

fn number(table: Table, key: &[u8], at: usize) -> std::result::Result<u64, DbError> {
    let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| corrupt(table))
}

fn corrupt(table: Table) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", table.0))
}
