//! The door for links about the audit log.

use natter_proto::account::v1::audit_server::Audit as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn begin(&self, request: Request<BeginAuditRequest>) -> Reply<BeginAuditReply> {
        let entry = request.into_inner().entry.unwrap_or_default();
        Ok(Response::new(BeginAuditReply { id: self.accounts.begin_audit(entry).await? }))
    }

    async fn settle(&self, request: Request<SettleAuditRequest>) -> Reply<SettleAuditReply> {
        self.accounts.settle_audit(request.into_inner()).await?;
        Ok(Response::new(SettleAuditReply {}))
    }

    async fn list(&self, request: Request<ListAuditRequest>) -> Reply<ListAuditReply> {
        Ok(Response::new(self.accounts.list_audit(request.into_inner()).await?))
    }
}
