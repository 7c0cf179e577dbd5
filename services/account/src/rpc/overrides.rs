//! The door for links about what is set over the settings of all processes.

use natter_proto::account::v1::overriding_server::Overriding as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn get(&self, _: Request<GetOverridesRequest>) -> Reply<Overrides> {
        Ok(Response::new(self.accounts.overrides().await?))
    }

    async fn change(&self, request: Request<ChangeOverridesRequest>) -> Reply<Overrides> {
        Ok(Response::new(self.accounts.change_overrides(request.into_inner()).await?))
    }
}
