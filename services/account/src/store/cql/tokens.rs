//! Tokens: a row under the token's hash, changed by compare-and-set of its version, and by user the hashes of his. Both go by themselves
//! a day after the token's end, so nothing is left for a sweep, and there is no earlier version to index.
//!
//! | step of adding or changing | left by a crash | who mends it |
//! |---|---|---|
//! | 1. marked by its user | a mark of a token that is not his | it is not shown, and ends |
//! | 2. row written: **done** | the mark by an earlier user; his last request is older | the first is not shown, and ends; the second moves with the next request |
//! | 3. mark by the earlier user removed, last request kept | | |
//!
//! A mark that a late removal took from a token that is its user's again comes back when the token is written next, at the latest when
//! its end moves. Until then a list lacks it; a new password ends it all the same.

use std::collections::BTreeMap;

use natter_db::Error as DbError;
use natter_db::cql::{Migration, Statement, Write};
use natter_rpc::async_trait;

use super::OnCql;
use super::conditions::{Answer, KEYS, TRIES, decided, few_at_once, held, life_upto, stamp, version_of};
use crate::sign_in::Id;
use crate::store::{Error, Kept, OfUser, Result, TokenChange, TokenRow, Tokens, rows};
use crate::token::TokenKey;

/// `key`: the hash; `row`: as on a key-value store. Marks that have gone are thrown away after a day: one that came back by that is not
/// shown, and ends.
pub const TABLES: Migration = Migration {
    name: "account/015-tokens",
    statements: &[
        "CREATE TABLE IF NOT EXISTS tokens (key blob PRIMARY KEY, version bigint, row blob)",
        "CREATE TABLE IF NOT EXISTS tokens_of_user (app bigint, user bigint, key blob, PRIMARY KEY ((app, user), key)) WITH \
         gc_grace_seconds = 86400",
    ],
};

const GET: Statement = Statement::read("SELECT version, row FROM tokens WHERE key = ?");
const GET_SOME: Statement = Statement::read("SELECT key, version, row FROM tokens WHERE key IN ?");
const ADD: Statement = Statement::change("INSERT INTO tokens (key, version, row) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ?");
const REPLACE: Statement = Statement::change("UPDATE tokens USING TTL ? SET version = ?, row = ? WHERE key = ? IF version = ?");
const END: Statement = Statement::change("DELETE FROM tokens WHERE key = ? IF version = ?");
const MARK: Statement = Statement::write("INSERT INTO tokens_of_user (app, user, key) VALUES (?, ?, ?) USING TTL ?");
const UNMARK: Statement = Statement::write("DELETE FROM tokens_of_user WHERE app = ? AND user = ? AND key = ?");
const MARKS: Statement = Statement::read("SELECT key FROM tokens_of_user WHERE app = ? AND user = ? AND key > ? LIMIT ?");
const CALLED: Statement =
    Statement::read("SELECT key FROM tokens_of_user WHERE app = ? AND user = ? AND key >= ? AND key <= ? LIMIT 1");

/// What lies under some keys.
pub type Found = BTreeMap<[u8; 32], Kept<TokenRow>>;

#[async_trait]
impl Tokens for OnCql {
    async fn token(&self, key: &TokenKey) -> Result<Option<Kept<TokenRow>>> {
        let found = self.token_lying(key).await?;
        found.map(|(version, row)| kept(version, &row)).transpose()
    }

    async fn add_token(&self, key: &TokenKey, row: TokenRow, seen_at: i64) -> Result<Kept<TokenRow>> {
        self.mark(key, &row).await?;
        let added = self.put_token(key, 0, row).await?;
        self.seen(&added.row, seen_at).await.map(|()| added)
    }

