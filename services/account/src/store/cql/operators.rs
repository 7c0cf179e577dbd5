//! Operators: one partition, as there are few. Every write is conditional on the bytes that were read, and one that needs a witness
//! is a conditional batch: the witness is written as it is, if it is as it was.
//!
//! A step is one request, so a crash leaves nothing half done.

use natter_db::cql::{Migration, Statement, Write};
use natter_rpc::async_trait;

use super::OnCql;
use crate::store::{Error, Kept, OperatorRow, Operators, Result, Stamp, written};

/// `part` is 0. `row`: as in [`written`].
pub const TABLES: Migration = Migration {
    name: "account/003-operators",
    statements: &["CREATE TABLE IF NOT EXISTS operators (part int, name text, row blob, PRIMARY KEY (part, name))"],
};

const ONE: Statement = Statement::read("SELECT row FROM operators WHERE part = 0 AND name = ?");
const ALL: Statement = Statement::read("SELECT name, row FROM operators WHERE part = 0 LIMIT ?");
const ADD: Statement = Statement::change("INSERT INTO operators (part, name, row) VALUES (0, ?, ?) IF NOT EXISTS");
const CHANGE: Statement = Statement::change("UPDATE operators SET row = ? WHERE part = 0 AND name = ? IF row = ?");
const REMOVE: Statement = Statement::change("DELETE FROM operators WHERE part = 0 AND name = ? IF row = ?");

#[async_trait]
impl Operators for OnCql {
    async fn operator(&self, name: &str) -> Result<Option<Kept<OperatorRow>>> {
        let found = self.cql.row::<(Vec<u8>,)>(ONE, (name,)).await?;
        found.map(|(row,)| kept(name.to_owned(), row)).transpose()
    }

    async fn operators(&self, limit: usize) -> Result<Vec<Kept<OperatorRow>>> {
        let rows = self.cql.rows::<(String, Vec<u8>)>(ALL, (i32::try_from(limit).unwrap_or(i32::MAX),)).await?;
        rows.into_iter().map(|(name, row)| kept(name, row)).collect()
    }

    async fn add_operator(&self, row: OperatorRow) -> Result<Kept<OperatorRow>> {
        let bytes = written::of_operator(&row);
        match self.cql.change(ADD, (&row.name, &bytes)).await? {
            true => Ok(Kept { row, stamp: Stamp(bytes.into()) }),
            false => Err(Error::Taken("name")),
        }
    }

    async fn change_operator(
        &self,
        before: &Kept<OperatorRow>,
        after: OperatorRow,
        witness: Option<&Kept<OperatorRow>>,
    ) -> Result<Kept<OperatorRow>> {
        let bytes = written::of_operator(&after);
        let step: Write = (CHANGE, Box::new((bytes.clone(), after.name.clone(), before.stamp.0.to_vec())));
        self.take(step, before, witness).await?;
        Ok(Kept { row: after, stamp: Stamp(bytes.into()) })
    }

    async fn remove_operator(&self, before: &Kept<OperatorRow>, witness: Option<&Kept<OperatorRow>>) -> Result<()> {
        let step: Write = (REMOVE, Box::new((before.row.name.clone(), before.stamp.0.to_vec())));
        self.take(step, before, witness).await
    }
}

impl OnCql {
    async fn take(&self, step: Write, before: &Kept<OperatorRow>, witness: Option<&Kept<OperatorRow>>) -> Result<()> {
        let mut changes = vec![step];
        if let Some(Kept { row, stamp }) = witness {
            // A batch that writes one row twice would say of neither what it does.
            if row.name == before.row.name {
                return Err(Error::Changed);
            }
            changes.push((CHANGE, Box::new((stamp.0.to_vec(), row.name.clone(), stamp.0.to_vec()))));
        }
        if self.cql.change_all(changes).await? { Ok(()) } else { Err(Error::Changed) }
    }
}

fn kept(name: String, row: Vec<u8>) -> Result<Kept<OperatorRow>> {
    Ok(Kept { row: written::to_operator(name, &row)?, stamp: Stamp(row.into()) })
}
