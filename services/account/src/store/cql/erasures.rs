//! Erasures: a row under app and user, and a mark in one of 16 partitions while it goes on.
//!
//! An erasure of a user is begun before the step that deletes him, since one who was deleted without it would stay for ever. Such a row
//! is not sure: it shows, and is walked, only if its user is deleted. So a step that is refused, or that a crash cuts off, leaves a row
//! that nobody sees; a further end of the same user writes it again. The walk's first step makes it sure. A mark is removed only when
//! its erasure has ended: one of a user who is still there costs a look each time, and there are as many as there were crashes.
//! The erasure of an app is put behind its end, and sure: that it has yet to be put is kept with the app.
//!
//! An erasure that has ended goes by itself, so there is nothing to forget.

use natter_db::cql::{Migration, Statement};
use natter_proto::erasure::v1::Erased;
use natter_rpc::async_trait;

use super::OnCql;
use super::conditions::few_at_once;
use crate::erasure::ErasureRow;
use crate::store::{Erasures, Result, rows};

/// `user` 0: the app. Marks come and go in their partitions, so what has gone is thrown away after a day; one that came back by that is
/// looked at and goes again.
pub const TABLES: Migration = Migration {
    name: "account/017-erasures",
    statements: &[
        "CREATE TABLE IF NOT EXISTS erasures (app bigint, user bigint, is_sure boolean, row blob, PRIMARY KEY ((app, user)))",
        "CREATE TABLE IF NOT EXISTS erasing (part int, app bigint, user bigint, PRIMARY KEY (part, app, user)) WITH \
         gc_grace_seconds = 86400",
    ],
};

const GET: Statement = Statement::read("SELECT is_sure, row FROM erasures WHERE app = ? AND user = ?");
const PUT: Statement = Statement::write("INSERT INTO erasures (app, user, is_sure, row) VALUES (?, ?, ?, ?)");
const PUT_ENDED: Statement =
    Statement::write("INSERT INTO erasures (app, user, is_sure, row) VALUES (?, ?, true, ?) USING TTL ?");
const FORGET: Statement = Statement::write("DELETE FROM erasures WHERE app = ? AND user = ?");
const MARK: Statement = Statement::write("INSERT INTO erasing (part, app, user) VALUES (?, ?, ?)");
const UNMARK: Statement = Statement::write("DELETE FROM erasing WHERE part = ? AND app = ? AND user = ?");
const MARKS: Statement = Statement::read("SELECT app, user FROM erasing WHERE part = ? LIMIT ?");

const PARTS: u64 = 16;
/// How long an erasure is shown behind its end, in seconds.
const ENDED_LIFE_S: i32 = 30 * 24 * 60 * 60;
/// Marks that are looked at before it is asked whether there are enough.
const LOOKED_AT: usize = 64;

#[async_trait]
impl Erasures for OnCql {
    async fn erasure(&self, app: u64, user: u64) -> Result<Option<ErasureRow>> {
        let found = self.cql.row::<(Option<bool>, Option<Vec<u8>>)>(GET, (app as i64, user as i64)).await?;
        let Some((is_sure, Some(row))) = found else { return Ok(None) };
        let shows = is_sure == Some(true) || self.is_deleted(app, user).await?;
        Ok(if shows { Some(rows::to_erasure(app, user, &row)?) } else { None })
    }

    async fn pending_erasures(&self, limit: usize) -> Result<Vec<ErasureRow>> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let parts = (0..PARTS as i32)
            .map(|part| async move { Ok::<_, crate::store::Error>(self.cql.rows::<(i64, i64)>(MARKS, (part, most)).await?) });
        let mut marks: Vec<(u64, u64)> = Vec::new();
        for part in few_at_once(parts.collect()).await? {
            marks.extend(part.into_iter().map(|(app, user)| (app as u64, user as u64)));
        }
        marks.sort_unstable();
        let mut pending = Vec::new();
        for looked_at in marks.chunks(LOOKED_AT) {
            let looks = looked_at.iter().map(|(app, user)| self.marked(*app, *user));
            pending.extend(few_at_once(looks.collect()).await?.into_iter().flatten());
            if pending.len() >= limit {
                break;
            }
        }
        pending.truncate(limit);
        Ok(pending)
    }

    async fn put_erasure(&self, row: &ErasureRow) -> Result<()> {
        let (app, user) = (row.app as i64, row.user as i64);
        if row.ended_at == 0 {
            self.cql.write(PUT, (app, user, true, rows::of_erasure(row))).await?;
            return self.mark_erasure(row.app, row.user).await;
        }
        self.cql.write(PUT_ENDED, (app, user, rows::of_erasure(row), ENDED_LIFE_S)).await?;
        self.unmark_erasure(row.app, row.user).await
    }

    async fn forget_erasures(&self, _: Option<(u64, u64)>, _: i64, _: usize) -> Result<Option<(u64, u64)>> {
        Ok(None)
    }

    async fn erase_rows(&self, app: u64, user: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)> {
        match user {
            0 => self.erase_of_app(app, after).await,
            _ => self.erase_of_user(app, user, after).await,
        }
    }
}

impl OnCql {
    /// Begins the erasure of a user. Called before the step that deletes him.
    pub(super) async fn begin_erasure(&self, row: &ErasureRow) -> Result<()> {
        self.cql.write(PUT, (row.app as i64, row.user as i64, false, rows::of_erasure(row))).await?;
        self.mark_erasure(row.app, row.user).await
    }

    /// Removes what is known of the erasure of a user whose app is erased. Whether there was one.
    pub(super) async fn forget_erasure(&self, app: u64, user: u64) -> Result<bool> {
        let was_there = self.cql.row::<(Option<bool>, Option<Vec<u8>>)>(GET, (app as i64, user as i64)).await?.is_some();
        if was_there {
            self.cql.write(FORGET, (app as i64, user as i64)).await?;
            self.unmark_erasure(app, user).await?;
        }
        Ok(was_there)
    }

    // The erasure of a mark, if it goes on. A mark whose erasure has ended, or was forgotten, goes.
    async fn marked(&self, app: u64, user: u64) -> Result<Option<ErasureRow>> {
        let found = self.cql.row::<(Option<bool>, Option<Vec<u8>>)>(GET, (app as i64, user as i64)).await?;
        let Some((is_sure, Some(row))) = found else {
            self.unmark_erasure(app, user).await?;
            return Ok(None);
        };
        let row = rows::to_erasure(app, user, &row)?;
        if row.ended_at != 0 {
            self.unmark_erasure(app, user).await?;
            return Ok(None);
        }
        let goes_on = is_sure == Some(true) || self.is_deleted(app, user).await?;
        Ok(goes_on.then_some(row))
    }

    async fn is_deleted(&self, app: u64, user: u64) -> Result<bool> {
        Ok(self.lying(app, user).await?.row()?.is_some_and(|row| row.deleted))
    }

    async fn mark_erasure(&self, app: u64, user: u64) -> Result<()> {
        Ok(self.cql.write(MARK, (part(app, user), app as i64, user as i64)).await?)
    }

    async fn unmark_erasure(&self, app: u64, user: u64) -> Result<()> {
        Ok(self.cql.write(UNMARK, (part(app, user), app as i64, user as i64)).await?)
    }
}

fn part(app: u64, user: u64) -> i32 {
    (app.wrapping_add(user) % PARTS) as i32
}
