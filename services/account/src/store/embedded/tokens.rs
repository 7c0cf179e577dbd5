//! Tokens: one row under the token's hash, and of a user's a mark under his id and that hash. The user's last request rides in the
//! same batch.
//!
//! A mark may be left behind whose token is gone or stands for somebody else; it is not shown, and goes with its user.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::{Embedded, LAST_REQUESTS, TOKENS, TOKENS_OF, TRIES, corrupt, pair, stamp};
use crate::sign_in::Id;
use crate::store::rows;
use crate::store::{Error, Kept, OfUser, Result, TokenRow, Tokens};
use crate::token::TokenKey;

/// Is there when all tokens have their marks. No user has this key.
const ALL_MARKED: &[u8] = b"all";

#[async_trait]
impl Tokens for Embedded {
    async fn token(&self, key: &TokenKey) -> Result<Option<Kept<TokenRow>>> {
        let row = self.kv.get(TOKENS, &key.0).await?;
        row.map(|row| kept(&row)).transpose()
    }

    async fn add_token(&self, key: &TokenKey, row: TokenRow, seen_at: i64) -> Result<Kept<TokenRow>> {
        let mut batch = Batch::new();
        batch.require_absent(TOKENS, key.0);
        self.put_token(batch, key, row, seen_at).await
    }

    async fn change_token(
        &self,
        key: &TokenKey,
        before: &Kept<TokenRow>,
        after: TokenRow,
        seen_at: i64,
    ) -> Result<Kept<TokenRow>> {
        let mut batch = Batch::new();
        batch.require_equal(TOKENS, key.0, before.stamp.0.clone());
        if before.row.user != after.user {
            unmark(&mut batch, key, &before.row);
        }
        self.put_token(batch, key, after, seen_at).await
    }

    async fn end_token(&self, key: &TokenKey) -> Result<()> {
        for _ in 0..TRIES {
            let Some(before) = self.token(key).await? else { return Ok(()) };
            match self.end_token_if(key, &before).await {
                Err(Error::Changed) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Changed)
    }

    async fn end_token_if(&self, key: &TokenKey, before: &Kept<TokenRow>) -> Result<()> {
        let mut batch = Batch::new();
        batch.require_equal(TOKENS, key.0, before.stamp.0.clone());
        batch.delete(TOKENS, key.0);
        unmark(&mut batch, key, &before.row);
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn tokens_of(&self, app: u64, user: u64, after: Option<TokenKey>, limit: usize) -> Result<OfUser> {
        let prefix = pair(app, user);
        let from = after.map_or_else(|| prefix.clone(), |key| [prefix.as_slice(), &key.0, &[0]].concat());
        let upto = [prefix.as_slice(), &[u8::MAX; 33]].concat();
        let marks = self.kv.scan(TOKENS_OF, KeyRange::between(from, upto), limit).await?;
        let keys = marks.iter().map(|(key, _)| token_key(&key[prefix.len()..])).collect::<Result<Vec<_>>>()?;
        let rows = self.kv.multi_get(TOKENS, keys.iter().map(|key| key.0.to_vec()).collect()).await?;
        let next = keys.last().copied().filter(|_| keys.len() == limit);
        let mut found = Vec::new();
        for (key, row) in keys.into_iter().zip(rows) {
            let Some(row) = row else { continue };
            let row = kept(&row)?;
            if (row.row.app, row.row.user) == (app, user) {
                found.push((key, row));
            }
        }
        Ok((found, next))
    }

    async fn token_called(&self, app: u64, user: u64, id: &Id) -> Result<Option<(TokenKey, Kept<TokenRow>)>> {
        let rows = self.kv.scan(TOKENS, KeyRange::prefix(id.0), 1).await?;
        let found = rows.first().map(|(key, row)| Ok::<_, Error>((token_key(key)?, kept(row)?))).transpose()?;
        Ok(found.filter(|(_, kept)| user != 0 && (kept.row.app, kept.row.user) == (app, user)))
    }

    async fn index_tokens(&self, after: Option<TokenKey>, limit: usize) -> Result<Option<TokenKey>> {
        if self.kv.get(TOKENS_OF, ALL_MARKED).await?.is_some() {
            return Ok(None);
        }
        let rows = self.tokens(after, limit).await?;
        let last = rows.last().map(|(key, _)| *key).filter(|_| rows.len() == limit);
        let mut batch = Batch::new();
        rows.iter().for_each(|(key, kept)| mark(&mut batch, key, &kept.row));
        if last.is_none() {
            batch.put(TOKENS_OF, ALL_MARKED, Vec::new());
        }
        if !batch.is_empty() {
            self.kv.commit(batch).await?;
        }
        Ok(last)
    }

    async fn tokens(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, Kept<TokenRow>)>> {
        // A key of 32 bytes and a zero is the first one behind it; 33 times 0xff lies behind them all.
        let from = after.map_or_else(Vec::new, |key| [key.0.as_slice(), &[0]].concat());
        let rows = self.kv.scan(TOKENS, KeyRange::between(from, [u8::MAX; 33]), limit).await?;
        rows.iter().map(|(key, row)| Ok((token_key(key)?, kept(row)?))).collect()
    }
}

impl Embedded {
    async fn put_token(&self, mut batch: Batch, key: &TokenKey, row: TokenRow, seen_at: i64) -> Result<Kept<TokenRow>> {
        let bytes = rows::of_token(&row);
        batch.put(TOKENS, key.0, bytes.clone());
        mark(&mut batch, key, &row);
        if row.user != 0 {
            batch.put(LAST_REQUESTS, pair(row.app, row.user), seen_at.to_be_bytes().to_vec());
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }
}

/// Marks a token as its user's, if it has one.
pub fn mark(batch: &mut Batch, key: &TokenKey, row: &TokenRow) {
    if row.user != 0 {
        batch.put(TOKENS_OF, mark_of(key, row), Vec::new());
    }
}

/// Takes the mark away.
pub fn unmark(batch: &mut Batch, key: &TokenKey, row: &TokenRow) {
    if row.user != 0 {
        batch.delete(TOKENS_OF, mark_of(key, row));
    }
}

fn mark_of(key: &TokenKey, row: &TokenRow) -> Vec<u8> {
    [pair(row.app, row.user).as_slice(), &key.0].concat()
}

fn token_key(key: &[u8]) -> Result<TokenKey> {
    Ok(key.try_into().map(TokenKey).map_err(|_| corrupt(TOKENS))?)
}

fn kept(row: &[u8]) -> Result<Kept<TokenRow>> {
    Ok(Kept { row: rows::to_token(row)?, stamp: stamp(row) })
}
