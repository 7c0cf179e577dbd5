//! The audit log: a partition for each day (UTC), and a list of the days that have entries. Ids ascend in time, so the days one after
//! another are in the order of the ids.
//!
//! All writes are plain: an entry is written once, and what came of it lies in a column of its own, so that nothing that was read is
//! written again. What a crash leaves:
//!
//! | step | then a crash leaves | who repairs it |
//! |---|---|---|
//! | add: the day on the list | a day without entries | the walk that finds it empty takes it off, when it is old |
//! | add: the entry | | |
//! | settle: the outcome, of an entry that went meanwhile | an outcome without an entry, which nobody shows | the walk that meets it |
//! | forget: some of the entries | the others | the next sweep |
//!
//! A day is taken off the list two days after the newest one has begun. An entry that is made with a clock so much behind would be lost
//! to the lists.

use natter_db::cql::{Migration, Statement};
use natter_rpc::async_trait;

use super::OnCql;
use crate::audit::{EntryId, EntryRow, Outcome};
use crate::store::written::{self, corrupt};
use crate::store::{Audit, Result};

/// `row`: as in [`written`]. `days.part` is 0.
pub const TABLES: Migration = Migration {
    name: "account/005-audit",
    statements: &[
        "CREATE TABLE IF NOT EXISTS audit (day bigint, id blob, row blob, status int, app bigint, target text, \
         PRIMARY KEY (day, id)) WITH CLUSTERING ORDER BY (id DESC)",
        "CREATE TABLE IF NOT EXISTS audit_days (part int, day bigint, PRIMARY KEY (part, day)) WITH CLUSTERING ORDER BY (day DESC)",
    ],
};

const ADD_DAY: Statement = Statement::write("INSERT INTO audit_days (part, day) VALUES (0, ?)");
const DAYS: Statement = Statement::read("SELECT day FROM audit_days WHERE part = 0 AND day <= ? LIMIT 100");
const NEWEST: Statement = Statement::read("SELECT day FROM audit_days WHERE part = 0 LIMIT 1");
const DROP_DAY: Statement = Statement::write("DELETE FROM audit_days WHERE part = 0 AND day = ?");

const ADD: Statement = Statement::write("INSERT INTO audit (day, id, row) VALUES (?, ?, ?)");
const ONE: Statement = Statement::read("SELECT row FROM audit WHERE day = ? AND id = ?");
const SETTLE: Statement = Statement::write("UPDATE audit SET status = ?, app = ?, target = ? WHERE day = ? AND id = ?");
const BEFORE: Statement = Statement::read("SELECT id, row, status, app, target FROM audit WHERE day = ? AND id < ? LIMIT ?");
const FORGET: Statement = Statement::write("DELETE FROM audit WHERE day = ? AND id = ?");

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How many days lie between the newest one and one that may be taken off the list.
const OLD_DAYS: i64 = 2;

/// An entry and what came of it, each if it is there.
type Found = (Vec<u8>, Option<Vec<u8>>, Option<i32>, Option<i64>, Option<String>);

#[async_trait]
impl Audit for OnCql {
    async fn add_entry(&self, id: EntryId, row: EntryRow) -> Result<()> {
        self.cql.write(ADD_DAY, (day(id),)).await?;
        Ok(self.cql.write(ADD, (day(id), id.0.as_slice(), written::of_entry(row))).await?)
    }

    async fn settle_entry(&self, id: EntryId, outcome: Outcome) -> Result<()> {
        if self.cql.row::<(Option<Vec<u8>>,)>(ONE, (day(id), id.0.as_slice())).await?.is_none() {
            return Ok(());
        }
        let Outcome { status, app, target } = outcome;
        Ok(self.cql.write(SETTLE, (status as i32, app as i64, target, day(id), id.0.as_slice())).await?)
    }

    async fn entries(&self, before: Option<EntryId>, limit: usize) -> Result<Vec<(EntryId, EntryRow)>> {
        let newest = self.cql.row::<(i64,)>(NEWEST, ()).await?.map_or(0, |(day,)| day);
        let (mut entries, mut upto) = (Vec::new(), before.map_or(i64::MAX, day));
        loop {
            let days = self.cql.rows::<(i64,)>(DAYS, (upto,)).await?;
            let Some((oldest,)) = days.last().copied() else { return Ok(entries) };
            for (day,) in days {
                let found = self.of_day(day, before, limit - entries.len()).await?;
                let is_whole = before.is_none_or(|before| self::day(before) > day);
                if found.is_empty() && is_whole && day + OLD_DAYS <= newest {
                    self.cql.write(DROP_DAY, (day,)).await?;
                }
                entries.extend(found);
                if entries.len() >= limit {
                    return Ok(entries);
                }
            }
            upto = oldest - 1;
        }
    }

    async fn forget_entries(&self, ids: Vec<EntryId>) -> Result<()> {
        for id in ids {
            self.cql.write(FORGET, (day(id), id.0.as_slice())).await?;
        }
        Ok(())
    }
}

impl OnCql {
    /// At most `limit` entries of a day before `before`, newest first.
    async fn of_day(&self, day: i64, before: Option<EntryId>, limit: usize) -> Result<Vec<(EntryId, EntryRow)>> {
        let mut before = before.map_or_else(|| vec![u8::MAX; 17], |id| id.0.to_vec());
        let mut entries = Vec::new();
        while entries.len() < limit {
            let wanted = i32::try_from(limit - entries.len()).unwrap_or(i32::MAX);
            let found = self.cql.rows::<Found>(BEFORE, (day, before.as_slice(), wanted)).await?;
            let is_last = found.len() < wanted as usize;
            for (id, row, status, app, target) in found {
                before.clone_from(&id);
                let id = id.try_into().map(EntryId).map_err(|_| corrupt("audit"))?;
                let Some(row) = row else {
                    self.forget_entries(vec![id]).await?;
                    continue;
                };
                let row = written::to_entry(&row)?;
                let outcome = status.map(|status| Outcome {
                    status: status as u32,
                    app: app.unwrap_or_default() as u64,
                    target: target.unwrap_or_default(),
                });
                entries.push((id, outcome.map_or(row.clone(), |outcome| row.settled(&outcome))));
            }
            if is_last {
                break;
            }
        }
        Ok(entries)
    }
}

fn day(id: EntryId) -> i64 {
    let (at, _) = id.0.split_first_chunk().expect("an id has 16 bytes");
    i64::from_be_bytes(*at).div_euclid(DAY_MS)
}
