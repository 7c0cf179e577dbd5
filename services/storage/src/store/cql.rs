//! The port on ScyllaDB. A blob has a row of its own, which is the truth about it, a line in several lists, and its weight in the usage
//! of its app: they lie in different partitions, so a step is several writes.
//!
//! - **The row** ([`mod@rows`]) has a version, and every write of it is conditional on that. A step is taken when the row is written.
//! - **The usage** of an app ([`mod@usage`]) is one number and, in the same partition, the *charge* of each blob that is not at rest:
//!   what is counted of it. A charge is never lower than what the row weighs, or may weigh by a step that can still be taken.
//! - **The lists** ([`mod@lists`]) show what may be there; readers look at the row. `uploads` has every blob that is not at rest.
//!
//! A blob is at rest when it is complete, or gone. What a crash behind each write leaves, and what the sweep finds in `uploads` a day
//! later (`unfinished_s`), when it calls [`settle`](Blobs::settle) or removes what nobody finished:
//!
//! | step | write | then a crash leaves |
//! |---|---|---|
//! | add | 1. the lists | lines without a row, which no reader sees; they count as unfinished of the user |
//! | | 2. the charge, if there is room | the same, and a charge |
//! | | 3. the row | an unfinished blob, as if its maker had left |
//! | change | 1. a greater charge, if it grows and there is room | the charge; a later step of this blob, or the sweep, lowers it |
//! | | 2. the row, with the object that is doomed | an object that is not on the list: each later step of this blob puts it there first |
//! | | 3. the doomed object on its list | a complete blob in `uploads`, with a charge that is its weight |
//! | | 4. if it is complete: no charge, not in `uploads` | |
//! | remove | 1. of a complete one: `uploads` | a complete blob in `uploads` |
//! | | 2. the row is *left*: readers see none; it keeps what is doomed | a left row: the sweep, or who lists the owner's or the app's blobs, goes on with 3 |
//! | | 3. the doomed object; of a complete one a charge; the lists | the same |
//! | | 4. no row | a charge without a row |
//! | | 5. no charge, which frees the room | a line of `uploads` |
//! | | 6. not in `uploads` | |
//!
//! A charge is lowered only behind the back of nobody: who lowers it first moves the row on by a version (of an id without a row: puts
//! one there that is none, for a day), so that whoever has counted more and not yet written cannot write any more. What both of them
//! read and write of the usage is conditional on its version.
//!
//! So the usage may be too great for a day after a crash, and is never too small. The steps run to their end when their caller leaves.

#[cfg(test)]
mod crashes;
mod lists;
mod rows;
mod usage;

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use futures::StreamExt;
use natter_actor::Clock;
use natter_db::cql::{Migration, Statement};
use natter_db::{Cql, Error as DbError};
use natter_proto::BlobUid;
use natter_rpc::async_trait;
use tokio::sync::Semaphore;

use self::rows::Left;
use super::{Blobs, Doomed, Error, Kept, Page, Result, Unfinished};
use crate::blob::{BlobRow, Usage};

/// Of `blobs`: `row` as in [`super::written`], absent where an id was given up. `doomed`: an object, or empty. Of `blob_usage`: `bytes`
/// and `files` are what is counted of an app, `charged_*` of one blob in it. A bucket is five minutes. Instants in unix milliseconds.
pub const TABLES: Migration = Migration {
    name: "storage/001-blobs",
    statements: &[
        "CREATE TABLE IF NOT EXISTS blobs (app bigint, id bigint, version bigint, row blob, is_left boolean, doomed blob, due_at bigint, \
         PRIMARY KEY ((app, id)))",
        "CREATE TABLE IF NOT EXISTS blob_uids (uid blob PRIMARY KEY, app bigint, id bigint)",
        "CREATE TABLE IF NOT EXISTS blobs_by_owner (app bigint, owner bigint, id bigint, PRIMARY KEY ((app, owner), id))",
        "CREATE TABLE IF NOT EXISTS blobs_of_app (app bigint, part int, id bigint, PRIMARY KEY ((app, part), id))",
        "CREATE TABLE IF NOT EXISTS uploads_of (app bigint, owner bigint, id bigint, PRIMARY KEY ((app, owner), id)) \
         WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS uploads (bucket bigint, at bigint, app bigint, owner bigint, id bigint, uid blob, created_at bigint, \
         PRIMARY KEY (bucket, at, app, owner, id)) WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS doomed_objects (bucket bigint, due_at bigint, object blob, \
         PRIMARY KEY (bucket, due_at, object)) WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS blob_buckets (list text, bucket bigint, PRIMARY KEY (list, bucket)) WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS blob_usage (app bigint, id bigint, version bigint static, bytes bigint static, files bigint static, \
         charged_bytes bigint, charged_files bigint, PRIMARY KEY (app, id))",
        "CREATE TABLE IF NOT EXISTS blob_id_blocks (kind text PRIMARY KEY, next bigint)",
    ],
};

