//! Numbers that are given once: a row of `id_blocks` for each kind, with the next free one.
//!
//! A number is taken by moving the row on, if it is as it was read. A process that dies then, or does not hear what became of it,
//! leaves a gap; a number never comes twice, as the row never moves back.

use std::ops::Range;

use natter_db::cql::{Migration, Statement};
use natter_db::{Cql, Error as DbError};

use super::{OnCql, TRIES};
use crate::store::{Error, Result};

pub const TABLES: Migration = Migration {
    name: "account/002-id-blocks",
    statements: &["CREATE TABLE IF NOT EXISTS id_blocks (kind text PRIMARY KEY, next bigint)"],
};

const NEXT: Statement = Statement::read("SELECT next FROM id_blocks WHERE kind = ?");
const BEGIN: Statement = Statement::change("INSERT INTO id_blocks (kind, next) VALUES (?, ?) IF NOT EXISTS");
const MOVE: Statement = Statement::change("UPDATE id_blocks SET next = ? WHERE kind = ? IF next = ?");

impl OnCql {
    /// Takes `length` numbers of a kind, from 1 on.
    pub(super) async fn take_ids(&self, kind: &str, length: u64) -> Result<Range<u64>> {
        take(&self.cql, kind, length).await
    }
}

async fn take(cql: &Cql, kind: &str, length: u64) -> Result<Range<u64>> {
    for _ in 0..TRIES {
        let next = cql.row::<(i64,)>(NEXT, (kind,)).await?.map(|(next,)| next);
        let first = next.unwrap_or(1);
        let end = i64::try_from(length).ok().and_then(|length| first.checked_add(length)).ok_or(Error::Changed)?;
        let taken = match next {
            Some(next) => cql.change(MOVE, (end, kind, next)).await,
            None => cql.change(BEGIN, (kind, end)).await,
        };
        match taken {
            Ok(true) => return Ok(first as u64..end as u64),
            // If it did move, these numbers are the gap.
            Ok(false) | Err(DbError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Changed)
}
