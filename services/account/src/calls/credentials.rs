//! Calls that prove who somebody is: by password at the REST door, by password or token at the chat door.

use std::sync::Arc;

use natter_proto::account::v1::{App, AuthenticateReply, AuthenticateRequest, Credentials};

use super::bans::refuse_banned;
use crate::error::Error;
use crate::metrics::Proof;
use crate::name::Name;
use crate::origin;
use crate::password::{BYTES_MAX, spellings};
use crate::service::Accounts;
use crate::sign_in::Id;
use crate::store::{Kept, UserRow};
use crate::token::{TokenKey, has_shape};
use crate::user::Fault;
use crate::verifier::{Subject, Verifier};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Somebody who claims to be a user.
pub(crate) struct Claim<'a> {
    pub app: u64,
    pub user: u64,
    /// Absent: nobody has this id. The check then takes as long and fails.
    pub row: Option<&'a UserRow>,
    pub address: &'a str,
}

impl Claim<'_> {
    fn key(&self) -> (u64, u64) {
        (self.app, self.user)
    }

    fn hash(&self) -> Option<&str> {
        self.row.and_then(|row| row.password.as_deref())
    }

    fn subject(&self) -> Subject {
        Subject { app: self.app, user: self.user, version: self.row.map_or(0, |row| row.password_version) }
    }
}

impl Accounts {
    /// The user of `POST /session` or `POST /login`, with its password proved. The REST door says who is unknown (contract
    /// rest 1.6), so an unknown name is a guess of its address only. A login that is nobody's with a password may be a token of the
    /// app's own provider, and where the app wants it the name of a user to be made when a session is opened.
    pub async fn user_of(&self, app: &App, user: &Credentials, address: &str, opens: bool) -> Result<Arc<Kept<UserRow>>, Error> {
        let name = match (&user.login, &user.email) {
            (Some(login), _) => Name::login(login),
            (None, Some(email)) => Name::email(email),
            (None, None) => return Err(Fault::new("login", "can't be blank").into()),
        };
        let known = self.user_named(app.id, &name).await?;
        if known.as_ref().is_none_or(|kept| kept.row.password.is_none())
            && let Some(kept) = Box::pin(self.user_of_own_provider(app, user, address)).await?
        {
            return Ok(kept);
        }
        let kept = match known {
            Some(kept) => kept,
            None if opens && app.identity.as_ref().is_some_and(|identity| identity.create_unknown) => {
                return Box::pin(self.add_unknown(app, user, address)).await;
            }
            None => {
                self.allow_guess(None, address)?;
                self.guess_wrong(None, address);
                return Err(Error::UserUnknown);
            }
        };
        let claim = Claim { app: app.id, user: kept.row.user.id, row: Some(&kept.row), address };
        self.prove(&claim, std::slice::from_ref(&user.password)).await.map_err(|refusal| match refusal {
            Error::CredentialsWrong => Error::PasswordWrong,
            other => other,
        })?;
        Ok(kept)
    }

    /// What a chat client gave as its password: the password in one of its spellings, or a live token of that user (contract
    /// xmpp 1.5). Who is wrong does not learn whether the user exists.
    pub async fn authenticate(&self, request: AuthenticateRequest) -> Result<AuthenticateReply, Error> {
        let AuthenticateRequest { app, user, secret, address, host, origin } = request;
        // Who asks by another app's name learns nothing, and costs no hash.
        let by_own_name = self.came_by(&host, app, Error::CredentialsWrong).await?;
        // Neither does a page that the app does not take.
        match self.app(app).await {
            Err(Error::AppUnknown) => {}
            app => {
                let app = app?;
                origin::check(&app, &origin)?;
            }
        }
        let (row, token) = match has_shape(&secret) {
            true => {
                let token = String::from_utf8(secret).expect("a token is ASCII");
                (self.user_by_token(app, user, &token).await?, token)
            }
            false => (self.user_by_password(app, user, &secret, &address).await?, String::new()),
        };
        refuse_banned(&row.row)?;
        let app = self.app(app).await?;
        let (pair_key, quotas) = (app.pair_key.clone(), app.quotas);
        let host = if by_own_name { app.chat_host.clone() } else { String::new() };
        let token_id = if token.is_empty() { Vec::new() } else { Id::of(&TokenKey::of(&token)).0.to_vec() };
        Ok(AuthenticateReply { user: Some(row.row.user.clone()), pair_key, token, quotas, host, token_id })
    }

