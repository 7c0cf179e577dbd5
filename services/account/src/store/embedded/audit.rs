//! The audit log: one row per entry, under its id.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::{AUDIT, Embedded, TRIES, corrupt};
use crate::audit::{EntryId, EntryRow, Outcome};
use crate::store::{Audit, Error, Result, written};

#[async_trait]
impl Audit for Embedded {
    async fn add_entry(&self, id: EntryId, row: EntryRow) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(AUDIT, id.0, written::of_entry(row));
        Ok(self.kv.commit(batch).await?)
    }

    async fn settle_entry(&self, id: EntryId, outcome: Outcome) -> Result<()> {
        for _ in 0..TRIES {
            let Some(bytes) = self.kv.get(AUDIT, &id.0).await? else { return Ok(()) };
            let settled = written::to_entry(&bytes)?.settled(&outcome);
            let mut batch = Batch::new();
            // An entry that goes meanwhile does not come back.
            batch.require_equal(AUDIT, id.0, bytes);
            batch.put(AUDIT, id.0, written::of_entry(settled));
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
            Ok((id, written::to_entry(bytes)?))
        };
        rows.iter().map(entry).collect()
    }

    async fn forget_entries(&self, ids: Vec<EntryId>) -> Result<()> {
        let mut batch = Batch::new();
        ids.into_iter().for_each(|id| batch.delete(AUDIT, id.0));
        Ok(self.kv.commit(batch).await?)
    }
}
