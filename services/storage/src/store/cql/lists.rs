//! The lists of blobs: by uid, owner and app, those that are not at rest, and the objects that are to be removed. All plain writes.
//!
//! A line of a blob comes once and goes once. So it is written with the instant at which the blob was made and struck with the next one:
//! a line that was struck stays struck, whatever the clocks of two processes say and whichever write arrives first.
//!
//! What is looked for in time lies in buckets of five minutes, and `blob_buckets` says which there are, so that who looks does not walk
//! over what was struck long ago. A bucket that is found empty an hour after its end is taken off. Nothing is put in one so late: lines
//! of `uploads` are written when they are made, and an object that is listed late is due late.

use natter_db::cql::Statement;
use natter_proto::BlobUid;

use super::OnCql;
use crate::blob::{BlobRow, Object};
use crate::store::written::corrupt;
use crate::store::{Doomed, Result, Unfinished};

const ENTER_UID: Statement = Statement::write("INSERT INTO blob_uids (uid, app, id) VALUES (?, ?, ?) USING TIMESTAMP ?");
const STRIKE_UID: Statement = Statement::write("DELETE FROM blob_uids USING TIMESTAMP ? WHERE uid = ?");
const OF_UID: Statement = Statement::read("SELECT app, id FROM blob_uids WHERE uid = ?");

const ENTER_OWNER: Statement = Statement::write("INSERT INTO blobs_by_owner (app, owner, id) VALUES (?, ?, ?) USING TIMESTAMP ?");
const STRIKE_OWNER: Statement =
    Statement::write("DELETE FROM blobs_by_owner USING TIMESTAMP ? WHERE app = ? AND owner = ? AND id = ?");
const OF_OWNER: Statement = Statement::read("SELECT id FROM blobs_by_owner WHERE app = ? AND owner = ? AND id > ? LIMIT ?");

const ENTER_APP: Statement = Statement::write("INSERT INTO blobs_of_app (app, part, id) VALUES (?, ?, ?) USING TIMESTAMP ?");
const STRIKE_APP: Statement =
    Statement::write("DELETE FROM blobs_of_app USING TIMESTAMP ? WHERE app = ? AND part = ? AND id = ?");
const OF_APP: Statement = Statement::read("SELECT id FROM blobs_of_app WHERE app = ? AND part = ? LIMIT ?");

const ENTER_UNFINISHED: Statement =
    Statement::write("INSERT INTO uploads_of (app, owner, id) VALUES (?, ?, ?) USING TIMESTAMP ?");
const STRIKE_UNFINISHED: Statement =
    Statement::write("DELETE FROM uploads_of USING TIMESTAMP ? WHERE app = ? AND owner = ? AND id = ?");
const UNFINISHED_OF: Statement = Statement::read("SELECT id FROM uploads_of WHERE app = ? AND owner = ? LIMIT ?");

const ENTER_UPLOAD: Statement = Statement::write(
    "INSERT INTO uploads (bucket, at, app, owner, id, uid, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
);
const STRIKE_UPLOAD: Statement =
    Statement::write("DELETE FROM uploads USING TIMESTAMP ? WHERE bucket = ? AND at = ? AND app = ? AND owner = ? AND id = ?");
const UPLOAD: Statement =
    Statement::read("SELECT uid, created_at FROM uploads WHERE bucket = ? AND at = ? AND app = ? AND owner = ? AND id = ?");
const UPLOADS: Statement =
    Statement::read("SELECT at, app, owner, id FROM uploads WHERE bucket = ? AND (at, app, owner, id) > (?, ?, ?, ?) LIMIT ?");

const DOOM: Statement = Statement::write("INSERT INTO doomed_objects (bucket, due_at, object) VALUES (?, ?, ?)");
const STRIKE_DOOMED: Statement = Statement::write("DELETE FROM doomed_objects WHERE bucket = ? AND due_at = ? AND object = ?");
const DOOMED: Statement = Statement::read("SELECT due_at, object FROM doomed_objects WHERE bucket = ? AND due_at <= ? LIMIT ?");

const ENTER_BUCKET: Statement = Statement::write("INSERT INTO blob_buckets (list, bucket) VALUES (?, ?)");
const DROP_BUCKET: Statement = Statement::write("DELETE FROM blob_buckets WHERE list = ? AND bucket = ?");
const BUCKETS: Statement =
    Statement::read("SELECT bucket FROM blob_buckets WHERE list = ? AND bucket >= ? AND bucket <= ? LIMIT 100");

const PARTS: i32 = 16;
const BUCKET_MS: i64 = 5 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const UPLOADS_LIST: &str = "uploads";
const DOOMED_LIST: &str = "doomed_objects";

