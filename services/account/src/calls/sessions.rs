//! Calls about sessions of the REST door: open, put a user on, take it off, close, resolve.

use std::sync::Arc;

use natter_proto::account::v1::{App, LoginRequest, OpenSessionRequest, ResolveRequest, Session};

use super::bans::refuse_banned;
use crate::app::secret_of;
use crate::error::Error;
use crate::metrics::Source;
use crate::origin;
use crate::service::{Accounts, settle};
use crate::signature::{self, Signed};
use crate::store::{self, Kept, TokenRow, UserRow};
use crate::token::{self, Life, Moved, TokenKey};

/// A live token and whom it stands for.
pub(crate) struct Live {
    pub key: TokenKey,
    pub row: Arc<Kept<TokenRow>>,
    /// Absent in an app session.
    pub user: Option<Arc<Kept<UserRow>>>,
    /// Unix milliseconds.
    pub announced: i64,
}

/// How often a step is tried that meets another writer of the same token.
const TRIES: usize = 8;

impl Accounts {
    /// `POST /session` (contract rest 2.2): app id and auth key, a signature if there is one, a user if there is one.
    pub async fn open_session(&self, request: OpenSessionRequest) -> Result<Session, Error> {
        let by_own_name = self.came_by(&request.host, request.app, Error::Unauthorized).await?;
        let app = self.app_opened_by(request.app, &request.auth_key).await.inspect_err(|error| {
            if *error == Error::Unauthorized {
                self.note_guess(None, &request.address, self.clock.now_ms());
            }
        })?;
        origin::check(&app, &request.origin)?;
        self.check_signature(&app, &request)?;
        let user = match (&request.guest, &request.provided, &request.user) {
            (Some(fields), ..) => Some(Box::pin(self.add_guest(&app, fields.clone(), &request.address)).await?),
            (_, Some(provided), _) => Some(Box::pin(self.user_provided(&app, provided.clone(), &request.address)).await?),
            (_, _, Some(credentials)) => Some(self.user_of(&app, credentials, &request.address, true).await?),
            (None, None, None) => None,
        };
        user.as_ref().map_or(Ok(()), |kept| refuse_banned(&kept.row))?;
        let session = self.begin_session(app.id, user, request.nonce, request.timestamp).await?;
        Ok(Session { by_own_name, ..session })
    }

    /// Makes a token. Who may have it was looked at before.
    pub async fn begin_session(
        &self,
        app: u64,
        user: Option<Arc<Kept<UserRow>>>,
        nonce: u64,
        timestamp: i64,
    ) -> Result<Session, Error> {
        let token = token::from_random(self.chance.bytes());
        let key = TokenKey::of(&token);
        let now = self.clock.now_ms();
        let (expires_at, announced) = self.opened(user.as_deref(), now);
        let row = TokenRow {
            app,
            user: user.as_ref().map_or(0, |kept| kept.row.user.id),
            created_at: now,
            updated_at: now,
            expires_at,
            nonce,
            timestamp,
            password_version: user.as_ref().map_or(0, |kept| kept.row.password_version),
        };
        let ticket = self.tokens.begin(key);
        let row = Arc::new(self.store.tokens.add_token(&key, row, now).await?);
        self.tokens.finish(ticket, Some(row.clone()));
        self.note_request(&row.row, now);
        self.metrics.sessions_opened.inc();
        self.session(token, Live { key, row, user, announced }).await
    }

    fn check_signature(&self, app: &App, request: &OpenSessionRequest) -> Result<(), Error> {
        if request.signature.is_empty() {
            return if app.signed_only { Err(Error::SignatureUnexpected) } else { Ok(()) };
        }
        // It was found by this key just now; by one that ended since, nothing is signed.
        let now = self.clock.now_ms();
        let secret = secret_of(Some(app), &request.auth_key, now).ok_or(Error::Unauthorized)?;
        let signed = Signed { text: &request.to_sign, signature: &request.signature, timestamp: request.timestamp };
        let age_max = u64::from(self.options.signature_age_max_s);
        Ok(signature::check(secret, &signed, self.clock.now_s(), age_max)?)
    }