const NEXT: Statement = Statement::read("SELECT next FROM blob_id_blocks WHERE kind = 'blobs'");
const BEGIN: Statement = Statement::change("INSERT INTO blob_id_blocks (kind, next) VALUES ('blobs', ?) IF NOT EXISTS");
const MOVE: Statement = Statement::change("UPDATE blob_id_blocks SET next = ? WHERE kind = 'blobs' IF next = ?");

/// How often a step that met another writer is tried before it is given up.
const TRIES: usize = 64;
/// Rows that are read at once.
const AT_ONCE: usize = 16;
/// Apps whose usage is written at the same time. Within a process one at a time writes that of an app, so that they do not meet in
/// conditions.
const TURNS: usize = 64;

/// The engine.
#[derive(Clone)]
pub struct OnCql {
    cql: Cql,
    clock: Clock,
    turns: Arc<[Semaphore; TURNS]>,
}

impl OnCql {
    pub fn new(cql: Cql, clock: Clock) -> OnCql {
        OnCql { cql, clock, turns: Arc::new(std::array::from_fn(|_| Semaphore::new(1))) }
    }

    async fn add_row(&self, row: BlobRow, limit: Usage) -> Result<()> {
        self.enter(&row).await?;
        match self.raise(&row, row.weight(), limit).await {
            Err(Error::Full) => {
                self.strike_all(&row).await?;
                return Err(Error::Full);
            }
            outcome => outcome?,
        }
        if self.add_blob(&row).await? {
            self.at_rest(&row).await;
            return Ok(());
        }
        self.lower_all(&row).await;
        Err(Error::Changed)
    }

    async fn change_row(&self, before: Kept, after: BlobRow, doomed: Option<Doomed>, limit: Usage) -> Result<Kept> {
        let (had, has) = (before.row.weight(), after.weight());
        let grows = has.bytes > had.bytes || has.files > had.files;
        debug_assert!(had == has || !before.row.is_complete(), "what is complete keeps its weight");
        if grows {
            self.raise(&before.row, has, limit).await?;
        }
        let version = rows::version_of(&before)?;
        self.doom(rows::doomed_of(&before)?).await?;
        if !self.change_blob(&after, version, doomed).await? {
            if grows {
                self.lower_all(&before.row).await;
            }
            return Err(Error::Changed);
        }
        if let Err(error) = self.doom(doomed).await {
            tracing::warn!(%error, "a content that no row names is listed with the next step of its file");
        }
        if !grows && had != has {
            self.lower_all(&after).await;
        }
        if !before.row.is_complete() {
            self.at_rest(&after).await;
        }
        Ok(rows::kept(after, version + 1, doomed))
    }

    async fn remove_row(&self, before: Kept, doomed: Option<Doomed>) -> Result<()> {
        let (row, version) = (&before.row, rows::version_of(&before)?);
        self.doom(rows::doomed_of(&before)?).await?;
        let listed = match row.is_complete() {
            true => self.list_again(row).await?,
            false => row.created_at,
        };
        if !self.leave_blob(row, version, doomed).await? {
            return Err(Error::Changed);
        }
        let left = Left { row: before.row, version: version + 1, doomed };
        if let Err(error) = self.finish(&left, listed).await {
            tracing::warn!(%error, "the room of a removed file is free with the sweep");
        }
        Ok(())
    }

    /// What follows when a row is left. Done twice, also at once, it does the same. `listed`: its line in `uploads`.
    async fn finish(&self, left: &Left, listed: i64) -> Result<()> {
        self.doom(left.doomed).await?;
        if left.row.is_complete() {
            self.charge_left(&left.row).await?;
        }
        self.strike(&left.row).await?;
        self.delete_blob(&left.row, left.version).await?;
        self.lower(left.row.app, left.row.id, true).await?;
        self.strike_upload(&left.row, left.row.created_at).await?;
        self.strike_upload(&left.row, listed).await
    }

    /// Goes on with a left row that somebody met.
    async fn finish_later(&self, mut left: Left, listed: i64) -> Result<()> {
        let now = self.clock.now_ms();
        left.doomed = left.doomed.map(|doomed| Doomed { due_at: doomed.due_at.max(now), ..doomed });
        self.finish(&left, listed).await
    }

    /// Of a blob that is complete: no charge, and not in `uploads`. What fails here the sweep does.
    async fn at_rest(&self, row: &BlobRow) {
        if !row.is_complete() {
            return;
        }
        let rests = async {
            self.lower(row.app, row.id, false).await?;
            self.strike_unfinished(row).await?;
            self.strike_upload(row, row.created_at).await
        };
        if let Err(error) = rests.await {
            tracing::warn!(%error, "a complete file is looked at by the sweep");
        }
    }

    async fn lower_all(&self, row: &BlobRow) {
        if let Err(error) = self.lower(row.app, row.id, false).await {
            tracing::warn!(%error, "the usage of an app is too great until the sweep");
        }
    }

