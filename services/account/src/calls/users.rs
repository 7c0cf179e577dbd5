//! Calls about users: sign up, update, delete, look up by id and name. Lists are in `lists.rs`.

use std::sync::Arc;

use natter_proto::account::v1::{FindUserRequest, SignUpRequest, UpdateUserRequest, User, find_user_request::By};

use super::bans::refuse_banned;
use super::credentials::Claim;
use crate::erasure::ErasureRow;
use crate::error::Error;
use crate::name::{Name, names};
use crate::password;
use crate::service::{Accounts, settle};
use crate::store::{self, Along, Kept, TokenChange, TokenRow, UserRow};
use crate::token::TokenKey;
use crate::user::{Change, Fault, accept, changed};
use crate::verifier::{Subject, Verifier};

/// Users in one answer.
const IDS_MAX: usize = 10_000;
/// How often a chosen id that met a taken one, or an update that met another writer, is tried.
const TRIES: usize = 8;
/// Numbers from here on do not survive JavaScript.
const ID_END: u64 = 1 << 53;

/// A password that may be set: the old one was proved.
struct NewPassword {
    text: String,
    hash: String,
    /// Version of the password that was proved.
    replaces: u64,
}

/// The one token that outlives a new password.
pub(crate) struct Survivor {
    key: TokenKey,
    before: Arc<Kept<TokenRow>>,
    after: TokenRow,
}

fn subject(row: &UserRow) -> Subject {
    Subject { app: row.user.app, user: row.user.id, version: row.password_version }
}

impl Accounts {
    /// `POST /users` (contract rest 3.2). Of two that want one name, one is told that it is taken.
    pub async fn sign_up(&self, request: SignUpRequest) -> Result<User, Error> {
        let SignUpRequest { app, user, password, id, auth_key } = request;
        match auth_key.as_str() {
            "" => self.open_app(app).await?,
            auth_key => self.app_opened_by(app, auth_key).await?,
        };
        if id >= ID_END {
            return Err(Fault::new("id", "is invalid").into());
        }
        let mut user = accept(user.unwrap_or_default())?;
        password::accept(&password, self.options.password_chars_min)?;
        self.check_free(app, &user).await?;
        let hash = self.hash(&password).await?;
        let now = self.clock.now_ms();
        user = User { app, created_at: now, updated_at: now, last_request_at: 0, ..user };
        let row = UserRow { user, password: Some(hash), password_version: 1, revision: 1, ..UserRow::default() };
        let kept = self.add(row, id, Some(&password)).await?;
        Ok(kept.row.user)
    }

    /// Adds a user who signs in by something else than a password.
    pub async fn add_without_password(&self, row: UserRow) -> Result<Arc<Kept<UserRow>>, Error> {
        let now = self.clock.now_ms();
        let user = User { created_at: now, updated_at: now, last_request_at: 0, ..row.user };
        let row = UserRow { user, password: None, password_version: 1, revision: 1, ..row };
        Ok(Arc::new(self.add(row, 0, None).await?))
    }

    // The reservation decides; this spares an Argon2 run for a name that everybody has.
    async fn check_free(&self, app: u64, user: &User) -> Result<(), Error> {
        for name in names(user) {
            if self.store.users.holder(app, &name).await?.is_some() {
                return Err(store::Error::Taken(name.field()).into());
            }
        }
        Ok(())
    }