    /// `POST /login` (contract rest 2.6): the same token gets a user.
    pub async fn login(&self, request: LoginRequest) -> Result<Session, Error> {
        let live = self.live(&request.token).await?;
        let app = self.app(live.row.row.app).await?;
        let user = match request.provided {
            Some(provided) => Box::pin(self.user_provided(&app, provided, &request.address)).await?,
            None => self.user_of(&app, &request.user.unwrap_or_default(), &request.address, false).await?,
        };
        refuse_banned(&user.row)?;
        let live = self.put_user(&request.token, Some(user)).await?;
        self.session(request.token, live).await
    }

    /// `DELETE /login`: the token lives on as an app session.
    pub async fn logout(&self, token: &str) -> Result<(), Error> {
        if self.live(token).await?.user.is_some() {
            self.put_user(token, None).await?;
        }
        Ok(())
    }

    /// `DELETE /session`: the token is over.
    pub async fn close_session(&self, token: &str) -> Result<(), Error> {
        let live = self.live(token).await?;
        let ticket = self.tokens.begin(live.key);
        self.store.tokens.end_token(&live.key).await?;
        self.tokens.finish(ticket, None);
        Ok(())
    }

    /// What a token stands for. Moves its expiry.
    pub async fn resolve(&self, request: ResolveRequest) -> Result<Session, Error> {
        let ResolveRequest { token, host, origin } = request;
        let live = self.touch(&token).await?;
        let by_own_name = self.came_by(&host, live.row.row.app, Error::TokenUnknown).await?;
        let app = self.app(live.row.row.app).await?;
        origin::check(&app, &origin)?;
        let session = self.session(token, live).await?;
        Ok(Session { by_own_name, ..session })
    }