impl OnCql {
    /// Puts a blob on every list.
    pub(super) async fn enter(&self, row: &BlobRow) -> Result<()> {
        let (app, owner, id, at) = (row.app as i64, row.owner as i64, row.id as i64, entered(row.created_at));
        // First where the sweep looks, which clears the others if this is as far as it gets.
        self.enter_upload(row, row.created_at).await?;
        // Boxed: four futures of a write are too large for a stack.
        let (unfinished, uid, by_owner, of_app) = futures::join!(
            Box::pin(self.cql.write(ENTER_UNFINISHED, (app, owner, id, at))),
            Box::pin(self.cql.write(ENTER_UID, (row.uid.0.as_slice(), app, id, at))),
            Box::pin(self.cql.write(ENTER_OWNER, (app, owner, id, at))),
            Box::pin(self.cql.write(ENTER_APP, (app, part(row.id), id, at))),
        );
        Ok(unfinished.and(uid).and(by_owner).and(of_app)?)
    }

    /// Takes a blob off every list, last where the sweep looks.
    pub(super) async fn strike_all(&self, row: &BlobRow) -> Result<()> {
        self.strike(row).await?;
        self.strike_upload(row, row.created_at).await
    }

    /// Takes a blob off the lists, but not from `uploads`.
    pub(super) async fn strike(&self, row: &BlobRow) -> Result<()> {
        let found = Unfinished { app: row.app, owner: row.owner, id: row.id, created_at: row.created_at };
        self.strike_lines(found, &row.uid.0).await
    }

    async fn strike_lines(&self, Unfinished { app, owner, id, created_at }: Unfinished, uid: &[u8]) -> Result<()> {
        let (part, at) = (part(id), struck(created_at));
        let (app, owner, id) = (app as i64, owner as i64, id as i64);
        let (unfinished, uid, by_owner, of_app) = futures::join!(
            Box::pin(self.cql.write(STRIKE_UNFINISHED, (at, app, owner, id))),
            Box::pin(self.cql.write(STRIKE_UID, (at, uid))),
            Box::pin(self.cql.write(STRIKE_OWNER, (at, app, owner, id))),
            Box::pin(self.cql.write(STRIKE_APP, (at, app, part, id))),
        );
        Ok(unfinished.and(uid).and(by_owner).and(of_app)?)
    }

    pub(super) async fn strike_unfinished(&self, row: &BlobRow) -> Result<()> {
        let values = (struck(row.created_at), row.app as i64, row.owner as i64, row.id as i64);
        Ok(self.cql.write(STRIKE_UNFINISHED, values).await?)
    }

    /// Takes what has no row off every list.
    pub(super) async fn strike_found(&self, found: Unfinished) -> Result<()> {
        let Unfinished { app, owner, id, created_at: at } = found;
        let key = (bucket(at), at, app as i64, owner as i64, id as i64);
        if let Some((uid, created_at)) = self.cql.row::<(Vec<u8>, i64)>(UPLOAD, key).await? {
            self.strike_lines(Unfinished { created_at, ..found }, &uid).await?;
        }
        self.strike_line(found).await
    }

    pub(super) async fn id_of(&self, uid: BlobUid) -> Result<Option<(u64, u64)>> {
        let found = self.cql.row::<(i64, i64)>(OF_UID, (uid.0.as_slice(),)).await?;
        Ok(found.map(|(app, id)| (app as u64, id as u64)))
    }

    pub(super) async fn ids_of_owner(&self, app: u64, owner: u64, after: u64, limit: usize) -> Result<Vec<i64>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let found = self.cql.rows::<(i64,)>(OF_OWNER, (app as i64, owner as i64, after, limit_of(limit))).await?;
        Ok(found.into_iter().map(|(id,)| id).collect())
    }

    pub(super) async fn ids_of_app(&self, app: u64, limit: usize) -> Result<Vec<i64>> {
        let parts = (0..PARTS).map(|part| self.cql.rows::<(i64,)>(OF_APP, (app as i64, part, limit_of(limit))));
        let found = futures::future::try_join_all(parts).await?;
        let mut ids: Vec<_> = found.into_iter().flatten().map(|(id,)| id).collect();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    pub(super) async fn count_unfinished(&self, app: u64, owner: u64, limit: usize) -> Result<usize> {
        Ok(self.cql.rows::<(i64,)>(UNFINISHED_OF, (app as i64, owner as i64, limit_of(limit))).await?.len())
    }
}

// === uploads ===

impl OnCql {
    /// Puts a blob that was at rest among those that are not. Answers where.
    pub(super) async fn list_again(&self, row: &BlobRow) -> Result<i64> {
        let at = self.clock.now_ms();
        self.enter_upload(row, at).await?;
        Ok(at)
    }

    async fn enter_upload(&self, row: &BlobRow, at: i64) -> Result<()> {
        let (app, owner, id, uid) = (row.app as i64, row.owner as i64, row.id as i64, row.uid.0.as_slice());
        self.cql.write(ENTER_BUCKET, (UPLOADS_LIST, bucket(at))).await?;
        Ok(self.cql.write(ENTER_UPLOAD, (bucket(at), at, app, owner, id, uid, row.created_at, entered(at))).await?)
    }

