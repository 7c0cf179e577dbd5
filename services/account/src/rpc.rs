//! The door for links: takes a request out of its envelope, makes the call, puts the answer in. No decisions here.
//!
//! Calls that change a user run in a task of their own: what follows the write must happen, also if the caller is gone.

mod administration;
mod archive;
mod audit;
mod operators;
mod overrides;
mod reports;
mod tokens;

use natter_proto::account::v1::accounts_server::Accounts as Door;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Reply, Request, Response, async_trait};
use tracing::Instrument;

use crate::error::Error;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn create_app(&self, request: Request<CreateAppRequest>) -> Reply<App> {
        Ok(Response::new(self.accounts.create_app(request.into_inner()).await?))
    }

    async fn get_app(&self, request: Request<GetAppRequest>) -> Reply<App> {
        let app = self.accounts.app(request.into_inner().id).await?;
        Ok(Response::new(app.as_ref().clone()))
    }

    async fn list_apps(&self, request: Request<ListAppsRequest>) -> Reply<ListAppsReply> {
        Ok(Response::new(ListAppsReply { apps: self.accounts.list_apps(request.into_inner().limit as usize).await? }))
    }

    async fn find_app(&self, request: Request<FindAppRequest>) -> Reply<App> {
        let app = self.accounts.find_app(request.into_inner()).await?;
        Ok(Response::new(app.as_ref().clone()))
    }

    async fn visit_app(&self, request: Request<VisitAppRequest>) -> Reply<App> {
        let app = self.accounts.visit_app(request.into_inner()).await?;
        Ok(Response::new(app.as_ref().clone()))
    }

    async fn set_identity(&self, request: Request<SetIdentityRequest>) -> Reply<App> {
        let SetIdentityRequest { app, identity } = request.into_inner();
        let accounts = self.accounts.clone();
        whole(async move { accounts.set_identity(app, identity.unwrap_or_default()).await }).await
    }

    async fn open_session(&self, request: Request<OpenSessionRequest>) -> Reply<Session> {
        Ok(Response::new(self.accounts.open_session(request.into_inner()).await?))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Reply<Session> {
        Ok(Response::new(self.accounts.login(request.into_inner()).await?))
    }

    async fn logout(&self, request: Request<TokenRequest>) -> Reply<Empty> {
        self.accounts.logout(&request.into_inner().token).await?;
        Ok(Response::new(Empty {}))
    }

    async fn close_session(&self, request: Request<TokenRequest>) -> Reply<Empty> {
        let repeated = natter_rpc::is_repeated(&request);
        match self.accounts.close_session(&request.into_inner().token).await {
            // The first attempt ended it.
            Err(Error::TokenUnknown) if repeated => {}
            done => done?,
        }
        Ok(Response::new(Empty {}))
    }

    async fn resolve(&self, request: Request<ResolveRequest>) -> Reply<Session> {
        Ok(Response::new(self.accounts.resolve(request.into_inner()).await?))
    }

    async fn authenticate(&self, request: Request<AuthenticateRequest>) -> Reply<AuthenticateReply> {
        Ok(Response::new(self.accounts.authenticate(request.into_inner()).await?))
    }

    async fn touch(&self, request: Request<TokenRequest>) -> Reply<Empty> {
        self.accounts.touch(&request.into_inner().token).await?;
        Ok(Response::new(Empty {}))
    }

    async fn sign_up(&self, request: Request<SignUpRequest>) -> Reply<User> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.sign_up(request.into_inner()).await }).await
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Reply<User> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.update_user(request.into_inner()).await }).await
    }

    async fn delete_user(&self, request: Request<UserRequest>) -> Reply<Empty> {
        let UserRequest { app, id } = request.into_inner();
        let accounts = self.accounts.clone();
        whole(async move { accounts.delete_user(app, id).await.map(|()| Empty {}) }).await
    }

    async fn admit(&self, request: Request<UserRequest>) -> Reply<Empty> {
        let UserRequest { app, id } = request.into_inner();
        self.accounts.admit(app, id).await?;
        Ok(Response::new(Empty {}))
    }

    async fn get_users(&self, request: Request<GetUsersRequest>) -> Reply<GetUsersReply> {
        let GetUsersRequest { app, ids } = request.into_inner();
        Ok(Response::new(GetUsersReply { users: self.accounts.get_users(app, &ids).await? }))
    }

    async fn find_user(&self, request: Request<FindUserRequest>) -> Reply<User> {
        Ok(Response::new(self.accounts.find_user(request.into_inner()).await?))
    }

    async fn ask_password_reset(&self, request: Request<AskPasswordResetRequest>) -> Reply<Empty> {
        self.accounts.ask_password_reset(request.into_inner()).await?;
        Ok(Response::new(Empty {}))
    }

    async fn reset_password(&self, request: Request<ResetPasswordRequest>) -> Reply<Empty> {
        let accounts = self.accounts.clone();
        whole(async move { accounts.reset_password(request.into_inner()).await.map(|()| Empty {}) }).await
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Reply<ListUsersReply> {
        Ok(Response::new(self.accounts.list_users(request.into_inner()).await?))
    }
}

/// Runs a call to its end, whoever still waits for it. It ends by itself: each wait in it has a bound.
async fn whole<T: Send + 'static>(call: impl Future<Output = Result<T, Error>> + Send + 'static) -> Reply<T> {
    match tokio::spawn(call.in_current_span()).await {
        Ok(outcome) => Ok(Response::new(outcome?)),
        // The task is never aborted, so it was a broken promise of our own; the panic was told where it happened.
        Err(_) => Err(Failure::new(Code::Internal, "an account call ended early").into()),
    }
}
