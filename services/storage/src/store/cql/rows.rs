//! The rows of blobs. Each write is conditional on the version that was read, and moves it on.

use natter_db::cql::Statement;

use super::OnCql;
use crate::blob::{BlobRow, Object};
use crate::store::written::{self, corrupt};
use crate::store::{Doomed, Kept, Result, Stamp};

const ONE: Statement = Statement::read("SELECT version, row, is_left, doomed, due_at FROM blobs WHERE app = ? AND id = ?");
const ADD: Statement = Statement::change("INSERT INTO blobs (app, id, version, row) VALUES (?, ?, 1, ?) IF NOT EXISTS");
const CHANGE: Statement =
    Statement::change("UPDATE blobs SET version = ?, row = ?, doomed = ?, due_at = ? WHERE app = ? AND id = ? IF version = ?");
const LEAVE: Statement = Statement::change(
    "UPDATE blobs SET version = ?, is_left = true, doomed = ?, due_at = ? WHERE app = ? AND id = ? IF version = ?",
);
const DELETE: Statement = Statement::change("DELETE FROM blobs WHERE app = ? AND id = ? IF version = ?");
const FENCE: Statement = Statement::change("UPDATE blobs SET version = ? WHERE app = ? AND id = ? IF version = ?");
/// Lasts longer than any request is under way.
const GIVE_UP: Statement =
    Statement::change("INSERT INTO blobs (app, id, version) VALUES (?, ?, 1) IF NOT EXISTS USING TTL 86400");

/// What is kept of an id.
pub enum Found {
    /// `given_up`: nor will there be one.
    Nothing {
        given_up: bool,
    },
    Kept(Kept),
    Left(Left),
}

/// A row that was removed, and what is still to be done.
pub struct Left {
    pub row: BlobRow,
    pub version: i64,
    pub doomed: Option<Doomed>,
}

impl Found {
    /// What a reader sees.
    pub fn kept(self) -> Option<Kept> {
        match self {
            Found::Kept(kept) => Some(kept),
            _ => None,
        }
    }
}

type Columns = (i64, Option<Vec<u8>>, Option<bool>, Option<Vec<u8>>, Option<i64>);

impl OnCql {
    pub(super) async fn found(&self, app: u64, id: u64) -> Result<Found> {
        let columns = self.cql.row::<Columns>(ONE, (app as i64, id as i64)).await?;
        let Some((version, row, is_left, doomed, due_at)) = columns else { return Ok(Found::Nothing { given_up: false }) };
        let Some(row) = row else { return Ok(Found::Nothing { given_up: true }) };
        let row = written::to_blob(&row)?;
        let object = doomed.filter(|object| !object.is_empty()).map(|object| object.try_into().map(Object));
        let object = object.transpose().map_err(|_| corrupt("blobs"))?;
        let doomed = object.map(|object| Doomed { due_at: due_at.unwrap_or_default(), object });
        Ok(match is_left {
            Some(true) => Found::Left(Left { row, version, doomed }),
            _ => Found::Kept(kept(row, version, doomed)),
        })
    }

    pub(super) async fn add_blob(&self, row: &BlobRow) -> Result<bool> {
        Ok(self.cql.change(ADD, (row.app as i64, row.id as i64, written::of_blob(row))).await?)
    }

    pub(super) async fn change_blob(&self, after: &BlobRow, version: i64, doomed: Option<Doomed>) -> Result<bool> {
        let (object, due_at) = columns(doomed);
        let (row, app, id) = (written::of_blob(after), after.app as i64, after.id as i64);
        Ok(self.cql.change(CHANGE, (version + 1, row, object, due_at, app, id, version)).await?)
    }

    pub(super) async fn leave_blob(&self, row: &BlobRow, version: i64, doomed: Option<Doomed>) -> Result<bool> {
        let (object, due_at) = columns(doomed);
        Ok(self.cql.change(LEAVE, (version + 1, object, due_at, row.app as i64, row.id as i64, version)).await?)
    }

    pub(super) async fn delete_blob(&self, row: &BlobRow, version: i64) -> Result<()> {
        // If it is gone, somebody else did it.
        self.cql.change(DELETE, (row.app as i64, row.id as i64, version)).await?;
        Ok(())
    }

    /// Moves a row on by a version and leaves it as it is.
    pub(super) async fn fence(&self, kept: &Kept) -> Result<bool> {
        let (version, row) = (version_of(kept)?, &kept.row);
        Ok(self.cql.change(FENCE, (version + 1, row.app as i64, row.id as i64, version)).await?)
    }

    /// Sees to it that an id without a row gets none.
    pub(super) async fn give_up(&self, app: u64, id: u64) -> Result<bool> {
        Ok(self.cql.change(GIVE_UP, (app as i64, id as i64)).await?)
    }
}

fn columns(doomed: Option<Doomed>) -> (Vec<u8>, i64) {
    doomed.map_or_else(Default::default, |Doomed { object, due_at }| (object.0.to_vec(), due_at))
}

/// The mark of a row: its version, and what its last step has doomed.
pub fn kept(row: BlobRow, version: i64, doomed: Option<Doomed>) -> Kept {
    let (object, due_at) = columns(doomed);
    let stamp = [&version.to_be_bytes()[..], &due_at.to_be_bytes(), &object].concat();
    Kept { row, stamp: Stamp(stamp.into()) }
}

pub fn version_of(kept: &Kept) -> Result<i64> {
    Ok(kept.stamp.0.first_chunk().copied().map(i64::from_be_bytes).ok_or_else(|| corrupt("blobs"))?)
}

/// What the last step of a row has doomed: whether it was listed, nobody knows.
pub fn doomed_of(kept: &Kept) -> Result<Option<Doomed>> {
    let (due_at, object) = kept.stamp.0.get(8..).and_then(<[u8]>::split_first_chunk).ok_or_else(|| corrupt("blobs"))?;
    let object = <[u8; 16]>::try_from(object).ok().map(Object);
    Ok(object.map(|object| Doomed { due_at: i64::from_be_bytes(*due_at), object }))
}