    async fn change_token(
        &self,
        key: &TokenKey,
        before: &Kept<TokenRow>,
        after: TokenRow,
        seen_at: i64,
    ) -> Result<Kept<TokenRow>> {
        self.mark(key, &after).await?;
        let changed = self.put_token(key, version_of(&before.stamp), after).await?;
        if (before.row.app, before.row.user) != (changed.row.app, changed.row.user) {
            self.unmark(key, &before.row).await;
        }
        self.seen(&changed.row, seen_at).await.map(|()| changed)
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
        let version = version_of(&before.stamp);
        let ended = match decided(|| self.cql.change(END, (key.0.as_slice(), version))).await? {
            Answer::Held => true,
            Answer::Refused => false,
            // No token comes back: if it is gone, it was ended.
            Answer::Doubtful => self.token_lying(key).await?.is_none(),
        };
        if !ended {
            return Err(Error::Changed);
        }
        self.unmark(key, &before.row).await;
        Ok(())
    }

    async fn tokens_of(&self, app: u64, user: u64, after: Option<TokenKey>, limit: usize) -> Result<OfUser> {
        let keys = self.marks_of(app, user, after, limit).await?;
        let next = keys.last().copied().filter(|_| keys.len() == limit);
        let mut found = self.some_tokens(&keys).await?;
        let mut tokens = Vec::new();
        for key in keys {
            let token = found.remove(&key.0).filter(|token| (token.row.app, token.row.user) == (app, user));
            tokens.extend(token.map(|token| (key, token)));
        }
        Ok((tokens, next))
    }

    async fn token_called(&self, app: u64, user: u64, id: &Id) -> Result<Option<(TokenKey, Kept<TokenRow>)>> {
        let end = |byte: u8| [id.0, [byte; 16]].concat();
        let mark = self.cql.row::<(Vec<u8>,)>(CALLED, (app as i64, user as i64, end(0), end(u8::MAX))).await?;
        let Some((key,)) = mark else { return Ok(None) };
        let key = token_key(key)?;
        let token = self.token(&key).await?;
        let is_his = |token: &Kept<TokenRow>| user != 0 && (token.row.app, token.row.user) == (app, user);
        Ok(token.filter(is_his).map(|token| (key, token)))
    }

    async fn index_tokens(&self, _: Option<TokenKey>, _: usize) -> Result<Option<TokenKey>> {
        Ok(None)
    }

    async fn tokens(&self, _: Option<TokenKey>, _: usize) -> Result<Vec<(TokenKey, Kept<TokenRow>)>> {
        Ok(Vec::new())
    }
}

impl OnCql {
    /// Whether a token is still what the caller has read.
    pub(super) async fn token_stands(&self, token: &TokenChange<'_>) -> Result<bool> {
        let lying = self.token_lying(&token.key).await?;
        Ok(lying.is_some_and(|(version, _)| version == version_of(&token.before.stamp)))
    }

    /// Takes a token over to the new password of its user, behind that. Whatever moved it meanwhile stays. A token that cannot be taken
    /// over ends with the old password.
    pub(super) async fn carry_over(&self, token: TokenChange<'_>) {
        let key = token.key;
        if let Err(error) = self.carried_over(token).await {
            tracing::debug!(session = key.session_id(), %error, "a token ends with the old password");
        }
    }

    async fn carried_over(&self, token: TokenChange<'_>) -> Result<()> {
        let TokenChange { key, before, after } = token;
        let of_password = after.password_version;
        let is_same = |row: &TokenRow| {
            (row.app, row.user, row.password_version) == (before.row.app, before.row.user, before.row.password_version)
        };
        let (mut version, mut after) = (version_of(&before.stamp), after);
        for _ in 0..TRIES {
            self.mark(&key, &after).await?;
            match self.put_token(&key, version, after).await {
                Err(Error::Changed) => {}
                outcome => return outcome.map(drop),
            }
            let Some(lying) = self.token(&key).await?.filter(|lying| is_same(&lying.row)) else { return Ok(()) };
            (version, after) = (version_of(&lying.stamp), TokenRow { password_version: of_password, ..lying.row });
        }
        Err(Error::Changed)
    }

    /// At most `limit` keys that are marked as a user's, above `after`.
    pub(super) async fn marks_of(&self, app: u64, user: u64, after: Option<TokenKey>, limit: usize) -> Result<Vec<TokenKey>> {
        let above = after.map_or_else(Vec::new, |key| key.0.to_vec());
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let marks = self.cql.rows::<(Vec<u8>,)>(MARKS, (app as i64, user as i64, above, most)).await?;
        marks.into_iter().map(|(key,)| token_key(key)).collect()
    }

