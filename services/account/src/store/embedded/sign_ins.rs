//! Sign-ins: a row under the token's hash, and a mark under the operator's name and that hash.

use bytes::Bytes;
use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::{Embedded, SIGN_INS, SIGN_INS_OF, corrupt, stamp};
use crate::sign_in::Id;
use crate::store::{Error, Kept, Result, SignInRow, SignIns, written};
use crate::token::TokenKey;

#[async_trait]
impl SignIns for Embedded {
    async fn sign_in(&self, key: &TokenKey) -> Result<Option<Kept<SignInRow>>> {
        let bytes = self.kv.get(SIGN_INS, &key.0).await?;
        bytes.map(|bytes| Ok(Kept { row: written::to_sign_in(&bytes)?, stamp: stamp(&bytes) })).transpose()
    }

    async fn sign_in_called(&self, id: &Id) -> Result<Option<(TokenKey, SignInRow)>> {
        let rows = self.kv.scan(SIGN_INS, KeyRange::prefix(id.0), 1).await?;
        rows.first().map(read).transpose()
    }

    async fn sign_ins_of(&self, operator: &str, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>> {
        let prefix = mark(operator, &[]);
        let marks = self.kv.scan(SIGN_INS_OF, KeyRange::prefix(&prefix), limit).await?;
        let keys: Vec<_> = marks.iter().map(|(key, _)| key[prefix.len()..].to_vec()).collect();
        let rows = self.kv.multi_get(SIGN_INS, keys.clone()).await?;
        keys.into_iter().zip(rows).filter_map(|(key, row)| row.map(|row| read(&(key.into(), row)))).collect()
    }

    async fn sign_ins(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>> {
        // As of tokens: the first key behind it, and what lies behind them all.
        let from = after.map_or_else(Vec::new, |key| [key.0.as_slice(), &[0]].concat());
        let rows = self.kv.scan(SIGN_INS, KeyRange::between(from, [u8::MAX; 33]), limit).await?;
        rows.iter().map(read).collect()
    }

    async fn add_sign_in(&self, key: &TokenKey, row: SignInRow) -> Result<Kept<SignInRow>> {
        let mut batch = Batch::new();
        batch.require_absent(SIGN_INS, key.0);
        batch.put(SIGN_INS_OF, mark(&row.operator, &key.0), Vec::new());
        self.put_sign_in(batch, key, row).await
    }

    async fn change_sign_in(&self, key: &TokenKey, before: &Kept<SignInRow>, after: SignInRow) -> Result<Kept<SignInRow>> {
        let mut batch = Batch::new();
        batch.require_equal(SIGN_INS, key.0, before.stamp.0.clone());
        self.put_sign_in(batch, key, after).await
    }

    async fn end_sign_in(&self, key: &TokenKey, operator: &str) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(SIGN_INS, key.0);
        batch.delete(SIGN_INS_OF, mark(operator, &key.0));
        Ok(self.kv.commit(batch).await?)
    }
}

impl Embedded {
    async fn put_sign_in(&self, mut batch: Batch, key: &TokenKey, row: SignInRow) -> Result<Kept<SignInRow>> {
        let bytes = written::of_sign_in(&row);
        batch.put(SIGN_INS, key.0, bytes.clone());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }
}

// No name has a zero in it.
fn mark(operator: &str, key: &[u8]) -> Vec<u8> {
    [operator.as_bytes(), &[0], key].concat()
}

fn read((key, bytes): &(Bytes, Bytes)) -> Result<(TokenKey, SignInRow)> {
    let key = key.as_ref().try_into().map(TokenKey).map_err(|_| corrupt(SIGN_INS))?;
    Ok((key, written::to_sign_in(bytes)?))
}
