//! Users that are made without a sign-up: guests, who live for a day, and whoever signs in to an app that makes its users so.

use std::sync::Arc;

use natter_proto::account::v1::{App, Credentials, SignUpRequest, User};
use natter_telemetry::Offence;

use crate::error::Error;
use crate::guesses::network;
use crate::service::Accounts;
use crate::store::{Kept, UserRow};
use crate::user::accept;

impl Accounts {
    /// The guest of `POST /session` with `user[guest]` (contract rest 2.9). What it is called is chosen here; other names it has none.
    pub async fn add_guest(&self, app: &App, fields: User, address: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        if !app.identity.as_ref().is_some_and(|identity| identity.guests) {
            return Err(Error::GuestsRefused);
        }
        self.admit_newcomer(address)?;
        let User { full_name, avatar, custom_data, website, timezone, tags, .. } = fields;
        let chance: [u8; 8] = self.chance.bytes();
        let login = Some(format!("guest_login_{:016x}", u64::from_be_bytes(chance)));
        let guest = accept(User { login, full_name, avatar, custom_data, website, timezone, tags, ..User::default() })?;
        let user = User { app: app.id, guest: true, ..guest };
        let guest_until = self.clock.now_ms() + 1000 * i64::from(self.options.guest_life_s);
        self.add_without_password(UserRow { user, guest_until, ..UserRow::default() }).await
    }

    /// The user that `POST /session` makes of a name nobody has, where the app wants it (contract rest 2.4).
    pub async fn add_unknown(&self, app: &App, given: &Credentials, address: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        self.admit_newcomer(address)?;
        let user = User { login: given.login.clone(), email: given.email.clone(), ..User::default() };
        let request = SignUpRequest { app: app.id, user: Some(user), password: given.password.clone(), ..Default::default() };
        let user = self.sign_up(request).await?;
        self.user(app.id, user.id).await?.ok_or(Error::UserUnknown)
    }

    fn admit_newcomer(&self, address: &str) -> Result<(), Error> {
        let (mut newcomers, now, network) = (self.newcomers.lock(), self.clock.now_ms(), network(address));
        if newcomers.count(&network, now) >= self.dials.newcomers.get() {
            self.offenders.address(Offence::Rate, address, now);
            return Err(Error::NewcomersTooMany);
        }
        newcomers.add(network, now);
        Ok(())
    }

    /// Deletes guests whose time is over, the longest ended first.
    pub async fn sweep_guests(&self, page: usize) {
        let over = self.store.users.guests_over(self.clock.now_ms(), page).await.unwrap_or_default();
        for (app, id) in over {
            if self.delete_user(app, id).await.is_ok() {
                self.metrics.guests_swept.inc();
            }
        }
    }
}
