//! The door for links about the sessions of users at the REST door.

use natter_proto::account::v1::tokens_server::Tokens as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::whole;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn list(&self, request: Request<ListTokensRequest>) -> Reply<ListTokensReply> {
        Ok(Response::new(self.accounts.list_tokens(request.into_inner()).await?))
    }

    async fn end(&self, request: Request<EndTokensRequest>) -> Reply<EndTokensReply> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.end_tokens(request.into_inner()).await }).await
    }
}
