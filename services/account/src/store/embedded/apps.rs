//! Apps: one row each, under their id, and one under their auth key and each of their names that tells the id.

use std::collections::BTreeSet;

use natter_db::{Batch, Error as DbError, KeyRange, Table};
use natter_proto::account::v1::App;
use natter_rpc::async_trait;
use prost::Message;

use super::{APP_HOSTS, APP_KEYS, APPS, Embedded, TRIES, decode, erasures, stamp};
use crate::app::auth_keys;
use crate::erasure::ErasureRow;
use crate::host::{self, hosts};
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

    async fn app_with_host(&self, host: &str) -> Result<Option<u64>> {
        self.number(APP_HOSTS, host.as_bytes()).await
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
        move_names(&mut batch, APP_KEYS, (&auth_keys(&before.row), &auth_keys(&after)), after.id);
        move_names(&mut batch, APP_HOSTS, (&hosts(&before.row), &hosts(&after)), after.id);
        if let Some(erasure) = &erasure {
            erasures::put(&mut batch, erasure);
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(self.held_by_another(&after).await?.unwrap_or(Error::Changed)),
            outcome => Ok(outcome.map(|()| Kept { row: after, stamp: stamp(&bytes) })?),
        }
    }
}

impl Embedded {
    /// What of an app another one has.
    async fn held_by_another(&self, app: &App) -> Result<Option<Error>> {
        let is_other = |owner: Option<u64>| owner.is_some_and(|owner| owner != app.id);
        for key in auth_keys(app) {
            if is_other(self.app_with_key(key).await?) {
                return Ok(Some(Error::Taken("auth_key")));
            }
        }
        for (field, name) in [(host::CHAT, &app.chat_host), (host::API, &app.api_host)] {
            if !name.is_empty() && is_other(self.app_with_host(name).await?) {
                return Ok(Some(Error::Taken(field)));
            }
        }
        Ok(None)
    }

    async fn put_app(&self, app: App) -> Result<App> {
        let key = app.id.to_be_bytes();
        let mut batch = Batch::new();
        batch.require_absent(APPS, key);
        batch.put(APPS, key, app.encode_to_vec());
        move_names(&mut batch, APP_KEYS, (&BTreeSet::new(), &auth_keys(&app)), app.id);
        move_names(&mut batch, APP_HOSTS, (&BTreeSet::new(), &hosts(&app)), app.id);
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(self.held_by_another(&app).await?.unwrap_or(Error::Taken("id"))),
            outcome => Ok(outcome.map(|()| app)?),
        }
    }
}

// Names of which each belongs to one app: those that fell away are free, further ones are reserved.
fn move_names(batch: &mut Batch, table: Table, (had, has): (&BTreeSet<&str>, &BTreeSet<&str>), app: u64) {
    for name in had.difference(has) {
        batch.delete(table, name.as_bytes());
    }
    for name in has.difference(had) {
        batch.require_absent(table, name.as_bytes());
        batch.put(table, name.as_bytes(), app.to_be_bytes().to_vec());
    }
}
