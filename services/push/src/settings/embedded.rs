//! The port on a key-value store. Numbers in keys are big-endian.

use natter_db::{Batch, Error, Kv, Table};
use natter_proto::push::v1::Settings;
use natter_rpc::async_trait;
use prost::Message;

use super::AlertSettings;

/// app -> `push.v1.Settings`.
const ALERT_SETTINGS: Table = Table("alert_settings");

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
impl AlertSettings for Embedded {
    async fn get(&self, app: u64) -> Result<Option<Settings>, Error> {
        let found = self.kv.get(ALERT_SETTINGS, &app.to_be_bytes()).await?;
        let row = found.map(Settings::decode).transpose();
        row.map_err(|_| Error::Corrupt(format!("cannot read a row of {}", ALERT_SETTINGS.0)))
    }

    async fn put(&self, app: u64, settings: &Settings) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(ALERT_SETTINGS, app.to_be_bytes(), settings.encode_to_vec());
        self.kv.commit(batch).await
    }

    async fn forget(&self, app: u64) -> Result<bool, Error> {
        if self.kv.get(ALERT_SETTINGS, &app.to_be_bytes()).await?.is_none() {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.delete(ALERT_SETTINGS, app.to_be_bytes());
        self.kv.commit(batch).await.map(|()| true)
    }
}
