//! Calls of operators about the sessions of users at the REST door.

use natter_proto::account::v1::{EndTokensReply, EndTokensRequest, ListTokensReply, ListTokensRequest, UserToken};
use natter_proto::event::v1::Expelled;

use crate::error::Error;
use crate::service::Accounts;
use crate::sign_in::Id;
use crate::store::{self, TokenRow, UserRow};
use crate::token::{self, Life, TokenKey};

/// Tokens of a page at most.
const LIMIT_MAX: u32 = 200;
/// Tokens that are looked through at once, and at most counted.
const PAGE: usize = 1_000;
/// How often a step is tried that meets another writer of the same user or token.
const TRIES: usize = 8;
/// Tokens in one step of making those of an earlier version known by user.
const INDEX_PAGE: usize = 1_000;

impl Accounts {
    /// Those of a user that live, a page of them.
    pub async fn list_tokens(&self, request: ListTokensRequest) -> Result<ListTokensReply, Error> {
        let ListTokensRequest { app, user, after, limit } = request;
        let after = match after.as_slice() {
            [] => None,
            key => Some(TokenKey(key.try_into().map_err(|_| Error::SessionUnknown)?)),
        };
        let kept = self.user(app, user).await?.ok_or(Error::UserUnknown)?;
        let (rows, next) = self.store.tokens.tokens_of(app, user, after, limit.clamp(1, LIMIT_MAX) as usize).await?;
        let living = rows.iter().filter(|(_, token)| self.lives(&token.row, &kept.row));
        let tokens = living.map(|(key, token)| self.shown_token(key, &token.row, &kept.row)).collect();
        Ok(ListTokensReply { tokens, next: next.map(|key| key.0.to_vec()).unwrap_or_default() })
    }

    /// Ends one or all of a user. What was opened with them at the chat door is told to end.
    pub async fn end_tokens(&self, request: EndTokensRequest) -> Result<EndTokensReply, Error> {
        let EndTokensRequest { app, user, id } = request;
        let ended = match id.as_slice() {
            [] => self.end_all_tokens(app, user).await?,
            id => {
                let id = Id(id.try_into().map_err(|_| Error::SessionUnknown)?);
                self.end_one_token(app, user, id).await?;
                self.endings.expel(Expelled { app, user, token: id.0.to_vec(), ..Expelled::default() });
                1
            }
        };
        Ok(EndTokensReply { ended })
    }

    async fn end_one_token(&self, app: u64, user: u64, id: Id) -> Result<(), Error> {
        let kept = self.user(app, user).await?.ok_or(Error::UserUnknown)?;
        for _ in 0..TRIES {
            let found = self.store.tokens.token_called(app, user, &id).await?;
            let (key, before) = found.filter(|(_, token)| self.lives(&token.row, &kept.row)).ok_or(Error::SessionUnknown)?;
            let ticket = self.tokens.begin(key);
            match self.store.tokens.end_token_if(&key, &before).await {
                // A request beside this one moved its expiry, or took its user off.
                Err(store::Error::Changed) => self.tokens.finish(ticket, None),
                outcome => {
                    outcome?;
                    self.tokens.finish(ticket, None);
                    return Ok(());
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    // As with another password: no token of the version before stands for anybody, one that is being opened neither.
    async fn end_all_tokens(&self, app: u64, user: u64) -> Result<u32, Error> {
        for _ in 0..TRIES {
            let kept = self.user(app, user).await?.ok_or(Error::UserUnknown)?;
            let (rows, _) = self.store.tokens.tokens_of(app, user, None, PAGE).await?;
            let ended = rows.iter().filter(|(_, token)| self.lives(&token.row, &kept.row)).count() as u32;
            let after = UserRow { password_version: kept.row.password_version.max(1) + 1, ..kept.row.clone() };
            match self.write_user(&kept, after, None, None).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome.map(|_| ended)?),
            }
        }
        Err(store::Error::Changed.into())
    }

    fn lives(&self, token: &TokenRow, user: &UserRow) -> bool {
        !Life::is_over(token.expires_at, self.clock.now_ms())
            && token::is_of_password(token.password_version, user.password_version)
    }

    // The expiry moves with the use, so it tells when that was. A guest's does not move.
    fn shown_token(&self, key: &TokenKey, row: &TokenRow, user: &UserRow) -> UserToken {
        let TokenRow { created_at, updated_at, expires_at, .. } = *row;
        let used_at = match user.guest_until {
            0 => (expires_at - self.life.span - self.life.write_every).clamp(created_at, self.clock.now_ms().max(created_at)),
            _ => 0,
        };
        UserToken { id: Id::of(key).0.to_vec(), created_at, signed_in_at: updated_at, used_at, expires_at }
    }

    /// Makes the tokens that an earlier version kept known by user. Until it is done a list may lack some.
    pub async fn index_tokens(&self) -> Result<(), Error> {
        let mut after = self.store.tokens.index_tokens(None, INDEX_PAGE).await?;
        while after.is_some() {
            after = self.store.tokens.index_tokens(after, INDEX_PAGE).await?;
        }
        Ok(())
    }
}
