//! The door for links about operators.

use natter_proto::account::v1::operators_server::Operators as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn make_first_operator(&self, _: Request<MakeFirstOperatorRequest>) -> Reply<OperatorSecret> {
        Ok(Response::new(self.accounts.make_first_operator().await?))
    }

    async fn renew_operator_password(&self, request: Request<RenewOperatorPasswordRequest>) -> Reply<OperatorSecret> {
        Ok(Response::new(self.accounts.renew_operator_password(&request.into_inner().name).await?))
    }

    async fn check_operator(&self, request: Request<CheckOperatorRequest>) -> Reply<Operator> {
        Ok(Response::new(self.accounts.check_operator(request.into_inner()).await?))
    }
}
