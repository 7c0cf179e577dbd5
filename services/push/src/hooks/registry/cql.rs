//! The port on ScyllaDB: plain rows of how each webhook goes.

use std::collections::BTreeMap;

use natter_db::Error;
use natter_db::cql::{Cql, Statement};
use natter_proto::push::v1::WebhookState;
use natter_rpc::async_trait;
use prost::Message;

use super::States;

const STATES: Statement = Statement::read("SELECT id, row FROM webhook_states WHERE app = ?");
const NOTE: Statement = Statement::write("INSERT INTO webhook_states (app, id, row) VALUES (?, ?, ?)");
const FORGET: Statement = Statement::write("DELETE FROM webhook_states WHERE app = ? AND id = ?");

/// The engine.
pub struct OnCql {
    cql: Cql,
}

impl OnCql {
    pub fn new(cql: Cql) -> OnCql {
        OnCql { cql }
    }
}

#[async_trait]
impl States for OnCql {
    async fn of_app(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>, Error> {
        let rows = self.cql.rows::<(i64, Vec<u8>)>(STATES, (app as i64,)).await?;
        let read =
            |row: &[u8]| WebhookState::decode(row).map_err(|_| Error::Corrupt("cannot read a row of webhook_states".into()));
        rows.into_iter().map(|(id, row)| Ok((id as u64, read(&row)?))).collect()
    }

    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<(), Error> {
        self.cql.write(NOTE, (app as i64, id as i64, state.encode_to_vec())).await
    }

    async fn forget(&self, app: u64, id: u64) -> Result<(), Error> {
        self.cql.write(FORGET, (app as i64, id as i64)).await
    }
}
