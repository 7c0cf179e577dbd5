//! Which two users a private dialog is of: its id is checked against the app's pair key, and the users against the
//! account service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{GetAppRequest, GetUsersRequest};
use natter_proto::{AppId, Code, DialogId, Failure, UserId};
use natter_rpc::Link;
use parking_lot::Mutex;

use crate::dialog::Key;

/// Apps whose key is remembered; over it all are forgotten and asked again.
const APPS_MAX: usize = 10_000;
/// Users asked of the account service at once.
const USERS_CHUNK: usize = 500;

/// The apps' pair keys, asked once each: they are never rotated (design.md section 7).
pub struct Pairs {
    accounts: AccountsClient<Link>,
    keys: Mutex<BTreeMap<AppId, Arc<[u8]>>>,
}

impl Pairs {
    pub fn new(account: Link) -> Pairs {
        Pairs { accounts: AccountsClient::new(account), keys: Mutex::default() }
    }

    /// The id of the private dialog of these two.
    ///
    /// # Errors
    /// `NotFound`: no such app. Else what the account service answers.
    pub async fn id_of(&self, app: AppId, a: UserId, b: UserId) -> Result<DialogId, Failure> {
        Ok(DialogId::of_pair(&self.key_of(app).await?, a, b))
    }

    /// Refuses with `Invalid` unless `key` is the private dialog of these two different users.
    pub async fn check(&self, key: Key, a: UserId, b: UserId) -> Result<(), Failure> {
        if a == b {
            return Err(Failure::new(Code::Invalid, format!("user {a} cannot have a private dialog with himself")));
        }
        match self.id_of(key.app, a, b).await? == key.dialog {
            true => Ok(()),
            false => Err(Failure::new(Code::Invalid, format!("{} is not the dialog of users {a} and {b}", key.dialog))),
        }
    }

    /// Refuses with `NotFound` unless both are users of the app.
    pub async fn check_users(&self, app: AppId, a: UserId, b: UserId) -> Result<(), Failure> {
        let request = GetUsersRequest { app: app.0, ids: vec![a.0, b.0] };
        let users = self.accounts.clone().get_users(request).await?.into_inner().users;
        for wanted in [a, b] {
            if !users.iter().any(|user| user.id == wanted.0) {
                return Err(Failure::new(Code::NotFound, format!("user {wanted} does not exist")));
            }
        }
        Ok(())
    }

    /// Those of these users that exist, in their order.
    pub async fn known(&self, app: AppId, users: Vec<UserId>) -> Result<Vec<UserId>, Failure> {
        let mut known = BTreeSet::new();
        for users in users.chunks(USERS_CHUNK) {
            let request = GetUsersRequest { app: app.0, ids: users.iter().map(|user| user.0).collect() };
            let users = self.accounts.clone().get_users(request).await?.into_inner().users;
            known.extend(users.into_iter().map(|user| UserId(user.id)));
        }
        Ok(users.into_iter().filter(|user| known.contains(user)).collect())
    }

    async fn key_of(&self, app: AppId) -> Result<Arc<[u8]>, Failure> {
        if let Some(key) = self.keys.lock().get(&app) {
            return Ok(key.clone());
        }
        let row = self.accounts.clone().get_app(GetAppRequest { id: app.0 }).await?.into_inner();
        let key: Arc<[u8]> = row.pair_key.into();
        let mut keys = self.keys.lock();
        if keys.len() >= APPS_MAX {
            keys.clear();
        }
        keys.insert(app, key.clone());
        Ok(key)
    }
}
