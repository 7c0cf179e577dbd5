//! The port of the audit log.

use natter_rpc::async_trait;

use super::Result;
use crate::audit::{EntryId, EntryRow, Outcome};

/// Entries by id, which ascends in time.
#[async_trait]
pub trait Audit: Send + Sync {
    async fn add_entry(&self, id: EntryId, row: EntryRow) -> Result<()>;
    /// Says what came of an entry. One that is not there stays away.
    async fn settle_entry(&self, id: EntryId, outcome: Outcome) -> Result<()>;
    /// At most `limit` entries before `before`, newest first.
    async fn entries(&self, before: Option<EntryId>, limit: usize) -> Result<Vec<(EntryId, EntryRow)>>;
    /// Removes entries.
    async fn forget_entries(&self, ids: Vec<EntryId>) -> Result<()>;
}
