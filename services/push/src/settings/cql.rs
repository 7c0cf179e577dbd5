//! The port on ScyllaDB: a row of `alert_settings` for each app.

use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::Settings;
use natter_rpc::async_trait;
use prost::Message;

use super::AlertSettings;

/// `row`: `push.v1.Settings`.
pub const TABLES: Migration = Migration {
    name: "push/001-alert-settings",
    statements: &["CREATE TABLE IF NOT EXISTS alert_settings (app bigint PRIMARY KEY, row blob)"],
};

const GET: Statement = Statement::read("SELECT row FROM alert_settings WHERE app = ?");
const PUT: Statement = Statement::write("INSERT INTO alert_settings (app, row) VALUES (?, ?)");
const FORGET: Statement = Statement::write("DELETE FROM alert_settings WHERE app = ?");

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
impl AlertSettings for OnCql {
    async fn get(&self, app: u64) -> Result<Option<Settings>, Error> {
        let found = self.cql.row::<(Vec<u8>,)>(GET, (app as i64,)).await?;
        let row = found.map(|(row,)| Settings::decode(&row[..])).transpose();
        row.map_err(|_| Error::Corrupt("cannot read a row of alert_settings".into()))
    }

    async fn put(&self, app: u64, settings: &Settings) -> Result<(), Error> {
        self.cql.write(PUT, (app as i64, settings.encode_to_vec())).await
    }

    async fn forget(&self, app: u64) -> Result<bool, Error> {
        if self.get(app).await?.is_none() {
            return Ok(false);
        }
        self.cql.write(FORGET, (app as i64,)).await.map(|()| true)
    }
}
