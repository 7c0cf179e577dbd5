//! The port on a key-value store: a row per webhook. Numbers in keys are big-endian.

use std::collections::BTreeMap;

use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::push::v1::WebhookState;
use natter_rpc::async_trait;
use prost::Message;

use super::States;

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
impl States for Embedded {
    async fn of_app(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>, Error> {
        let rows = self.kv.scan(WEBHOOK_STATES, KeyRange::prefix(app.to_be_bytes()), STATES_MAX).await?;
        let id_of = |key: &[u8]| key.get(8..).and_then(|id| id.try_into().ok()).map(u64::from_be_bytes).ok_or_else(corrupt);
        let read = |row: &[u8]| WebhookState::decode(row).map_err(|_| corrupt());
        rows.iter().map(|(key, row)| Ok((id_of(key)?, read(row)?))).collect()
    }

    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(WEBHOOK_STATES, key(app, id), state.encode_to_vec());
        self.kv.commit(batch).await
    }

    async fn forget(&self, app: u64, id: u64) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.delete(WEBHOOK_STATES, key(app, id));
        self.kv.commit(batch).await
    }
}

fn key(app: u64, id: u64) -> Vec<u8> {
    [app.to_be_bytes(), id.to_be_bytes()].concat()
}

fn corrupt() -> Error {
    Error::Corrupt(format!("cannot read a row of {}", WEBHOOK_STATES.0))
}
