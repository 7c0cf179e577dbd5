//! What is set over the settings: one row, written on condition of the bytes that were read. A step is one request, so a crash leaves
//! nothing half done.

use natter_db::Error as DbError;
use natter_db::cql::{Migration, Statement};
use natter_proto::account::v1::Overrides;
use natter_rpc::async_trait;
use prost::Message;

use super::OnCql;
use crate::store::{Error, Kept, KeptOverrides, Result, Stamp};

/// `part` is 0. `row`: as it is told.
pub const TABLES: Migration = Migration {
    name: "account/018-overrides",
    statements: &["CREATE TABLE IF NOT EXISTS overrides (part int PRIMARY KEY, row blob)"],
};

const READ: Statement = Statement::read("SELECT row FROM overrides WHERE part = 0");
const BEGIN: Statement = Statement::change("INSERT INTO overrides (part, row) VALUES (0, ?) IF NOT EXISTS");
const CHANGE: Statement = Statement::change("UPDATE overrides SET row = ? WHERE part = 0 IF row = ?");

#[async_trait]
impl KeptOverrides for OnCql {
    async fn overrides(&self) -> Result<Option<Kept<Overrides>>> {
        let Some((row,)) = self.cql.row::<(Vec<u8>,)>(READ, ()).await? else { return Ok(None) };
        let read = Overrides::decode(row.as_slice()).map_err(|_| DbError::Corrupt("cannot read a row of overrides".into()))?;
        Ok(Some(Kept { row: read, stamp: Stamp(row.into()) }))
    }

    async fn change_overrides(&self, before: Option<&Kept<Overrides>>, after: Overrides) -> Result<Kept<Overrides>> {
        let bytes = after.encode_to_vec();
        let is_changed = match before {
            Some(before) => self.cql.change(CHANGE, (&bytes, before.stamp.0.to_vec())).await?,
            None => self.cql.change(BEGIN, (&bytes,)).await?,
        };
        if is_changed { Ok(Kept { row: after, stamp: Stamp(bytes.into()) }) } else { Err(Error::Changed) }
    }
}