    /// What lies under these keys.
    pub(super) async fn some_tokens(&self, keys: &[TokenKey]) -> Result<Found> {
        let chunk = |chunk: &[TokenKey]| {
            let keys: Vec<Vec<u8>> = chunk.iter().map(|key| key.0.to_vec()).collect();
            async move { Ok::<_, Error>(self.cql.rows::<(Vec<u8>, i64, Vec<u8>)>(GET_SOME, (keys,)).await?) }
        };
        let chunks = few_at_once(keys.chunks(KEYS).map(chunk).collect()).await?;
        let read = |(key, version, row): (Vec<u8>, i64, Vec<u8>)| Ok((token_key(key)?.0, kept(version, &row)?));
        chunks.into_iter().flatten().map(read).collect()
    }

    async fn put_token(&self, key: &TokenKey, base: i64, row: TokenRow) -> Result<Kept<TokenRow>> {
        let (bytes, life, hash) = (rows::of_token(&row), life_upto(row.expires_at), key.0.as_slice());
        let bytes = bytes.as_slice();
        let answer = match base {
            0 => decided(|| self.cql.change(ADD, (hash, 1_i64, bytes, life))).await?,
            _ => decided(|| self.cql.change(REPLACE, (life, base + 1, bytes, hash, base))).await?,
        };
        let is_put = match answer {
            Answer::Held => true,
            Answer::Refused => false,
            Answer::Doubtful => match self.token_lying(key).await? {
                Some((version, lying)) => held(base, bytes, version, Some(&lying))?,
                None => false,
            },
        };
        if is_put { Ok(Kept { row, stamp: stamp(base + 1) }) } else { Err(Error::Changed) }
    }

    async fn token_lying(&self, key: &TokenKey) -> Result<Option<(i64, Vec<u8>)>> {
        Ok(self.cql.row::<(i64, Vec<u8>)>(GET, (key.0.as_slice(),)).await?)
    }

    async fn mark(&self, key: &TokenKey, row: &TokenRow) -> Result<()> {
        if row.user == 0 {
            return Ok(());
        }
        let life = life_upto(row.expires_at);
        Ok(self.cql.write(MARK, (row.app as i64, row.user as i64, key.0.as_slice(), life)).await?)
    }

    // What stays is not shown.
    async fn unmark(&self, key: &TokenKey, row: &TokenRow) {
        if row.user == 0 {
            return;
        }
        if let Err(error) = self.cql.write(UNMARK, (row.app as i64, row.user as i64, key.0.as_slice())).await {
            tracing::debug!(session = key.session_id(), %error, "a token stays marked");
        }
    }

    /// Takes marks of a user away.
    pub(super) async fn unmark_all(&self, app: u64, user: u64, keys: &[TokenKey]) -> Result<()> {
        let one = |key: &TokenKey| -> Write { (UNMARK, Box::new((app as i64, user as i64, key.0.to_vec()))) };
        if keys.is_empty() { Ok(()) } else { Ok(self.cql.write_all(keys.iter().map(one).collect()).await?) }
    }

    // The token is written by then, so what failed here is not known to be undone.
    async fn seen(&self, row: &TokenRow, seen_at: i64) -> Result<()> {
        if row.user == 0 {
            return Ok(());
        }
        let kept = self.keep_seen(row.app, row.user, seen_at).await;
        kept.map_err(|error| DbError::Unknown(error.to_string()).into())
    }
}

fn token_key(key: Vec<u8>) -> Result<TokenKey> {
    Ok(key.try_into().map(TokenKey).map_err(|_| DbError::Corrupt("cannot read a key of tokens".into()))?)
}

fn kept(version: i64, row: &[u8]) -> Result<Kept<TokenRow>> {
    Ok(Kept { row: rows::to_token(row)?, stamp: stamp(version) })
}