    // A dead token is refused without being counted: a client that comes back after a night is not guessing.
    async fn user_by_token(&self, app: u64, user: u64, token: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        let session = match self.touch(token).await {
            Err(Error::TokenUnknown) => return Err(Error::CredentialsWrong),
            session => session?,
        };
        let row = session.user.filter(|kept| (kept.row.user.app, kept.row.user.id) == (app, user));
        let row = row.ok_or(Error::CredentialsWrong)?;
        self.metrics.proved(Proof::Token);
        Ok(row)
    }

    async fn user_by_password(&self, app: u64, user: u64, secret: &[u8], address: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        let kept = match self.open_app(app).await {
            Ok(_) => self.user(app, user).await?,
            // An unknown app takes as long as an unknown user.
            Err(Error::AppUnknown) => None,
            Err(error) => return Err(error),
        };
        let claim = Claim { app, user, row: kept.as_deref().map(|kept| &kept.row), address };
        self.prove(&claim, &spellings(secret)).await?;
        kept.ok_or(Error::CredentialsWrong)
    }

    /// Finds one of `passwords` right, or counts a guess and answers `CredentialsWrong`.
    ///
    /// The limit is looked at again when the turn has come, so that guesses sent all at once pass it by the number of runs at
    /// once, and no more. So is the verifier: of a user's devices that return together only the first is hashed.
    pub async fn prove(&self, claim: &Claim<'_>, passwords: &[String]) -> Result<(), Error> {
        self.allow_guess(Some(claim.key()), claim.address)?;
        let passwords: Vec<_> = passwords.iter().filter(|password| password.len() <= 2 * BYTES_MAX).collect();
        if self.is_verified(claim, &passwords).await? {
            return Ok(());
        }
        let turn = self.hashers.turn().await?;
        self.allow_guess(Some(claim.key()), claim.address)?;
        if self.is_verified(claim, &passwords).await? {
            return Ok(());
        }
        for password in passwords {
            let right = match claim.hash() {
                Some(hash) => turn.matches(password, hash).await,
                None => {
                    turn.burn(password).await;
                    false
                }
            };
            if right {
                self.keep_verifier(claim.subject(), password);
                self.metrics.proved(Proof::Argon2);
                return Ok(());
            }
        }
        // Who claims to be a user that is none is noted by his address.
        self.guesses.lock().wrong(Some(claim.key()), claim.address, self.clock.now_ms());
        self.note_guess(claim.row.map(|_| claim.key()), claim.address, self.clock.now_ms());
        self.metrics.proved(Proof::Nothing);
        Err(Error::CredentialsWrong)
    }

    pub fn allow_guess(&self, user: Option<(u64, u64)>, address: &str) -> Result<(), Error> {
        if self.guesses.lock().allowed(self.guess_limits(), user, address, self.clock.now_ms()) {
            return Ok(());
        }
        self.metrics.guesses_refused.inc();
        self.note_guess(None, address, self.clock.now_ms());
        Err(Error::GuessesTooMany)
    }

    async fn is_verified(&self, claim: &Claim<'_>, passwords: &[&String]) -> Result<bool, Error> {
        if claim.hash().is_none() {
            return Ok(false);
        }
        let reading = self.verifiers.reading();
        let verifier = match self.verifiers.get(&claim.key()) {
            Some(verifier) => Some(verifier),
            None => self.store.users.verifier(claim.app, claim.user).await?,
        };
        let Some(verifier) = verifier else { return Ok(false) };
        let now = self.clock.now_ms();
        let proved = passwords.iter().any(|password| self.verifier_key.proves(&verifier, claim.subject(), password, now));
        if proved {
            self.verifiers.remember(reading, claim.key(), verifier);
            self.metrics.proved(Proof::Verifier);
        }
        Ok(proved)
    }

    fn keep_verifier(&self, subject: Subject, password: &str) {
        if let Some(verifier) = self.verifier(subject, password) {
            self.store.users.keep_verifier(subject.app, subject.user, &verifier);
            self.remember_verifier(subject, verifier);
        }
    }

    /// A verifier of a password that is known to be right; none if the operator wants none.
    pub fn verifier(&self, subject: Subject, password: &str) -> Option<Verifier> {
        let days = i64::from(self.options.verifier_days);
        (days > 0).then(|| self.verifier_key.make(subject, password, self.clock.now_ms() + days * DAY_MS))
    }

    /// Puts a verifier in place of the one in memory. A stale one would only fail to prove.
    pub fn remember_verifier(&self, subject: Subject, verifier: Verifier) {
        let ticket = self.verifiers.begin((subject.app, subject.user));
        self.verifiers.finish(ticket, Some(verifier));
    }
}
