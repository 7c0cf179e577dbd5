//! Sign-ins: a row under the token's hash, and a mark under the operator's name and that hash. There are few of either, so the rows lie
//! in 16 partitions by the first half byte of the hash: one after another they are in the order of their keys.
//!
//! A row is written by conditions alone, a mark plainly. What a crash leaves:
//!
//! | step | then a crash leaves | who repairs it |
//! |---|---|---|
//! | add: the row | a sign-in whose token nobody was given, and no list shows | the sweep, when it is over |
//! | add: the mark | | |
//! | end: the row | a mark without a row: it is shown nowhere | the next list of that operator takes it away |
//! | end: the mark | | |
//!
//! A mark without a row is always of a sign-in that has ended, as the row comes first and no key comes twice.

use natter_db::cql::{Migration, Statement};
use natter_rpc::async_trait;

use super::OnCql;
use crate::sign_in::Id;
use crate::store::written::{self, corrupt};
use crate::store::{Error, Kept, Result, SignInRow, SignIns, Stamp};
use crate::token::TokenKey;

/// `row`: as in [`written`].
pub const TABLES: Migration = Migration {
    name: "account/004-sign-ins",
    statements: &[
        "CREATE TABLE IF NOT EXISTS sign_ins (part int, key blob, row blob, PRIMARY KEY (part, key))",
        "CREATE TABLE IF NOT EXISTS sign_ins_of (operator text, key blob, PRIMARY KEY (operator, key))",
    ],
};

const ONE: Statement = Statement::read("SELECT row FROM sign_ins WHERE part = ? AND key = ?");
/// From a key on.
const FROM: Statement = Statement::read("SELECT key, row FROM sign_ins WHERE part = ? AND key >= ? LIMIT ?");
const ADD: Statement = Statement::change("INSERT INTO sign_ins (part, key, row) VALUES (?, ?, ?) IF NOT EXISTS");
const CHANGE: Statement = Statement::change("UPDATE sign_ins SET row = ? WHERE part = ? AND key = ? IF row = ?");
const END: Statement = Statement::change("DELETE FROM sign_ins WHERE part = ? AND key = ? IF EXISTS");

const MARKS: Statement = Statement::read("SELECT key FROM sign_ins_of WHERE operator = ? LIMIT ?");
const MARK: Statement = Statement::write("INSERT INTO sign_ins_of (operator, key) VALUES (?, ?)");
const UNMARK: Statement = Statement::write("DELETE FROM sign_ins_of WHERE operator = ? AND key = ?");

const PARTS: i32 = 16;

#[async_trait]
impl SignIns for OnCql {
    async fn sign_in(&self, key: &TokenKey) -> Result<Option<Kept<SignInRow>>> {
        let found = self.cql.row::<(Vec<u8>,)>(ONE, (part(&key.0), key.0.as_slice())).await?;
        found.map(|(row,)| Ok(Kept { row: written::to_sign_in(&row)?, stamp: Stamp(row.into()) })).transpose()
    }

    async fn sign_in_called(&self, id: &Id) -> Result<Option<(TokenKey, SignInRow)>> {
        let found = self.from(part(&id.0), &id.0, 1).await?;
        Ok(found.into_iter().next().filter(|(key, _)| key.0.starts_with(&id.0)))
    }

    async fn sign_ins_of(&self, operator: &str, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>> {
        let marks = self.cql.rows::<(Vec<u8>,)>(MARKS, (operator, limit_of(limit))).await?;
        let mut found = Vec::with_capacity(marks.len());
        for (key,) in marks {
            let key = key_of(key)?;
            match self.sign_in(&key).await? {
                Some(kept) => found.push((key, kept.row)),
                None => self.cql.write(UNMARK, (operator, key.0.as_slice())).await?,
            }
        }
        Ok(found)
    }

    async fn sign_ins(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>> {
        let (first, mut from) = match after {
            Some(key) => (part(&key.0), [key.0.as_slice(), &[0]].concat()),
            None => (0, Vec::new()),
        };
        let mut found = Vec::new();
        for part in first..PARTS {
            if found.len() == limit {
                break;
            }
            found.extend(self.from(part, &from, limit - found.len()).await?);
            from.clear();
        }
        Ok(found)
    }

    async fn add_sign_in(&self, key: &TokenKey, row: SignInRow) -> Result<Kept<SignInRow>> {
        let bytes = written::of_sign_in(&row);
        if !self.cql.change(ADD, (part(&key.0), key.0.as_slice(), &bytes)).await? {
            return Err(Error::Changed);
        }
        self.cql.write(MARK, (&row.operator, key.0.as_slice())).await?;
        Ok(Kept { row, stamp: Stamp(bytes.into()) })
    }

    async fn change_sign_in(&self, key: &TokenKey, before: &Kept<SignInRow>, after: SignInRow) -> Result<Kept<SignInRow>> {
        let bytes = written::of_sign_in(&after);
        let (is, key) = (before.stamp.0.as_ref(), key.0.as_slice());
        match self.cql.change(CHANGE, (&bytes, part(key), key, is)).await? {
            true => Ok(Kept { row: after, stamp: Stamp(bytes.into()) }),
            false => Err(Error::Changed),
        }
    }

    async fn end_sign_in(&self, key: &TokenKey, operator: &str) -> Result<()> {
        self.cql.change(END, (part(&key.0), key.0.as_slice())).await?;
        Ok(self.cql.write(UNMARK, (operator, key.0.as_slice())).await?)
    }
}

impl OnCql {
    async fn from(&self, part: i32, from: &[u8], limit: usize) -> Result<Vec<(TokenKey, SignInRow)>> {
        let rows = self.cql.rows::<(Vec<u8>, Vec<u8>)>(FROM, (part, from, limit_of(limit))).await?;
        rows.into_iter().map(|(key, row)| Ok((key_of(key)?, written::to_sign_in(&row)?))).collect()
    }
}

fn part(key: &[u8]) -> i32 {
    key.first().map_or(0, |first| i32::from(first >> 4))
}

fn limit_of(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

fn key_of(key: Vec<u8>) -> Result<TokenKey> {
    Ok(key.try_into().map(TokenKey).map_err(|_| corrupt("sign_ins"))?)
}
