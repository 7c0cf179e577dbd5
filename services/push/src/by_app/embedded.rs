//! The port on a key-value store: a row per app. Knows no rule of the noun. Numbers in keys are big-endian.

use std::marker::PhantomData;

use bytes::Bytes;
use natter_db::{Batch, Error as DbError, KeyRange, Kv};
use natter_rpc::async_trait;

use super::{ByApp, Error, Kept, Result, Row, Stamp};

/// The engine.
pub struct Embedded<R> {
    kv: Kv,
    of: PhantomData<R>,
}

impl<R> Embedded<R> {
    pub fn new(kv: Kv) -> Embedded<R> {
        Embedded { kv, of: PhantomData }
    }
}

#[async_trait]
impl<R: Row> ByApp<R> for Embedded<R> {
    async fn of_app(&self, app: u64) -> Result<Kept<R>> {
        kept(app, self.kv.get(R::TABLE, &app.to_be_bytes()).await?)
    }

    async fn change(&self, before: &Kept<R>, after: Vec<R>) -> Result<()> {
        let (key, mut batch) = (before.app.to_be_bytes(), Batch::new());
        match &before.stamp.0 {
            Some(found) => batch.require_equal(R::TABLE, key, found.clone()),
            None => batch.require_absent(R::TABLE, key),
        }
        match after.is_empty() {
            true => batch.delete(R::TABLE, key),
            false => batch.put(R::TABLE, key, R::write(after)),
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Vec<Kept<R>>> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let range = KeyRange::between(first.to_be_bytes(), [u8::MAX; 9]);
        let rows = self.kv.scan(R::TABLE, range, limit).await?;
        let app_of = |key: &[u8]| key.try_into().map(u64::from_be_bytes).map_err(|_| corrupt::<R>());
        rows.into_iter().map(|(key, row)| kept(app_of(&key)?, Some(row))).collect()
    }
}

fn kept<R: Row>(app: u64, found: Option<Bytes>) -> Result<Kept<R>> {
    let rows = found.as_deref().map(R::read).transpose().map_err(|_| corrupt::<R>())?.unwrap_or_default();
    Ok(Kept { app, rows, stamp: Stamp(found) })
}

fn corrupt<R: Row>() -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", R::TABLE.0))
}
