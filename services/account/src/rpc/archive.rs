//! The door for archives (decision 0039).

use natter_proto::account::v1::archive_server::Archive as Door;
use natter_proto::account::v1::*;
use natter_proto::archive::v1::Taken;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::whole;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn users(&self, request: Request<ArchiveUsersRequest>) -> Reply<ArchiveUsersReply> {
        Ok(Response::new(self.accounts.archived_users(request.into_inner()).await?))
    }

    async fn take_app(&self, request: Request<TakeAppRequest>) -> Reply<Taken> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.take_app(request.into_inner()).await }).await
    }

    async fn take_users(&self, request: Request<TakeUsersRequest>) -> Reply<Taken> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.take_users(request.into_inner()).await }).await
    }
}
