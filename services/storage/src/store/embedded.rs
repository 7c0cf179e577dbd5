//! The port on a key-value store: keys, rows and conditions. Knows no rule of the noun. Numbers in keys are big-endian, so that
//! scans run by id.

use std::ops::Range;

use natter_db::{Batch, Error as DbError, KeyRange, Kv, Table};
use natter_proto::BlobUid;
use natter_rpc::async_trait;

use super::written::{self as rows, corrupt};
use super::{Blobs, Doomed, Error, Kept, Page, Result, Stamp, Unfinished};
use crate::blob::{BlobRow, Object, Usage};

const BLOBS: Table = Table("blobs");
/// By uid: app and id.
const BLOB_UIDS: Table = Table("blob_uids");
/// By app, owner and id: nothing.
const BLOBS_BY_OWNER: Table = Table("blobs_by_owner");
/// By app, owner and id: when the blob was made. Those that are not complete.
const UPLOADS: Table = Table("uploads");
/// By app: bytes and files.
const BLOB_USAGE: Table = Table("blob_usage");
/// By due instant and object: nothing.
const DOOMED_OBJECTS: Table = Table("doomed_objects");
const BLOB_ID_BLOCKS: Table = Table("blob_id_blocks");

/// How often a step that met another writer of the same app's usage is tried. Of those who try at once one goes through each
/// time, so this many may be at it.
const TRIES: usize = 1_024;

/// The engine.
pub struct Embedded {
    kv: Kv,
}

/// What a step does: the row before and after, each or both.
struct Step<'a> {
    before: Option<&'a Kept>,
    after: Option<&'a BlobRow>,
    doomed: Option<Doomed>,
    limit: Option<Usage>,
}

impl Embedded {
    pub fn new(kv: Kv) -> Embedded {
        Embedded { kv }
    }

    async fn take(&self, step: Step<'_>) -> Result<()> {
        let Some(row) = step.after.or(step.before.map(|before| &before.row)) else { return Ok(()) };
        let (app, key) = (row.app, pair(row.app, row.id));
        let weights = (weight(step.before.map(|before| &before.row)), weight(step.after));
        for _ in 0..TRIES {
            let mut batch = step.batch(&key);
            if weights.0 != weights.1 {
                self.weigh(&mut batch, app, weights, step.limit).await?;
            }
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome?),
            }
            // Either the row was written meanwhile, or only the usage.
            let found = self.kv.get(BLOBS, &key).await?;
            if found.as_ref() != step.before.map(|before| &before.stamp.0) {
                return Err(Error::Changed);
            }
        }
        Err(Error::Changed)
    }

    async fn weigh(&self, batch: &mut Batch, app: u64, weights: (Usage, Usage), limit: Option<Usage>) -> Result<()> {
        let found = self.kv.get(BLOB_USAGE, &app.to_be_bytes()).await?;
        let used = found.as_deref().map(rows::to_usage).transpose()?.unwrap_or_default();
        let after = Usage {
            bytes: (used.bytes + weights.1.bytes).saturating_sub(weights.0.bytes),
            files: (used.files + weights.1.files).saturating_sub(weights.0.files),
        };
        let is_over = |after: u64, used: u64, limit: u64| after > used && after > limit;
        if limit
            .is_some_and(|limit| is_over(after.bytes, used.bytes, limit.bytes) || is_over(after.files, used.files, limit.files))
        {
            return Err(Error::Full);
        }
        match found {
            Some(found) => batch.require_equal(BLOB_USAGE, app.to_be_bytes(), found),
            None => batch.require_absent(BLOB_USAGE, app.to_be_bytes()),
        }
        batch.put(BLOB_USAGE, app.to_be_bytes(), rows::of_usage(after));
        Ok(())
    }

    fn kept(row: &bytes::Bytes) -> std::result::Result<Kept, DbError> {
        Ok(Kept { row: rows::to_blob(row)?, stamp: Stamp(row.clone()) })
    }
}

