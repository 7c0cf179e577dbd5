//! Calls about the audit log: enter, settle, list, and the sweep of what is old or too much.

use std::sync::atomic::Ordering;

use natter_proto::account::v1::{AuditEntry, ListAuditReply, ListAuditRequest, SettleAuditRequest};

use crate::audit::{EntryId, EntryRow, Filter, Keeping, Outcome};
use crate::error::Error;
use crate::service::Accounts;
use crate::user::Fault;

/// Entries of a page, if the request says nothing, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Entries that a page looks at, and those that are read at once.
const LOOKED_MAX: usize = 2_000;
const READ: usize = 500;

/// How far the sweep of the log is: the last entry it has seen, and how many newer ones stay with it.
#[derive(Clone, Copy, Default)]
pub struct Swept {
    before: Option<EntryId>,
    newer: usize,
}

impl Accounts {
    /// Enters a change that is about to be made.
    pub async fn begin_audit(&self, entry: AuditEntry) -> Result<Vec<u8>, Error> {
        let now = self.clock.now_ms();
        let id = EntryId::new(now, self.audit_number.fetch_add(1, Ordering::Relaxed), self.chance.bytes());
        self.store.audit.add_entry(id, EntryRow::begun(entry, now)).await?;
        Ok(id.0.to_vec())
    }

    /// Says what came of one.
    pub async fn settle_audit(&self, request: SettleAuditRequest) -> Result<(), Error> {
        let SettleAuditRequest { id, status, app, target } = request;
        Ok(self.store.audit.settle_entry(entry_id(id)?, Outcome { status, app, target }).await?)
    }

    /// A page of entries, newest first.
    pub async fn list_audit(&self, request: ListAuditRequest) -> Result<ListAuditReply, Error> {
        let ListAuditRequest { before, limit, operator, limited, apps } = request;
        let filter = Filter { operator, apps: limited.then(|| apps.into_iter().collect()) };
        let limit = if limit == 0 { LIMIT } else { (limit as usize).min(LIMIT_MAX) };
        let mut at = if before.is_empty() { None } else { Some(entry_id(before)?) };
        let (mut entries, mut looked) = (Vec::new(), 0);
        while looked < LOOKED_MAX {
            let rows = self.store.audit.entries(at, READ).await?;
            let is_last = rows.len() < READ;
            for (id, row) in rows {
                (at, looked) = (Some(id), looked + 1);
                if filter.takes(&row) {
                    entries.push(row.shown(id));
                }
                if entries.len() == limit {
                    return Ok(ListAuditReply { entries, next: id.0.to_vec() });
                }
            }
            if is_last {
                return Ok(ListAuditReply { entries, next: Vec::new() });
            }
        }
        Ok(ListAuditReply { entries, next: at.map(|id| id.0.to_vec()).unwrap_or_default() })
    }

    /// Removes what is old or too much among a page of the log, which is walked from the newest to the oldest. Answers how far it is.
    pub async fn sweep_audit(&self, swept: Swept, page: usize) -> Swept {
        let keeping = Keeping { days: self.options.audit_days, rows_max: self.options.audit_rows_max };
        let Ok(rows) = self.store.audit.entries(swept.before, page).await else { return swept };
        let (now, mut newer, mut goes) = (self.clock.now_ms(), swept.newer, Vec::new());
        for (id, row) in &rows {
            if keeping.forgets(row.at, newer, now) {
                goes.push(*id);
            } else {
                newer += 1;
            }
        }
        if !goes.is_empty() && self.store.audit.forget_entries(goes).await.is_err() {
            return swept;
        }
        match rows.last().filter(|_| rows.len() == page) {
            Some((id, _)) => Swept { before: Some(*id), newer },
            None => Swept::default(),
        }
    }
}

fn entry_id(bytes: Vec<u8>) -> Result<EntryId, Error> {
    Ok(EntryId(bytes.try_into().map_err(|_| Fault::new("before", "is not the place of an entry"))?))
}
