//! What is set over the settings: one row.

use natter_db::{Batch, Error as DbError};
use natter_proto::account::v1::Overrides;
use natter_rpc::async_trait;
use prost::Message;

use super::{Embedded, OVERRIDES, decode, stamp};
use crate::store::{Error, Kept, KeptOverrides, Result};

const KEY: &[u8] = b"overrides";

#[async_trait]
impl KeptOverrides for Embedded {
    async fn overrides(&self) -> Result<Option<Kept<Overrides>>> {
        let Some(bytes) = self.kv.get(OVERRIDES, KEY).await? else { return Ok(None) };
        Ok(Some(Kept { row: decode(OVERRIDES, &bytes)?, stamp: stamp(&bytes) }))
    }

    async fn change_overrides(&self, before: Option<&Kept<Overrides>>, after: Overrides) -> Result<Kept<Overrides>> {
        let (mut batch, bytes) = (Batch::new(), after.encode_to_vec());
        match before {
            Some(before) => batch.require_equal(OVERRIDES, KEY, before.stamp.0.clone()),
            None => batch.require_absent(OVERRIDES, KEY),
        }
        batch.put(OVERRIDES, KEY, bytes.clone());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome.map(|()| Kept { row: after, stamp: stamp(&bytes) })?),
        }
    }
}
