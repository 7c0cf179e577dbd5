//! The door for links about operators and their sign-ins.

use natter_proto::account::v1::operators_server::Operators as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::whole;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn make_first_operator(&self, _: Request<MakeFirstOperatorRequest>) -> Reply<OperatorSecret> {
        Ok(Response::new(self.accounts.make_first_operator().await?))
    }

    async fn create_operator(&self, request: Request<CreateOperatorRequest>) -> Reply<OperatorSecret> {
        Ok(Response::new(self.accounts.create_operator(request.into_inner()).await?))
    }

    async fn list_operators(&self, _: Request<ListOperatorsRequest>) -> Reply<ListOperatorsReply> {
        Ok(Response::new(ListOperatorsReply { operators: self.accounts.list_operators().await? }))
    }

    async fn change_operator(&self, request: Request<ChangeOperatorRequest>) -> Reply<Operator> {
        Ok(Response::new(self.accounts.change_operator(request.into_inner()).await?))
    }

    async fn remove_operator(&self, request: Request<OperatorName>) -> Reply<RemoveOperatorReply> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.remove_operator(&request.into_inner().name).await.map(|()| RemoveOperatorReply {}) }).await
    }

    async fn renew_operator_password(&self, request: Request<RenewOperatorPasswordRequest>) -> Reply<OperatorSecret> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.renew_operator_password(&request.into_inner().name).await }).await
    }

    async fn check_operator(&self, request: Request<CheckOperatorRequest>) -> Reply<Operator> {
        Ok(Response::new(self.accounts.check_operator(request.into_inner()).await?.row.shown()))
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Reply<SignedIn> {
        Ok(Response::new(self.accounts.sign_in(request.into_inner()).await?))
    }

    async fn check_sign_in(&self, request: Request<CheckSignInRequest>) -> Reply<SignedIn> {
        Ok(Response::new(self.accounts.check_sign_in(&request.into_inner().token).await?))
    }

    async fn list_sign_ins(&self, request: Request<ListSignInsRequest>) -> Reply<ListSignInsReply> {
        Ok(Response::new(ListSignInsReply { sign_ins: self.accounts.list_sign_ins(&request.into_inner().operator).await? }))
    }

    async fn end_sign_ins(&self, request: Request<EndSignInsRequest>) -> Reply<EndSignInsReply> {
        let accounts = self.accounts.clone();
        whole(async move { Ok(EndSignInsReply { ended: accounts.end_sign_ins(request.into_inner()).await? }) }).await
    }
}