    /// A live token, with its expiry moved: written only when what is kept does not cover what is announced.
    pub async fn touch(&self, token: &str) -> Result<Live, Error> {
        for _ in 0..TRIES {
            let live = self.live(token).await?;
            let now = self.clock.now_ms();
            let Moved::Write { announced, upto } = self.moved(&live.row.row, live.user.as_deref(), now) else { return Ok(live) };
            let after = TokenRow { expires_at: upto, ..live.row.row.clone() };
            match self.write(&live, after, now).await {
                Ok(row) => return Ok(Live { row, announced, ..live }),
                // Somebody else moved it, or ended it: look again.
                Err(store::Error::Changed) => {}
                // Reads go on while the store refuses writes; what was kept before still holds.
                Err(store::Error::Db(_)) => return Ok(live),
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// A live token as it is, and its user. `TokenUnknown` also for the token of a user that was deleted, and for one from
    /// before a change of the password that did not come with it.
    pub async fn live(&self, token: &str) -> Result<Live, Error> {
        if !token::has_shape(token.as_bytes()) {
            return Err(Error::TokenUnknown);
        }
        let key = TokenKey::of(token);
        let (row, user) = self.token_and_user(key).await?;
        let announced = match self.moved(&row.row, user.as_deref(), self.clock.now_ms()) {
            Moved::Dead => return Err(Error::TokenUnknown),
            Moved::Covered { announced } => announced,
            Moved::Write { .. } => row.row.expires_at,
        };
        Ok(Live { key, row, user, announced })
    }

    // What is kept and what is announced of a token. A guest's lives as long as the guest: without a password there is no second.
    fn opened(&self, user: Option<&Kept<UserRow>>, now: i64) -> (i64, i64) {
        match user.map_or(0, |kept| kept.row.guest_until) {
            0 => self.life.opened(now),
            until => (until, until),
        }
    }

    fn moved(&self, token: &TokenRow, user: Option<&Kept<UserRow>>, now: i64) -> Moved {
        match (user.map_or(0, |kept| kept.row.guest_until), Life::is_over(token.expires_at, now)) {
            (0, _) => self.life.moved(token.expires_at, now),
            (_, true) => Moved::Dead,
            (_, false) => Moved::Covered { announced: token.expires_at },
        }
    }

    // Two reads, so a change of the password may come between them. It changes the token that it spares in the same step:
    // a token that is still the same after its user was read is over.
    async fn token_and_user(&self, key: TokenKey) -> Result<(Arc<Kept<TokenRow>>, Option<Arc<Kept<UserRow>>>), Error> {
        let mut seen = None;
        loop {
            let row = self.token_row(key).await?;
            self.open_app(row.row.app).await.map_err(|error| match error {
                Error::AppUnknown => Error::TokenUnknown,
                error => error,
            })?;
            let user = match row.row.user {
                0 => None,
                id => Some(self.user(row.row.app, id).await?.ok_or(Error::TokenUnknown)?),
            };
            if user.as_ref().is_none_or(|kept| token::is_of_password(row.row.password_version, kept.row.password_version)) {
                return Ok((row, user));
            }
            if seen.replace(row.stamp.clone()) == Some(row.stamp.clone()) {
                return Err(Error::TokenUnknown);
            }
        }
    }

    async fn token_row(&self, key: TokenKey) -> Result<Arc<Kept<TokenRow>>, Error> {
        if let Some(row) = self.tokens.get(&key) {
            self.metrics.token_read(Source::Memory);
            return Ok(row);
        }
        self.metrics.token_read(Source::Store);
        let reading = self.tokens.reading();
        let row = Arc::new(self.store.tokens.token(&key).await?.ok_or(Error::TokenUnknown)?);
        self.tokens.remember(reading, key, row.clone());
        Ok(row)
    }

    // Puts `user` on a token, or takes it off. The life begins anew.
    async fn put_user(&self, token: &str, user: Option<Arc<Kept<UserRow>>>) -> Result<Live, Error> {
        for _ in 0..TRIES {
            let live = self.live(token).await?;
            let now = self.clock.now_ms();
            let (expires_at, announced) = self.opened(user.as_deref(), now);
            let (user_id, password_version) = user.as_ref().map_or((0, 0), |kept| (kept.row.user.id, kept.row.password_version));
            let after = TokenRow { user: user_id, password_version, updated_at: now, expires_at, ..live.row.row.clone() };
            match self.write(&live, after, now).await {
                Ok(row) => return Ok(Live { key: live.key, row, user, announced }),
                // A request beside this one moved the expiry: look again.
                Err(store::Error::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Changed.into())
    }

    async fn write(&self, live: &Live, after: TokenRow, now: i64) -> store::Result<Arc<Kept<TokenRow>>> {
        let ticket = self.tokens.begin(live.key);
        let outcome = self.store.tokens.change_token(&live.key, &live.row, after, now).await.map(Arc::new);
        settle(&self.tokens, ticket, &outcome);
        let row = outcome?;
        self.note_request(&row.row, now);
        Ok(row)
    }

    // The store kept it in the token's batch; this is for the user in memory, and in the index.
    fn note_request(&self, token: &TokenRow, now: i64) {
        self.users.amend(&(token.app, token.user), |kept| {
            let mut kept = kept.as_ref().clone();
            kept.row.user.last_request_at = now;
            Arc::new(kept)
        });
        self.indexes.seen(token.app, token.user, now);
    }

    // Contract rest 2.4: the id of a session is its user's.
    async fn session(&self, token: String, live: Live) -> Result<Session, Error> {
        let row = &live.row.row;
        let app = self.app(row.app).await?;
        let id = if row.user == 0 { live.key.session_id() } else { row.user };
        Ok(Session {
            id,
            token,
            app: row.app,
            user: row.user,
            created_at: row.created_at,
            updated_at: row.updated_at,
            expires_at: live.announced,
            user_row: live.user.map(|kept| kept.row.user.clone()),
            pair_key: app.pair_key.clone(),
            quotas: app.quotas,
            chat_host: app.chat_host.clone(),
            api_host: app.api_host.clone(),
            by_own_name: false,
            lists_origins: !app.origins.is_empty(),
            nonce: row.nonce,
            timestamp: row.timestamp,
        })
    }

    /// Removes the dead among a page of tokens. Answers where to go on; `None` at the end, or when the store does not answer.
    pub async fn sweep(&self, after: Option<TokenKey>, page: usize) -> Option<TokenKey> {
        let rows = self.store.tokens.tokens(after, page).await.unwrap_or_default();
        let now = self.clock.now_ms();
        let last = rows.last().map(|(key, _)| *key).filter(|_| rows.len() == page);
        for (key, row) in rows.iter().filter(|(_, row)| Life::is_over(row.row.expires_at, now)) {
            if self.store.tokens.end_token_if(key, row).await.is_ok() {
                self.metrics.tokens_swept.inc();
            }
        }
        last
    }
}
