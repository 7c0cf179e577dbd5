//! The ends of guests, by the hour they are in. A mark is written before its user and removed behind his end, so what it says is looked
//! up in his row: a crash leaves marks of nobody, which the sweep removes.
//!
//! By hours, since what is read over and over is the partition whose marks go one after another: that of a day would be full of what
//! has gone.

use natter_db::cql::{Migration, Statement};

use super::OnCql;
use super::conditions::few_at_once;
use crate::store::{Result, UserRow};

/// `until`: unix milliseconds; `hour`: hours of unix time. `guest_hours` is one partition of the hours that have marks. Marks that have
/// gone are thrown away after a day: one that came back by that is looked at and goes again.
pub const TABLES: Migration = Migration {
    name: "account/013-guests",
    statements: &[
        "CREATE TABLE IF NOT EXISTS guests (hour bigint, until bigint, app bigint, id bigint, PRIMARY KEY (hour, until, app, id)) WITH \
         gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS guest_hours (part int, hour bigint, PRIMARY KEY (part, hour))",
    ],
};

const NOTE: Statement = Statement::write("INSERT INTO guests (hour, until, app, id) VALUES (?, ?, ?, ?)");
const UNNOTE: Statement = Statement::write("DELETE FROM guests WHERE hour = ? AND until = ? AND app = ? AND id = ?");
const OVER: Statement = Statement::read("SELECT until, app, id FROM guests WHERE hour = ? AND until <= ? LIMIT ?");
const NOTE_HOUR: Statement = Statement::write("INSERT INTO guest_hours (part, hour) VALUES (0, ?)");
const UNNOTE_HOUR: Statement = Statement::write("DELETE FROM guest_hours WHERE part = 0 AND hour = ?");
const HOURS: Statement = Statement::read("SELECT hour FROM guest_hours WHERE part = 0 AND hour <= ? LIMIT ?");

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// So long after an hour nobody is still about to write a mark into it, or the user of a mark.
const SETTLED_HOURS: i64 = 24;
const HOURS_PAGE: i32 = 1_000;

impl OnCql {
    /// Marks the end of a guest.
    pub(super) async fn note_guest(&self, row: &UserRow) -> Result<()> {
        if row.guest_until == 0 {
            return Ok(());
        }
        let hour = row.guest_until / HOUR_MS;
        self.cql.write(NOTE_HOUR, (hour,)).await?;
        Ok(self.cql.write(NOTE, (hour, row.guest_until, row.user.app as i64, row.user.id as i64)).await?)
    }

    /// Takes the mark of a guest away, behind his end. If it fails the sweep does it.
    pub(super) async fn unnote_guest(&self, row: &UserRow) {
        if row.guest_until == 0 {
            return;
        }
        if let Err(error) = self.forget_mark(row.guest_until, row.user.app, row.user.id).await {
            tracing::debug!(app = row.user.app, user = row.user.id, %error, "the mark of a guest stays");
        }
    }

    async fn forget_mark(&self, until: i64, app: u64, id: u64) -> Result<()> {
        Ok(self.cql.write(UNNOTE, (until / HOUR_MS, until, app as i64, id as i64)).await?)
    }

    /// At most `limit` guests whose end is not after `now`, by their end. Removes the marks it meets that are of nobody.
    pub(super) async fn over(&self, now: i64, limit: usize) -> Result<Vec<(u64, u64)>> {
        let this = now / HOUR_MS;
        let mut found = Vec::new();
        for (hour,) in self.cql.rows::<(i64,)>(HOURS, (this, HOURS_PAGE)).await? {
            let most = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let marks = self.cql.rows::<(i64, i64, i64)>(OVER, (hour, now, most)).await?;
            if marks.is_empty() && hour < this - SETTLED_HOURS {
                self.cql.write(UNNOTE_HOUR, (hour,)).await?;
            }
            let looks = marks.iter().map(|(until, app, id)| self.is_guest(now, *until, *app as u64, *id as u64));
            let are = few_at_once(looks.collect()).await?;
            let guests = marks.iter().zip(are).filter(|(_, is)| *is);
            found.extend(guests.map(|((_, app, id), _)| (*app as u64, *id as u64)));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    // Whether a mark is that of a guest who is there. One of nobody may be of one that is being added: it is kept for a while.
    async fn is_guest(&self, now: i64, until: i64, app: u64, id: u64) -> Result<bool> {
        let row = self.lying(app, id).await?.row()?;
        let is_settled = until / HOUR_MS < now / HOUR_MS - SETTLED_HOURS;
        match row {
            Some(row) if !row.deleted && row.guest_until == until => return Ok(true),
            None if !is_settled => {}
            _ => self.forget_mark(until, app, id).await?,
        }
        Ok(false)
    }
}
