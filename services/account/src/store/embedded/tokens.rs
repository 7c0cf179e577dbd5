//! Tokens: one row under the token's hash. The user's last request rides in the same batch.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::rows;
use super::{Embedded, LAST_REQUESTS, TOKENS, corrupt, pair, stamp};
use crate::store::{Error, Kept, Result, TokenRow, Tokens};
use crate::token::TokenKey;

#[async_trait]
impl Tokens for Embedded {
    async fn token(&self, key: &TokenKey) -> Result<Option<Kept<TokenRow>>> {
        let row = self.kv.get(TOKENS, &key.0).await?;
        row.map(|row| Ok(Kept { row: rows::to_token(&row)?, stamp: stamp(&row) })).transpose()
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
        self.put_token(batch, key, after, seen_at).await
    }

    async fn end_token(&self, key: &TokenKey) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(TOKENS, key.0);
        Ok(self.kv.commit(batch).await?)
    }

    async fn end_token_if(&self, key: &TokenKey, before: &Kept<TokenRow>) -> Result<()> {
        let mut batch = Batch::new();
        batch.require_equal(TOKENS, key.0, before.stamp.0.clone());
        batch.delete(TOKENS, key.0);
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn tokens(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, Kept<TokenRow>)>> {
        // A key of 32 bytes and a zero is the first one behind it; 33 times 0xff lies behind them all.
        let from = after.map_or_else(Vec::new, |key| [key.0.as_slice(), &[0]].concat());
        let rows = self.kv.scan(TOKENS, KeyRange::between(from, [u8::MAX; 33]), limit).await?;
        let read = |(key, row): (bytes::Bytes, bytes::Bytes)| {
            let key = key.as_ref().try_into().map(TokenKey).map_err(|_| corrupt(TOKENS))?;
            Ok((key, Kept { row: rows::to_token(&row)?, stamp: stamp(&row) }))
        };
        rows.into_iter().map(read).collect()
    }
}

impl Embedded {
    async fn put_token(&self, mut batch: Batch, key: &TokenKey, row: TokenRow, seen_at: i64) -> Result<Kept<TokenRow>> {
        let bytes = rows::of_token(&row);
        batch.put(TOKENS, key.0, bytes.clone());
        if row.user != 0 {
            batch.put(LAST_REQUESTS, pair(row.app, row.user), seen_at.to_be_bytes().to_vec());
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }
}
