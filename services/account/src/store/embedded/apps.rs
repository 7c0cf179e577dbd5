//! Apps: one row each, under their id, and one under their auth key that names the id.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_proto::account::v1::App;
use natter_rpc::async_trait;
use prost::Message;

use super::{APP_KEYS, APPS, Embedded, TRIES, decode, erasures, stamp};
use crate::erasure::ErasureRow;
use crate::store::{Apps, Error, Kept, Result};

/// Counts the ids of apps that nobody chose.
const COUNTER: &[u8] = b"apps";

#[async_trait]
impl Apps for Embedded {
    async fn app(&self, id: u64) -> Result<Option<Kept<App>>> {
        let row = self.kv.get(APPS, &id.to_be_bytes()).await?;
        row.map(|row| Ok(Kept { row: decode(APPS, &row)?, stamp: stamp(&row) })).transpose()
    }

    async fn apps(&self, after: u64, limit: usize) -> Result<Vec<App>> {
        let range = KeyRange::between(after.saturating_add(1).to_be_bytes(), u64::MAX.to_be_bytes());
        let rows = self.kv.scan(APPS, range, limit).await?;
        rows.iter().map(|(_, row)| Ok(decode(APPS, row)?)).collect()
    }

    async fn app_with_key(&self, auth_key: &str) -> Result<Option<u64>> {
        self.number(APP_KEYS, auth_key.as_bytes()).await
    }

    async fn add_app(&self, app: App) -> Result<App> {
        if app.id != 0 {
            return self.put_app(app).await;
        }
        for _ in 0..TRIES {
            let id = self.advance(COUNTER, 1).await?;
            match self.put_app(App { id, ..app.clone() }).await {
                // Somebody chose this number before.
                Err(Error::Taken("id")) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Changed)
    }

    async fn change_app(&self, before: &Kept<App>, after: App, erasure: Option<ErasureRow>) -> Result<Kept<App>> {
        let (key, bytes) = (after.id.to_be_bytes(), after.encode_to_vec());
        let mut batch = Batch::new();
        batch.require_equal(APPS, key, before.stamp.0.clone());
        batch.put(APPS, key, bytes.clone());
        if before.row.auth_key != after.auth_key {
            batch.delete(APP_KEYS, before.row.auth_key.as_bytes());
            if !after.auth_key.is_empty() {
                batch.require_absent(APP_KEYS, after.auth_key.as_bytes());
                batch.put(APP_KEYS, after.auth_key.as_bytes(), key.to_vec());
            }
        }
        if let Some(erasure) = &erasure {
            erasures::put(&mut batch, erasure);
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(self.refusal(&after).await?),
            outcome => Ok(outcome.map(|()| Kept { row: after, stamp: stamp(&bytes) })?),
        }
    }
}

impl Embedded {
    async fn refusal(&self, app: &App) -> Result<Error> {
        match self.app_with_key(&app.auth_key).await? {
            Some(other) if other != app.id => Ok(Error::Taken("auth_key")),
            _ => Ok(Error::Changed),
        }
    }

    async fn put_app(&self, app: App) -> Result<App> {
        let key = app.id.to_be_bytes();
        let mut batch = Batch::new();
        batch.require_absent(APPS, key);
        batch.require_absent(APP_KEYS, app.auth_key.as_bytes());
        batch.put(APPS, key, app.encode_to_vec());
        batch.put(APP_KEYS, app.auth_key.as_bytes(), key.to_vec());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => match self.app_with_key(&app.auth_key).await? {
                Some(other) if other != app.id => Err(Error::Taken("auth_key")),
                _ => Err(Error::Taken("id")),
            },
            outcome => Ok(outcome.map(|()| app)?),
        }
    }
}