    async fn add(&self, row: UserRow, id: u64, password: Option<&str>) -> Result<Kept<UserRow>, Error> {
        for _ in 0..TRIES {
            let chosen = if id == 0 { self.ids.next(self.store.users.as_ref()).await? } else { id };
            let (app, row) = (row.user.app, UserRow { user: User { id: chosen, ..row.user.clone() }, ..row.clone() });
            let verifier = password.and_then(|password| self.verifier(subject(&row), password));
            match self.store.users.add_user(row, verifier).await {
                // The operator chose this number for somebody before.
                Err(store::Error::Taken("id")) if id == 0 => {}
                Err(unknown @ store::Error::Db(natter_db::Error::Unknown(_))) => {
                    self.indexes.forget(app);
                    return Err(unknown.into());
                }
                outcome => {
                    let kept = outcome?;
                    self.metrics.users_added.inc();
                    self.indexes.changed(&kept.row);
                    return Ok(kept);
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        self.hashers.turn().await?.hash(password, self.chance.bytes()).await
    }

    /// `PUT /users/{id}` (contract rest 3.2). A new password needs the old one. It ends the verifier and the user's tokens but
    /// the caller's; streams that were opened with one of them stay until they end (contract rest 11).
    pub async fn update_user(&self, request: UpdateUserRequest) -> Result<User, Error> {
        let password = match &request.password {
            Some(text) => {
                let kept = self.user(request.app, request.id).await?.ok_or(Error::UserUnknown)?;
                Some(self.new_password(&kept.row, text, request.old_password.as_deref()).await?)
            }
            None => None,
        };
        for _ in 0..TRIES {
            let kept = self.user(request.app, request.id).await?.ok_or(Error::UserUnknown)?;
            let (after, verifier) = self.updated(&kept.row, &request, password.as_ref())?;
            let survivor = match &password {
                Some(_) => self.survivor(&request.token, &after).await?,
                None => None,
            };
            match self.write_user(&kept, after, verifier, survivor).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?.row.user.clone()),
            }
        }
        Err(store::Error::Changed.into())
    }

    fn updated(
        &self,
        before: &UserRow,
        request: &UpdateUserRequest,
        password: Option<&NewPassword>,
    ) -> Result<(UserRow, Option<Verifier>), Error> {
        let set = request.set.clone().unwrap_or_default();
        let change = Change { set, clear: &request.clear, tags_given: request.tags_given };
        let user = User { updated_at: self.clock.now_ms(), ..changed(&before.user, change)? };
        let proofs = before.proofs.after(&before.user, &user);
        let Some(password) = password else { return Ok((UserRow { user, proofs, ..before.clone() }, None)) };
        // Somebody else changed it since the old one was proved.
        if before.password_version != password.replaces {
            return Err(Error::OldPasswordWrong);
        }
        let password_version = before.password_version + 1;
        let after = UserRow { user, password: Some(password.hash.clone()), password_version, proofs, ..before.clone() };
        let verifier = self.verifier(subject(&after), &password.text);
        Ok((after, verifier))
    }

    // None if the token is not a live one of that user: then nothing of it is there to be kept.
    async fn survivor(&self, token: &str, user: &UserRow) -> Result<Option<Survivor>, Error> {
        let live = match self.live(token).await {
            Err(Error::TokenUnknown) => return Ok(None),
            live => live?,
        };
        if (live.row.row.app, live.row.row.user) != (user.user.app, user.user.id) {
            return Ok(None);
        }
        let after = TokenRow { password_version: user.password_version, ..live.row.row.clone() };
        Ok(Some(Survivor { key: live.key, before: live.row, after }))
    }

    // Who has no password (signed up through a provider) sets the first one without an old one.
    async fn new_password(&self, before: &UserRow, text: &str, old: Option<&str>) -> Result<NewPassword, Error> {
        password::accept(text, self.options.password_chars_min)?;
        if before.password.is_some() {
            let old = old.ok_or(Fault::new("old_password", "can't be blank"))?;
            let User { app, id, .. } = before.user;
            let claim = Claim { app, user: id, row: Some(before), address: "" };
            self.prove(&claim, &[old.to_owned()]).await.map_err(|refusal| match refusal {
                Error::CredentialsWrong => Error::OldPasswordWrong,
                other => other,
            })?;
        }
        Ok(NewPassword { text: text.to_owned(), hash: self.hash(text).await?, replaces: before.password_version })
    }

    /// `DELETE /users/{id}`: names are free again, tokens stand for nobody, the id is never given again. The erasure of what else
    /// is kept of him begins in the same step.
    pub async fn delete_user(&self, app: u64, id: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            let kept = self.user(app, id).await?.ok_or(Error::UserUnknown)?;
            let user = User { id, app, updated_at: self.clock.now_ms(), ..User::default() };
            let password_version = kept.row.password_version + 1;
            let gone = UserRow { user, password_version, deleted: true, ..UserRow::default() };
            match self.write_user(&kept, gone, None, None).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    outcome?;
                    self.endings.tell(app, id);
                    return Ok(());
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    pub async fn write_user(
        &self,
        before: &Kept<UserRow>,
        after: UserRow,
        verifier: Option<Verifier>,
        survivor: Option<Survivor>,
    ) -> store::Result<Arc<Kept<UserRow>>> {
        let (app, id) = (before.row.user.app, before.row.user.id);
        let after = UserRow { revision: before.row.revision + 1, ..after };
        let token = survivor.as_ref().map(|token| {
            let Survivor { key, before, after } = token;
            TokenChange { key: *key, before: before.as_ref(), after: after.clone() }
        });
        let (ticket, of_token) = (self.users.begin((app, id)), token.as_ref().map(|token| self.tokens.begin(token.key)));
        let erasure = after.deleted.then(|| ErasureRow::begun(app, id, after.user.updated_at));
        let along = Along { verifier: verifier.clone(), token, erasure };
        let outcome = self.store.users.change_user(before, after, along).await.map(Arc::new);
        settle(&self.users, ticket, &outcome);
        match &outcome {
            // Whether it was written nobody can say, so neither can the index: it is made again from the store.
            Err(store::Error::Db(natter_db::Error::Unknown(_))) => self.indexes.forget(app),
            _ => of_token.into_iter().for_each(|ticket| self.tokens.finish(ticket, None)),
        }
        if let Ok(kept) = &outcome {
            self.indexes.changed(&kept.row);
        }
        if let (Ok(kept), Some(verifier)) = (&outcome, verifier) {
            self.remember_verifier(subject(&kept.row), verifier);
        }
        outcome
    }

    /// Whether a user may be connected.
    pub async fn admit(&self, app: u64, id: u64) -> Result<(), Error> {
        self.open_app(app).await?;
        refuse_banned(&self.user(app, id).await?.ok_or(Error::UserUnknown)?.row)
    }

    /// A user that is there.
    pub async fn user(&self, app: u64, id: u64) -> Result<Option<Arc<Kept<UserRow>>>, Error> {
        let found = self.users_kept(app, &[id]).await?;
        Ok(found.into_iter().next())
    }

    /// The users of `ids` that are there, in that order.
    pub async fn get_users(&self, app: u64, ids: &[u64]) -> Result<Vec<User>, Error> {
        if ids.len() > IDS_MAX {
            return Err(Error::IdsTooMany(IDS_MAX));
        }
        Ok(self.users_kept(app, ids).await?.into_iter().map(|kept| kept.row.user.clone()).collect())
    }

    pub async fn users_kept(&self, app: u64, ids: &[u64]) -> Result<Vec<Arc<Kept<UserRow>>>, Error> {
        let mut found: Vec<_> = ids.iter().map(|id| self.users.get(&(app, *id))).collect();
        let missing: Vec<u64> = ids.iter().zip(&found).filter(|(_, kept)| kept.is_none()).map(|(id, _)| *id).collect();
        if !missing.is_empty() {
            let reading = self.users.reading();
            let mut read = self.store.users.users(app, &missing).await?.into_iter();
            for (id, place) in ids.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
                let Some(Some(kept)) = read.next() else { continue };
                let kept = Arc::new(kept);
                self.users.remember(reading, (app, *id), kept.clone());
                *place = Some(kept);
            }
        }
        Ok(found.into_iter().flatten().filter(|kept| !kept.row.deleted).collect())
    }

    /// `GET /users/by_login`, `by_email` and the other lookups of one user (contract rest 3.3).
    pub async fn find_user(&self, request: FindUserRequest) -> Result<User, Error> {
        let name = match request.by {
            Some(By::Login(login)) => Name::login(&login),
            Some(By::Email(email)) => Name::email(&email),
            Some(By::Phone(phone)) => Name::phone(&phone),
            Some(By::FacebookId(id)) => Name::FacebookId(id),
            Some(By::TwitterId(id)) => Name::TwitterId(id),
            Some(By::ExternalUserId(id)) => Name::ExternalUserId(id),
            Some(By::ExternalId(id)) => Name::ExternalId(id),
            None => return Err(Fault::new("login", "can't be blank").into()),
        };
        let kept = self.user_named(request.app, &name).await?.ok_or(Error::UserUnknown)?;
        Ok(kept.row.user.clone())
    }

    /// The user that holds a name.
    pub async fn user_named(&self, app: u64, name: &Name) -> Result<Option<Arc<Kept<UserRow>>>, Error> {
        match self.store.users.holder(app, name).await? {
            Some(id) => self.user(app, id).await,
            None => Ok(None),
        }
    }
}
