//! Apps: one row each, under their id.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_proto::account::v1::App;
use natter_rpc::async_trait;
use prost::Message;

use super::{APPS, Embedded, TRIES, decode};
use crate::store::{Apps, Error, Result};

/// Counts the ids of apps that nobody chose.
const COUNTER: &[u8] = b"apps";

#[async_trait]
impl Apps for Embedded {
    async fn app(&self, id: u64) -> Result<Option<App>> {
        let row = self.kv.get(APPS, &id.to_be_bytes()).await?;
        Ok(row.map(|row| decode(APPS, &row)).transpose()?)
    }

    async fn apps(&self, after: u64, limit: usize) -> Result<Vec<App>> {
        let range = KeyRange::between(after.saturating_add(1).to_be_bytes(), u64::MAX.to_be_bytes());
        let rows = self.kv.scan(APPS, range, limit).await?;
        rows.iter().map(|(_, row)| Ok(decode(APPS, row)?)).collect()
    }

    async fn add_app(&self, app: App) -> Result<App> {
        if app.id != 0 {
            return self.put_app(app).await;
        }
        for _ in 0..TRIES {
            let id = self.advance(COUNTER, 1).await?;
            match self.put_app(App { id, ..app.clone() }).await {
                // Somebody chose this number before.
                Err(Error::Taken(_)) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Changed)
    }
}

impl Embedded {
    async fn put_app(&self, app: App) -> Result<App> {
        let key = app.id.to_be_bytes();
        let mut batch = Batch::new();
        batch.require_absent(APPS, key);
        batch.put(APPS, key, app.encode_to_vec());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Taken("id")),
            outcome => Ok(outcome.map(|()| app)?),
        }
    }
}