    /// The rows of these ids that are there. What was left is brought to its end on the way.
    async fn present(&self, app: u64, ids: impl Iterator<Item = i64>) -> Result<Vec<Kept>> {
        let mut found = futures::stream::iter(ids.map(|id| self.found(app, id as u64))).buffered(AT_ONCE);
        let mut present = Vec::new();
        while let Some(found) = found.next().await {
            match found? {
                rows::Found::Kept(kept) => present.push(kept),
                rows::Found::Left(left) => {
                    let listed = left.row.created_at;
                    self.finish_later(left, listed).await?;
                }
                rows::Found::Nothing { .. } => {}
            }
        }
        Ok(present)
    }

    // A call may be dropped half way; what it has begun goes on.
    async fn whole<T: Send + 'static>(step: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let outcome = tokio::spawn(step).await;
        outcome.unwrap_or_else(|_| Err(DbError::Unknown("a step of a blob was stopped".into()).into()))
    }
}

#[async_trait]
impl Blobs for OnCql {
    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        for _ in 0..TRIES {
            let next = self.cql.row::<(i64,)>(NEXT, ()).await?.map(|(next,)| next);
            let first = next.unwrap_or(1);
            let end = i64::try_from(length).ok().and_then(|length| first.checked_add(length)).ok_or(Error::Changed)?;
            let taken = match next {
                Some(next) => self.cql.change(MOVE, (end, next)).await,
                None => self.cql.change(BEGIN, (end,)).await,
            };
            match taken {
                Ok(true) => return Ok(first as u64..end as u64),
                // If it did move, these numbers are a gap.
                Ok(false) | Err(DbError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Changed)
    }

    async fn blob(&self, app: u64, id: u64) -> Result<Option<Kept>> {
        Ok(self.found(app, id).await?.kept())
    }

    async fn blob_of(&self, uid: BlobUid) -> Result<Option<Kept>> {
        let Some((app, id)) = self.id_of(uid).await? else { return Ok(None) };
        Ok(self.found(app, id).await?.kept().filter(|kept| kept.row.uid == uid))
    }

    async fn add(&self, row: BlobRow, limit: Usage) -> Result<()> {
        let this = self.clone();
        OnCql::whole(async move { this.add_row(row, limit).await }).await
    }

    async fn change(&self, before: &Kept, after: BlobRow, doomed: Option<Doomed>, limit: Usage) -> Result<Kept> {
        let (this, before) = (self.clone(), before.clone());
        OnCql::whole(async move { this.change_row(before, after, doomed, limit).await }).await
    }

    async fn remove(&self, before: &Kept, doomed: Option<Doomed>) -> Result<()> {
        let (this, before) = (self.clone(), before.clone());
        OnCql::whole(async move { this.remove_row(before, doomed).await }).await
    }

    async fn of_owner(&self, app: u64, owner: u64, page: Page) -> Result<(Vec<BlobRow>, usize)> {
        let ids = self.ids_of_owner(app, owner, page.after, page.count_max).await?;
        let wanted = ids.iter().copied().skip(page.skip).take(page.limit);
        let rows = self.present(app, wanted).await?;
        Ok((rows.into_iter().map(|kept| kept.row).collect(), ids.len()))
    }

    async fn of_app(&self, app: u64, limit: usize) -> Result<Vec<Kept>> {
        let ids = self.ids_of_app(app, limit).await?;
        self.present(app, ids.into_iter()).await
    }

    async fn forget_usage(&self, app: u64) -> Result<()> {
        self.forget_used(app).await
    }

    async fn unfinished_of(&self, app: u64, owner: u64, limit: usize) -> Result<usize> {
        self.count_unfinished(app, owner, limit).await
    }

    async fn unfinished(&self, after: Option<Unfinished>, made_upto: i64, limit: usize) -> Result<Vec<Unfinished>> {
        self.uploads(after, made_upto, limit).await
    }

    async fn settle(&self, found: Unfinished) -> Result<()> {
        let Unfinished { app, id, created_at: listed, .. } = found;
        match self.found(app, id).await? {
            rows::Found::Left(left) => self.finish_later(left, listed).await,
            rows::Found::Nothing { .. } => {
                self.lower(app, id, false).await?;
                self.strike_found(found).await
            }
            rows::Found::Kept(kept) if kept.row.is_complete() => {
                self.lower(app, id, false).await?;
                self.strike_unfinished(&kept.row).await?;
                self.strike_upload(&kept.row, listed).await
            }
            rows::Found::Kept(_) => Ok(()),
        }
    }

    async fn usage(&self, app: u64) -> Result<Usage> {
        self.used(app).await
    }

    async fn doomed(&self, now: i64, limit: usize) -> Result<Vec<Doomed>> {
        self.doomed_upto(now, limit).await
    }

    async fn forget(&self, doomed: &[Doomed]) -> Result<()> {
        self.strike_doomed(doomed).await
    }
}
