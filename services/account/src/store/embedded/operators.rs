//! Operators: one row each, under their name.

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::{Embedded, OPERATORS, corrupt, stamp};
use crate::store::{Error, Kept, OperatorRow, Operators, Result, written};

#[async_trait]
impl Operators for Embedded {
    async fn operator(&self, name: &str) -> Result<Option<Kept<OperatorRow>>> {
        let bytes = self.kv.get(OPERATORS, name.as_bytes()).await?;
        bytes.map(|bytes| kept(name.as_bytes(), &bytes)).transpose()
    }

    async fn operators(&self, limit: usize) -> Result<Vec<Kept<OperatorRow>>> {
        // No name begins with this byte, as none does in UTF-8.
        let rows = self.kv.scan(OPERATORS, KeyRange::between([], [u8::MAX]), limit).await?;
        rows.iter().map(|(name, bytes)| kept(name, bytes)).collect()
    }

    async fn add_operator(&self, row: OperatorRow) -> Result<Kept<OperatorRow>> {
        let mut batch = Batch::new();
        batch.require_absent(OPERATORS, row.name.as_bytes());
        self.put_operator(batch, row, Error::Taken("name")).await
    }

    async fn change_operator(
        &self,
        before: &Kept<OperatorRow>,
        after: OperatorRow,
        witness: Option<&Kept<OperatorRow>>,
    ) -> Result<Kept<OperatorRow>> {
        self.put_operator(as_read(before, witness), after, Error::Changed).await
    }

    async fn remove_operator(&self, before: &Kept<OperatorRow>, witness: Option<&Kept<OperatorRow>>) -> Result<()> {
        let mut batch = as_read(before, witness);
        batch.delete(OPERATORS, before.row.name.as_bytes());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }
}

impl Embedded {
    async fn put_operator(&self, mut batch: Batch, row: OperatorRow, unmet: Error) -> Result<Kept<OperatorRow>> {
        let bytes = written::of_operator(&row);
        batch.put(OPERATORS, row.name.as_bytes(), bytes.clone());
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(unmet),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }
}

fn as_read(before: &Kept<OperatorRow>, witness: Option<&Kept<OperatorRow>>) -> Batch {
    let mut batch = Batch::new();
    for kept in [before].into_iter().chain(witness) {
        batch.require_equal(OPERATORS, kept.row.name.as_bytes(), kept.stamp.0.clone());
    }
    batch
}

fn kept(name: &[u8], bytes: &[u8]) -> Result<Kept<OperatorRow>> {
    let name = String::from_utf8(name.to_vec()).map_err(|_| corrupt(OPERATORS))?;
    Ok(Kept { row: written::to_operator(name, bytes)?, stamp: stamp(bytes) })
}
