//! Users that an operator tries an app with. They have no password, so nobody signs in as one of them but by the token that is made
//! here; a login that a user with a password has, or a guest, is left to him.

use std::sync::Arc;

use natter_proto::account::v1::{Session, TrialRequest, User};

use super::bans::refuse_banned;
use crate::error::Error;
use crate::name::Name;
use crate::service::Accounts;
use crate::store::{self, Kept, UserRow};
use crate::user::accept;

/// How often a step is tried that meets another writer of the same user.
const TRIES: usize = 8;

impl Accounts {
    /// The user of this login, made if nobody has it, and a token of his. With the answer no other token stands for him.
    pub async fn open_trial(&self, request: TrialRequest) -> Result<Session, Error> {
        let app = self.open_app(request.app).await?.id;
        for _ in 0..TRIES {
            let user = match self.trial(app, &request.login).await? {
                Some(kept) => self.renewed(&kept).await,
                None => self.made(&request).await,
            };
            match user {
                // Somebody else made or changed him: look again.
                Err(Error::Store(store::Error::Changed | store::Error::Taken("login"))) => {}
                user => return self.begin_session(app, Some(user?), 0, 0).await,
            }
        }
        Err(store::Error::Changed.into())
    }

    /// The user of this login.
    pub async fn find_trial(&self, request: TrialRequest) -> Result<User, Error> {
        let app = self.app(request.app).await?.id;
        let found = match self.trial(app, &request.login).await {
            Err(Error::Store(store::Error::Taken(_))) => None,
            found => found?,
        };
        found.map(|kept| kept.row.user.clone()).ok_or(Error::UserUnknown)
    }

    async fn trial(&self, app: u64, login: &str) -> Result<Option<Arc<Kept<UserRow>>>, Error> {
        let Some(id) = self.store.users.holder(app, &Name::login(login)).await? else { return Ok(None) };
        match self.user(app, id).await? {
            Some(kept) if kept.row.password.is_some() || kept.row.user.guest => Err(store::Error::Taken("login").into()),
            found => Ok(found),
        }
    }

    async fn made(&self, request: &TrialRequest) -> Result<Arc<Kept<UserRow>>, Error> {
        let TrialRequest { app, login, full_name } = request.clone();
        let user = accept(User { login: Some(login), full_name: Some(full_name), ..User::default() })?;
        self.add_without_password(UserRow { user: User { app, ..user }, ..UserRow::default() }).await
    }

    // As with another password: no token of the version before stands for anybody.
    async fn renewed(&self, kept: &Kept<UserRow>) -> Result<Arc<Kept<UserRow>>, Error> {
        refuse_banned(&kept.row)?;
        let after = UserRow { password_version: kept.row.password_version + 1, ..kept.row.clone() };
        Ok(self.write_user(kept, after, None, None).await?)
    }
}
