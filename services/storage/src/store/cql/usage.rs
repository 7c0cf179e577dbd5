//! What is counted of an app: a number, and the charges of the blobs that are not at rest, in one partition. All that is written there
//! is written together, if the number's version is what was read.

use natter_db::Error as DbError;
use natter_db::cql::{Statement, Write};

use super::rows::Found;
use super::{OnCql, TRIES, TURNS};
use crate::blob::{BlobRow, Usage};
use crate::store::{Error, Result};

const USED: Statement = Statement::read("SELECT version, bytes, files FROM blob_usage WHERE app = ? LIMIT 1");
const CHARGED: Statement = Statement::read("SELECT charged_bytes, charged_files FROM blob_usage WHERE app = ? AND id = ?");
const FIRST: Statement =
    Statement::change("UPDATE blob_usage SET version = ?, bytes = ?, files = ? WHERE app = ? IF version = null");
const NEXT: Statement = Statement::change("UPDATE blob_usage SET version = ?, bytes = ?, files = ? WHERE app = ? IF version = ?");
const CHARGE: Statement = Statement::change("INSERT INTO blob_usage (app, id, charged_bytes, charged_files) VALUES (?, ?, ?, ?)");
const DISCHARGE: Statement = Statement::change("DELETE FROM blob_usage WHERE app = ? AND id = ?");
const FORGET: Statement =
    Statement::change("DELETE version, bytes, files FROM blob_usage WHERE app = ? IF bytes = 0 AND files = 0");

/// What was read of the usage of an app, and of a blob in it.
struct Read {
    version: Option<i64>,
    used: Usage,
    charge: Option<Usage>,
}

impl OnCql {
    pub(super) async fn used(&self, app: u64) -> Result<Usage> {
        Ok(self.version_and_use(app).await?.1)
    }

    pub(super) async fn forget_used(&self, app: u64) -> Result<()> {
        self.cql.change(FORGET, (app as i64,)).await?;
        Ok(())
    }

    /// Charges a blob that is not at rest, or not yet there, with `to` at least.
    pub(super) async fn raise(&self, row: &BlobRow, to: Usage, limit: Usage) -> Result<()> {
        let _turn = self.turn(row.app).await;
        for _ in 0..TRIES {
            let read = self.read(row.app, row.id).await?;
            let was = read.charge.unwrap_or_default();
            let charge = Usage { bytes: was.bytes.max(to.bytes), files: was.files.max(to.files) };
            if read.charge == Some(charge) {
                return Ok(());
            }
            let after = moved(read.used, was, charge);
            let Usage { bytes, files } = read.used;
            if is_over(after.bytes, bytes, limit.bytes) || is_over(after.files, files, limit.files) {
                return Err(Error::Full);
            }
            if self.put(row.app, row.id, &read, after, Some(charge)).await? {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    /// Charges a complete blob that was left with what it weighs, which is counted already: so it is given back once, however many
    /// bring the blob to its end.
    pub(super) async fn charge_left(&self, row: &BlobRow) -> Result<()> {
        let _turn = self.turn(row.app).await;
        for _ in 0..TRIES {
            // Before the row: who has ended it since has moved the version.
            let read = self.read(row.app, row.id).await?;
            let Found::Left(_) = self.found(row.app, row.id).await? else { return Ok(()) };
            let charge = read.charge.unwrap_or(row.weight());
            // Written also if it is there: who has read the row before it was left must not take it away.
            if self.put(row.app, row.id, &read, read.used, Some(charge)).await? {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    /// Charges a blob with what its row weighs, and with nothing extra if it is at rest. `is_gone`: it had a row and has none any more.
    pub(super) async fn lower(&self, app: u64, id: u64, is_gone: bool) -> Result<()> {
        let _turn = self.turn(app).await;
        for _ in 0..TRIES {
            // Before the row, so that what was charged since is noticed.
            let read = self.read(app, id).await?;
            let found = self.found(app, id).await?;
            let (weight, is_at_rest) = match &found {
                Found::Nothing { .. } => (Usage::default(), true),
                Found::Kept(kept) => (kept.row.weight(), kept.row.is_complete()),
                // Who brings it to its end comes again.
                Found::Left(_) => return Ok(()),
            };
            let Some(charge) = read.charge else {
                match found {
                    // It may be charged yet by who was about to make it.
                    Found::Nothing { given_up: false } if !is_gone => drop(self.give_up(app, id).await?),
                    _ => {}
                }
                return Ok(());
            };
            if charge == weight && !is_at_rest {
                return Ok(());
            }
            let is_fenced = match &found {
                Found::Nothing { given_up: false } if !is_gone => self.give_up(app, id).await?,
                Found::Kept(kept) if charge != weight => self.fence(kept).await?,
                _ => true,
            };
            let after = moved(read.used, charge, weight);
            if is_fenced && self.put(app, id, &read, after, (!is_at_rest).then_some(weight)).await? {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    // The number first: a charge is not moved without it.
    async fn read(&self, app: u64, id: u64) -> Result<Read> {
        let (version, used) = self.version_and_use(app).await?;
        let charge = self.cql.row::<(Option<i64>, Option<i64>)>(CHARGED, (app as i64, id as i64)).await?;
        let charge = charge.map(|(bytes, files)| usage(bytes, files));
        Ok(Read { version, used, charge })
    }

    async fn version_and_use(&self, app: u64) -> Result<(Option<i64>, Usage)> {
        let found = self.cql.row::<(Option<i64>, Option<i64>, Option<i64>)>(USED, (app as i64,)).await?;
        Ok(found.map_or((None, Usage::default()), |(version, bytes, files)| (version, usage(bytes, files))))
    }

    // What became of a write that is unknown is seen when it is read again.
    async fn put(&self, app: u64, id: u64, read: &Read, after: Usage, charge: Option<Usage>) -> Result<bool> {
        let (app, id) = (app as i64, id as i64);
        let (bytes, files) = (after.bytes as i64, after.files as i64);
        let number: Write = match read.version {
            None => (FIRST, Box::new((1_i64, bytes, files, app))),
            Some(version) => (NEXT, Box::new((version + 1, bytes, files, app, version))),
        };
        let charge: Write = match charge {
            Some(charge) => (CHARGE, Box::new((app, id, charge.bytes as i64, charge.files as i64))),
            None => (DISCHARGE, Box::new((app, id))),
        };
        match self.cql.change_all(vec![number, charge]).await {
            Err(DbError::Unknown(_)) => Ok(false),
            outcome => Ok(outcome?),
        }
    }

    async fn turn(&self, app: u64) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turns[(app % TURNS as u64) as usize].acquire().await.ok()
    }
}

fn moved(used: Usage, from: Usage, to: Usage) -> Usage {
    Usage { bytes: (used.bytes + to.bytes).saturating_sub(from.bytes), files: (used.files + to.files).saturating_sub(from.files) }
}

fn is_over(after: u64, used: u64, limit: u64) -> bool {
    after > used && after > limit
}

fn usage(bytes: Option<i64>, files: Option<i64>) -> Usage {
    Usage { bytes: bytes.unwrap_or_default() as u64, files: files.unwrap_or_default() as u64 }
}
