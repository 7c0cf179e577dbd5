//! Operators: one row each, under their name.

use natter_db::{Batch, Error as DbError};
use natter_rpc::async_trait;
use prost::Message;

use super::{Embedded, OPERATORS, decode, stamp};
use crate::store::{Error, Kept, OperatorRow, Operators, Result};

/// How a row is written. Fields are added, never renumbered.
#[derive(Clone, PartialEq, Message)]
struct StoredOperator {
    #[prost(string, tag = "1")]
    password: String,
    #[prost(int64, tag = "2")]
    created_at: i64,
    #[prost(int64, tag = "3")]
    updated_at: i64,
}

#[async_trait]
impl Operators for Embedded {
    async fn operator(&self, name: &str) -> Result<Option<Kept<OperatorRow>>> {
        let Some(bytes) = self.kv.get(OPERATORS, name.as_bytes()).await? else { return Ok(None) };
        let StoredOperator { password, created_at, updated_at } = decode(OPERATORS, &bytes)?;
        let row = OperatorRow { name: name.to_owned(), password, created_at, updated_at };
        Ok(Some(Kept { row, stamp: stamp(&bytes) }))
    }

    async fn add_operator(&self, row: OperatorRow) -> Result<Kept<OperatorRow>> {
        let mut batch = Batch::new();
        batch.require_absent(OPERATORS, row.name.as_bytes());
        self.put_operator(batch, row, Error::Taken("name")).await
    }

    async fn change_operator(&self, before: &Kept<OperatorRow>, after: OperatorRow) -> Result<Kept<OperatorRow>> {
        let mut batch = Batch::new();
        batch.require_equal(OPERATORS, after.name.as_bytes(), before.stamp.0.clone());
        self.put_operator(batch, after, Error::Changed).await
    }
}

impl Embedded {
    async fn put_operator(&self, mut batch: Batch, row: OperatorRow, unmet: Error) -> Result<Kept<OperatorRow>> {
        let OperatorRow { password, created_at, updated_at, .. } = row.clone();
        let bytes = StoredOperator { password, created_at, updated_at }.encode_to_vec();
        batch.put(OPERATORS, row.name.as_bytes(), bytes.clone());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(unmet),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }
}
