//! The doors for links about the life of apps and the end of users.

use natter_proto::account::v1::administration_server::Administration as Door;
use natter_proto::account::v1::eraser_server::Eraser;
use natter_proto::account::v1::*;
use natter_proto::erasure::v1::{EraseReply, EraseRequest};
use natter_rpc::{Reply, Request, Response, async_trait};

use super::whole;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn apply_app(&self, request: Request<ApplyAppRequest>) -> Reply<ApplyAppReply> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.apply_app(request.into_inner()).await }).await
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Reply<App> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.rotate_keys(request.into_inner()).await }).await
    }

    async fn end_previous_keys(&self, request: Request<GetAppRequest>) -> Reply<App> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.end_previous_keys(request.into_inner().id).await }).await
    }

    async fn ban_user(&self, request: Request<BanUserRequest>) -> Reply<User> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.ban_user(request.into_inner()).await }).await
    }

    async fn suspend_app(&self, request: Request<SuspendAppRequest>) -> Reply<App> {
        let SuspendAppRequest { id, suspended } = request.into_inner();
        let accounts = self.accounts.clone();
        whole(async move { accounts.suspend_app(id, suspended).await }).await
    }

    async fn delete_app(&self, request: Request<GetAppRequest>) -> Reply<Erasure> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.delete_app(request.into_inner().id).await }).await
    }

    async fn get_erasure(&self, request: Request<UserRequest>) -> Reply<Erasure> {
        let UserRequest { app, id } = request.into_inner();
        Ok(Response::new(self.accounts.erasure(app, id).await?))
    }

    async fn open_trial(&self, request: Request<TrialRequest>) -> Reply<Session> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.open_trial(request.into_inner()).await }).await
    }

    async fn find_trial(&self, request: Request<TrialRequest>) -> Reply<User> {
        Ok(Response::new(self.accounts.find_trial(request.into_inner()).await?))
    }
}

#[async_trait]
impl Eraser for Service {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        Ok(Response::new(self.accounts.erase_page(request.into_inner()).await?))
    }
}
