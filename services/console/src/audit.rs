//! The audit log: an entry before each change, its outcome afterwards.

use natter_proto::account::v1::{AuditEntry, BeginAuditRequest, SettleAuditRequest};

use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::Door;

/// An entry whose outcome is not known yet.
pub struct Entry(Vec<u8>);

/// What a route has made, for the log: put into the extensions of its answer.
#[derive(Clone, Default)]
pub struct Made {
    /// 0: none.
    pub app: u64,
    /// Empty: none.
    pub target: String,
}

impl Entry {
    /// Enters a change. Refused if it cannot be kept: then nothing is to be changed.
    pub async fn begin(
        door: &Door,
        caller: &Caller,
        address: &str,
        action: &str,
        route: &str,
        app: u64,
        target: String,
    ) -> Result<Entry, Refusal> {
        let entry = AuditEntry {
            operator: caller.name.clone(),
            role: caller.role.name().to_owned(),
            address: address.to_owned(),
            action: action.to_owned(),
            route: route.to_owned(),
            app,
            target,
            ..AuditEntry::default()
        };
        let begun = door.audit().begin(BeginAuditRequest { entry: Some(entry) }).await?;
        Ok(Entry(begun.into_inner().id))
    }

    /// Enters what a caller has said why he does it. The reason is kept when this is answered.
    pub async fn reasoned(door: &Door, entry: AuditEntry) -> Result<Entry, Refusal> {
        let begun = door.audit().begin(BeginAuditRequest { entry: Some(entry) }).await?;
        Ok(Entry(begun.into_inner().id))
    }

    /// Its place in the log.
    pub fn id(&self) -> &[u8] {
        &self.0
    }

    /// Says what was answered. If that is not kept, the entry says that nobody knows.
    pub async fn settle(self, door: &Door, status: u16, made: Option<Made>) {
        let Made { app, target } = made.unwrap_or_default();
        let request = SettleAuditRequest { id: self.0, status: status.into(), app, target };
        if let Err(status) = door.audit().settle(request).await {
            tracing::warn!(%status, "the outcome of a change is not in the audit log");
        }
    }
}
