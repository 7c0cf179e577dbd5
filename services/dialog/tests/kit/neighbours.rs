//! Accounts that know one app and four users.

use std::sync::{Arc, Mutex};

use natter_proto::Code;
use natter_proto::account::v1 as account;
use natter_proto::account::v1::accounts_server;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::{ANN, APP, BOB, CAT, DAN, PAIR_KEY, refusal};

/// One app, four users. Clones are the same ones.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Mutex<Said>>);

#[derive(Default)]
struct Said {
    app: account::App,
    is_away: bool,
}

impl Accounts {
    /// What the app says of itself from here on, besides its id and its key.
    pub fn say(&self, app: account::App) {
        self.0.lock().unwrap().app = app;
    }

    /// Whether nobody hears of the app from here on.
    pub fn be_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }
}

#[async_trait]
impl accounts_server::Accounts for Accounts {
    async fn get_app(&self, request: Request<account::GetAppRequest>) -> Reply<account::App> {
        let said = self.0.lock().unwrap();
        match request.into_inner().id {
            _ if said.is_away => Err(refusal(Code::Busy)),
            APP => Ok(Response::new(account::App { id: APP, pair_key: PAIR_KEY.into(), ..said.app.clone() })),
            _ => Err(refusal(Code::NotFound)),
        }
    }

    async fn get_users(&self, request: Request<account::GetUsersRequest>) -> Reply<account::GetUsersReply> {
        let known = request.into_inner().ids.into_iter().filter(|id| [ANN, BOB, CAT, DAN].contains(id));
        let users = known.map(|id| account::User { id, app: APP, ..account::User::default() }).collect();
        Ok(Response::new(account::GetUsersReply { users }))
    }

    async fn create_app(&self, _: Request<account::CreateAppRequest>) -> Reply<account::App> {
        Err(refusal(Code::Internal))
    }
    async fn ask_password_reset(&self, _: Request<account::AskPasswordResetRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn reset_password(&self, _: Request<account::ResetPasswordRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn set_identity(&self, _: Request<account::SetIdentityRequest>) -> Reply<account::App> {
        Err(refusal(Code::Internal))
    }
    async fn list_apps(&self, _: Request<account::ListAppsRequest>) -> Reply<account::ListAppsReply> {
        Err(refusal(Code::Internal))
    }
    async fn find_app(&self, _: Request<account::FindAppRequest>) -> Reply<account::App> {
        Err(refusal(Code::Internal))
    }
    async fn visit_app(&self, _: Request<account::VisitAppRequest>) -> Reply<account::App> {
        Err(refusal(Code::Internal))
    }
    async fn list_users(&self, _: Request<account::ListUsersRequest>) -> Reply<account::ListUsersReply> {
        Err(refusal(Code::Internal))
    }
    async fn open_session(&self, _: Request<account::OpenSessionRequest>) -> Reply<account::Session> {
        Err(refusal(Code::Internal))
    }
    async fn login(&self, _: Request<account::LoginRequest>) -> Reply<account::Session> {
        Err(refusal(Code::Internal))
    }
    async fn logout(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn close_session(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn resolve(&self, _: Request<account::ResolveRequest>) -> Reply<account::Session> {
        Err(refusal(Code::Internal))
    }
    async fn authenticate(&self, _: Request<account::AuthenticateRequest>) -> Reply<account::AuthenticateReply> {
        Err(refusal(Code::Internal))
    }
    async fn touch(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn sign_up(&self, _: Request<account::SignUpRequest>) -> Reply<account::User> {
        Err(refusal(Code::Internal))
    }
    async fn update_user(&self, _: Request<account::UpdateUserRequest>) -> Reply<account::User> {
        Err(refusal(Code::Internal))
    }
    async fn delete_user(&self, _: Request<account::UserRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn admit(&self, _: Request<account::UserRequest>) -> Reply<account::Empty> {
        Err(refusal(Code::Internal))
    }
    async fn find_user(&self, _: Request<account::FindUserRequest>) -> Reply<account::User> {
        Err(refusal(Code::Internal))
    }
}
