//! The port on a key-value store: a row per app. Knows no rule of the noun. Numbers in keys are big-endian.

use bytes::Bytes;
use natter_db::{Batch, Error as DbError, KeyRange, Kv, Table};
use natter_proto::push::v1::{CredentialRow, CredentialRows};
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Kept, Result, Stamp, Vault};

/// app -> `push.v1.CredentialRows`: all of the app.
const PUSH_CREDENTIALS: Table = Table("push_credentials");

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
impl Vault for Embedded {
    async fn of_app(&self, app: u64) -> Result<Kept> {
        let found = self.kv.get(PUSH_CREDENTIALS, &app.to_be_bytes()).await?;
        kept(app, found)
    }

    async fn change(&self, before: &Kept, after: Vec<CredentialRow>) -> Result<()> {
        let key = before.app.to_be_bytes();
        let mut batch = Batch::new();
        match &before.stamp.0 {
            Some(found) => batch.require_equal(PUSH_CREDENTIALS, key, found.clone()),
            None => batch.require_absent(PUSH_CREDENTIALS, key),
        }
        match after.is_empty() {
            true => batch.delete(PUSH_CREDENTIALS, key),
            false => batch.put(PUSH_CREDENTIALS, key, CredentialRows { rows: after }.encode_to_vec()),
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept>> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let range = KeyRange::between(first.to_be_bytes(), [u8::MAX; 9]);
        let rows = self.kv.scan(PUSH_CREDENTIALS, range, limit).await?;
        let app_of = |key: &[u8]| key.try_into().map(u64::from_be_bytes).map_err(|_| corrupt());
        rows.into_iter().map(|(key, row)| kept(app_of(&key)?, Some(row))).collect()
    }
}

fn kept(app: u64, found: Option<Bytes>) -> Result<Kept> {
    let rows = match found.as_deref() {
        Some(row) => CredentialRows::decode(row).map_err(|_| corrupt())?.rows,
        None => Vec::new(),
    };
    Ok(Kept { app, rows, stamp: Stamp(found) })
}

fn corrupt() -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", PUSH_CREDENTIALS.0))
}