impl Step<'_> {
    // The rows of a blob are those of its state, all of them: what it was goes, what it is comes.
    fn batch(&self, key: &[u8]) -> Batch {
        let mut batch = Batch::new();
        match self.before {
            Some(before) => batch.require_equal(BLOBS, key, before.stamp.0.clone()),
            None => batch.require_absent(BLOBS, key),
        }
        if let Some(Kept { row, .. }) = self.before {
            batch.delete(BLOBS, key);
            batch.delete(BLOB_UIDS, row.uid.0);
            batch.delete(BLOBS_BY_OWNER, triple(row));
            batch.delete(UPLOADS, triple(row));
        }
        if let Some(row) = self.after {
            batch.put(BLOBS, key, rows::of_blob(row));
            batch.put(BLOB_UIDS, row.uid.0, key.to_vec());
            batch.put(BLOBS_BY_OWNER, triple(row), Vec::new());
            if !row.is_complete() {
                batch.put(UPLOADS, triple(row), row.created_at.to_be_bytes().to_vec());
            }
        }
        if let Some(doomed) = self.doomed {
            batch.put(DOOMED_OBJECTS, doomed_key(doomed), Vec::new());
        }
        batch
    }
}

#[async_trait]
impl Blobs for Embedded {
    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        const COUNTER: &[u8] = b"blobs";
        for _ in 0..TRIES {
            let found = self.kv.get(BLOB_ID_BLOCKS, COUNTER).await?;
            let first = found.as_deref().map(|row| number(BLOB_ID_BLOCKS, row)).transpose()?.unwrap_or(1);
            let mut batch = Batch::new();
            match found {
                Some(found) => batch.require_equal(BLOB_ID_BLOCKS, COUNTER, found),
                None => batch.require_absent(BLOB_ID_BLOCKS, COUNTER),
            }
            batch.put(BLOB_ID_BLOCKS, COUNTER, (first + length).to_be_bytes().to_vec());
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome.map(|()| first..first + length)?),
            }
        }
        Err(Error::Changed)
    }

    async fn blob(&self, app: u64, id: u64) -> Result<Option<Kept>> {
        let row = self.kv.get(BLOBS, &pair(app, id)).await?;
        Ok(row.as_ref().map(Embedded::kept).transpose()?)
    }

    async fn blob_of(&self, uid: BlobUid) -> Result<Option<Kept>> {
        let Some(key) = self.kv.get(BLOB_UIDS, &uid.0).await? else { return Ok(None) };
        let row = self.kv.get(BLOBS, &key).await?;
        Ok(row.as_ref().map(Embedded::kept).transpose()?)
    }

    async fn add(&self, row: BlobRow, limit: Usage) -> Result<()> {
        self.take(Step { before: None, after: Some(&row), doomed: None, limit: Some(limit) }).await
    }

    async fn change(&self, before: &Kept, after: BlobRow, doomed: Option<Doomed>, limit: Usage) -> Result<Kept> {
        self.take(Step { before: Some(before), after: Some(&after), doomed, limit: Some(limit) }).await?;
        let stamp = Stamp(rows::of_blob(&after).into());
        Ok(Kept { row: after, stamp })
    }

    async fn remove(&self, before: &Kept, doomed: Option<Doomed>) -> Result<()> {
        self.take(Step { before: Some(before), after: None, doomed, limit: None }).await
    }

    async fn of_owner(&self, app: u64, owner: u64, page: Page) -> Result<(Vec<BlobRow>, usize)> {
        let from = [pair(app, owner), page.after.saturating_add(1).to_be_bytes().to_vec()].concat();
        let range = KeyRange::between(from, [pair(app, owner), vec![u8::MAX; 9]].concat());
        let keys = self.kv.scan(BLOBS_BY_OWNER, range, page.count_max).await?;
        let wanted = keys.iter().skip(page.skip).take(page.limit);
        let wanted = wanted.map(|(key, _)| [&key[..8], &key[16..]].concat()).collect();
        let found = self.kv.multi_get(BLOBS, wanted).await?;
        // A row may have gone since its key was read.
        let found = found.iter().flatten().map(|row| rows::to_blob(row)).collect::<std::result::Result<_, _>>()?;
        Ok((found, keys.len()))
    }

    async fn of_app(&self, app: u64, limit: usize) -> Result<Vec<Kept>> {
        let rows = self.kv.scan(BLOBS, KeyRange::prefix(app.to_be_bytes()), limit).await?;
        Ok(rows.iter().map(|(_, row)| Embedded::kept(row)).collect::<std::result::Result<_, _>>()?)
    }

    async fn forget_usage(&self, app: u64) -> Result<()> {
        self.kv.clear(BLOB_USAGE, KeyRange::prefix(app.to_be_bytes()), 1).await?;
        Ok(())
    }

    async fn unfinished_of(&self, app: u64, owner: u64, limit: usize) -> Result<usize> {
        Ok(self.kv.scan(UPLOADS, KeyRange::prefix(pair(app, owner)), limit).await?.len())
    }

    async fn unfinished(&self, after: Option<Unfinished>, _: i64, limit: usize) -> Result<Vec<Unfinished>> {
        let next = |Unfinished { app, owner, id, .. }| [pair(app, owner), (id + 1).to_be_bytes().to_vec()].concat();
        let range = KeyRange::between(after.map(next).unwrap_or_default(), [u8::MAX; 25]);
        let found = self.kv.scan(UPLOADS, range, limit).await?;
        let read = |(key, made): &(bytes::Bytes, bytes::Bytes)| {
            let part = |at: usize| number(UPLOADS, key.get(at..at + 8).unwrap_or_default());
            Ok(Unfinished { app: part(0)?, owner: part(8)?, id: part(16)?, created_at: number(UPLOADS, made)? as i64 })
        };
        found.iter().map(read).collect()
    }

    async fn settle(&self, _: Unfinished) -> Result<()> {
        // Every step is one commit.
        Ok(())
    }

    async fn usage(&self, app: u64) -> Result<Usage> {
        let found = self.kv.get(BLOB_USAGE, &app.to_be_bytes()).await?;
        Ok(found.as_deref().map(rows::to_usage).transpose()?.unwrap_or_default())
    }

    async fn doomed(&self, now: i64, limit: usize) -> Result<Vec<Doomed>> {
        let range = KeyRange::between([], now.saturating_add(1).to_be_bytes());
        let found = self.kv.scan(DOOMED_OBJECTS, range, limit).await?;
        let read = |(key, _): &(bytes::Bytes, bytes::Bytes)| {
            let (due_at, object) = key.split_at_checked(8).ok_or_else(|| corrupt(DOOMED_OBJECTS.0))?;
            let object = object.try_into().map(Object).map_err(|_| corrupt(DOOMED_OBJECTS.0))?;
            Ok(Doomed { due_at: number(DOOMED_OBJECTS, due_at)? as i64, object })
        };
        found.iter().map(read).collect()
    }

    async fn forget(&self, doomed: &[Doomed]) -> Result<()> {
        let mut batch = Batch::new();
        doomed.iter().for_each(|one| batch.delete(DOOMED_OBJECTS, doomed_key(*one)));
        if batch.is_empty() {
            return Ok(());
        }
        Ok(self.kv.commit(batch).await?)
    }
}

fn weight(row: Option<&BlobRow>) -> Usage {
    row.map(BlobRow::weight).unwrap_or_default()
}

fn pair(app: u64, number: u64) -> Vec<u8> {
    [app.to_be_bytes(), number.to_be_bytes()].concat()
}

fn triple(row: &BlobRow) -> Vec<u8> {
    [row.app.to_be_bytes(), row.owner.to_be_bytes(), row.id.to_be_bytes()].concat()
}

fn doomed_key(doomed: Doomed) -> Vec<u8> {
    [&doomed.due_at.to_be_bytes()[..], &doomed.object.0].concat()
}

fn number(table: Table, row: &[u8]) -> std::result::Result<u64, DbError> {
    row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt(table.0))
}