    pub(super) async fn strike_upload(&self, row: &BlobRow, at: i64) -> Result<()> {
        self.strike_line(Unfinished { app: row.app, owner: row.owner, id: row.id, created_at: at }).await
    }

    async fn strike_line(&self, Unfinished { app, owner, id, created_at: at }: Unfinished) -> Result<()> {
        let values = (struck(at), bucket(at), at, app as i64, owner as i64, id as i64);
        Ok(self.cql.write(STRIKE_UPLOAD, values).await?)
    }

    pub(super) async fn uploads(&self, after: Option<Unfinished>, upto: i64, limit: usize) -> Result<Vec<Unfinished>> {
        let (mut found, mut from) = (Vec::new(), after.map_or(i64::MIN, |after| bucket(after.created_at)));
        let first = after;
        loop {
            let buckets = self.cql.rows::<(i64,)>(BUCKETS, (UPLOADS_LIST, from, bucket(upto))).await?;
            let Some((last,)) = buckets.last().copied() else { return Ok(found) };
            for (bucket,) in buckets {
                let after = first.filter(|after| self::bucket(after.created_at) == bucket);
                let page = self.uploads_in(bucket, after, limit - found.len()).await?;
                if page.is_empty() && after.is_none() {
                    self.drop_if_old(UPLOADS_LIST, bucket, upto).await?;
                }
                found.extend(page);
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            from = last + 1;
        }
    }

    async fn uploads_in(&self, bucket: i64, after: Option<Unfinished>, limit: usize) -> Result<Vec<Unfinished>> {
        let after = after.map(|after| (after.created_at, after.app as i64, after.owner as i64, after.id as i64));
        let (at, app, owner, id) = after.unwrap_or((i64::MIN, i64::MIN, i64::MIN, i64::MIN));
        let values = (bucket, at, app, owner, id, limit_of(limit));
        let found = self.cql.rows::<(i64, i64, i64, i64)>(UPLOADS, values).await?;
        let line = |(created_at, app, owner, id): (i64, i64, i64, i64)| Unfinished {
            app: app as u64,
            owner: owner as u64,
            id: id as u64,
            created_at,
        };
        Ok(found.into_iter().map(line).collect())
    }
}

// === doomed objects ===

impl OnCql {
    pub(super) async fn doom(&self, doomed: Option<Doomed>) -> Result<()> {
        let Some(Doomed { due_at, object }) = doomed else { return Ok(()) };
        self.cql.write(ENTER_BUCKET, (DOOMED_LIST, bucket(due_at))).await?;
        Ok(self.cql.write(DOOM, (bucket(due_at), due_at, object.0.as_slice())).await?)
    }

    pub(super) async fn doomed_upto(&self, now: i64, limit: usize) -> Result<Vec<Doomed>> {
        let (mut found, mut from) = (Vec::new(), i64::MIN);
        loop {
            let buckets = self.cql.rows::<(i64,)>(BUCKETS, (DOOMED_LIST, from, bucket(now))).await?;
            let Some((last,)) = buckets.last().copied() else { return Ok(found) };
            for (bucket,) in buckets {
                let page = self.doomed_in(bucket, now, limit - found.len()).await?;
                if page.is_empty() {
                    self.drop_if_old(DOOMED_LIST, bucket, now).await?;
                }
                found.extend(page);
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            from = last + 1;
        }
    }

    async fn doomed_in(&self, bucket: i64, now: i64, limit: usize) -> Result<Vec<Doomed>> {
        let found = self.cql.rows::<(i64, Vec<u8>)>(DOOMED, (bucket, now, limit_of(limit))).await?;
        let read = |(due_at, object): (i64, Vec<u8>)| {
            let object = object.try_into().map(Object).map_err(|_| corrupt("doomed_objects"))?;
            Ok(Doomed { due_at, object })
        };
        found.into_iter().map(read).collect()
    }

    pub(super) async fn strike_doomed(&self, doomed: &[Doomed]) -> Result<()> {
        for Doomed { due_at, object } in doomed {
            self.cql.write(STRIKE_DOOMED, (bucket(*due_at), *due_at, object.0.as_slice())).await?;
        }
        Ok(())
    }

    async fn drop_if_old(&self, list: &str, bucket: i64, now: i64) -> Result<()> {
        let end = bucket.saturating_add(1).saturating_mul(BUCKET_MS);
        if end.saturating_add(HOUR_MS) < now {
            self.cql.write(DROP_BUCKET, (list, bucket)).await?;
        }
        Ok(())
    }
}

fn bucket(at: i64) -> i64 {
    at.div_euclid(BUCKET_MS)
}

fn part(id: u64) -> i32 {
    (id % PARTS as u64) as i32
}

/// When a line is written, in microseconds as the servers count them.
fn entered(at: i64) -> i64 {
    at.saturating_mul(1_000)
}

/// When it is struck.
fn struck(at: i64) -> i64 {
    entered(at).saturating_add(1)
}

fn limit_of(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}
