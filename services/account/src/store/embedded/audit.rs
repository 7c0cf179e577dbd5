//! The audit log: one row per entry, under its id.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;
use prost::Message;

use super::{AUDIT, Embedded, TRIES, corrupt, decode};
use crate::audit::{EntryId, EntryRow, Outcome};
use crate::store::{Audit, Error, Result};

/// How a row is written. Fields are added, never renumbered.
#[derive(Clone, PartialEq, Message)]
struct StoredEntry {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    operator: String,
    #[prost(string, tag = "3")]
    role: String,
    #[prost(string, tag = "4")]
    address: String,
    #[prost(string, tag = "5")]
    action: String,
    #[prost(string, tag = "6")]
    route: String,
    #[prost(uint64, tag = "7")]
    app: u64,
    #[prost(string, tag = "8")]
    target: String,
    #[prost(uint32, tag = "9")]
    status: u32,
}

#[async_trait]
impl Audit for Embedded {
    async fn add_entry(&self, id: EntryId, row: EntryRow) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(AUDIT, id.0, written(row));
        Ok(self.kv.commit(batch).await?)
    }

    async fn settle_entry(&self, id: EntryId, outcome: Outcome) -> Result<()> {
        for _ in 0..TRIES {
            let Some(bytes) = self.kv.get(AUDIT, &id.0).await? else { return Ok(()) };
            let settled = read(&bytes)?.settled(&outcome);
            let mut batch = Batch::new();
            // An entry that goes meanwhile does not come back.
            batch.require_equal(AUDIT, id.0, bytes);
            batch.put(AUDIT, id.0, written(settled));
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(Error::Changed)
    }

    async fn entries(&self, before: Option<EntryId>, limit: usize) -> Result<Vec<(EntryId, EntryRow)>> {
        let upto = before.map_or_else(|| vec![u8::MAX; 17], |id| id.0.to_vec());
        let rows = self.kv.scan(AUDIT, KeyRange::between([], upto).reversed(), limit).await?;
        let entry = |(key, bytes): &(bytes::Bytes, bytes::Bytes)| {
            let id = key.as_ref().try_into().map(EntryId).map_err(|_| corrupt(AUDIT))?;
            Ok((id, read(bytes)?))
        };
        rows.iter().map(entry).collect()
    }

    async fn forget_entries(&self, ids: Vec<EntryId>) -> Result<()> {
        let mut batch = Batch::new();
        ids.into_iter().for_each(|id| batch.delete(AUDIT, id.0));
        Ok(self.kv.commit(batch).await?)
    }
}

fn written(row: EntryRow) -> Vec<u8> {
    let EntryRow { at, operator, role, address, action, route, app, target, status } = row;
    StoredEntry { at, operator, role, address, action, route, app, target, status }.encode_to_vec()
}

fn read(bytes: &[u8]) -> Result<EntryRow> {
    let StoredEntry { at, operator, role, address, action, route, app, target, status } = decode(AUDIT, bytes)?;
    Ok(EntryRow { at, operator, role, address, action, route, app, target, status })
}
