//! Reports: all of a user's in one partition with a version, so that what is added and what is removed is one conditional step with the
//! count it is bounded by; and by app and day who has reported, for pages.
//!
//! | step | left by a crash | who mends it |
//! |---|---|---|
//! | add 1. marked by app and day | marks of nothing | pages pass over them; the erasure of the app removes them |
//! | add 2. written, if with them there are not too many: **done** | | |
//! | remove 1. removed: **done** | marks of nothing | as above |
//! | remove 2. marks removed | | |

use std::collections::{BTreeMap, BTreeSet};

use natter_db::Error as DbError;
use natter_db::cql::{Migration, Statement, Write};
use natter_rpc::async_trait;

use super::OnCql;
use super::conditions::{Answer, TRIES, decided, few_at_once};
use crate::store::{Error, ReportId, ReportRow, Reports, Result, rows};

/// `id` ascends in time; `day`: days of unix time, of the id; `version`: of a user's reports together.
pub const TABLES: Migration = Migration {
    name: "account/016-reports",
    statements: &[
        "CREATE TABLE IF NOT EXISTS reports (app bigint, reporter bigint, id blob, version bigint static, row blob, PRIMARY KEY \
         ((app, reporter), id))",
        "CREATE TABLE IF NOT EXISTS reports_of_app (app bigint, day bigint, id blob, reporter bigint, PRIMARY KEY ((app, day), id))",
        "CREATE TABLE IF NOT EXISTS report_days (app bigint, day bigint, PRIMARY KEY (app, day))",
    ],
};

const OWN: Statement = Statement::read("SELECT version, id FROM reports WHERE app = ? AND reporter = ?");
const OWN_ROWS: Statement = Statement::read("SELECT id, row, version FROM reports WHERE app = ? AND reporter = ?");
const GET: Statement = Statement::read("SELECT row FROM reports WHERE app = ? AND reporter = ? AND id = ?");
const COUNT_ON: Statement = Statement::change("UPDATE reports SET version = ? WHERE app = ? AND reporter = ? IF version = ?");
const FORGET_COUNT: Statement = Statement::change("DELETE version FROM reports WHERE app = ? AND reporter = ? IF version = ?");
// These two stand in a batch behind `COUNT_ON`, never alone.
const PUT: Statement = Statement::change("INSERT INTO reports (app, reporter, id, row) VALUES (?, ?, ?, ?)");
const REMOVE: Statement = Statement::change("DELETE FROM reports WHERE app = ? AND reporter = ? AND id = ?");
const REPLACE: Statement = Statement::change("UPDATE reports SET row = ? WHERE app = ? AND reporter = ? AND id = ? IF row = ?");
const MARK: Statement = Statement::write("INSERT INTO reports_of_app (app, day, id, reporter) VALUES (?, ?, ?, ?)");
const UNMARK: Statement = Statement::write("DELETE FROM reports_of_app WHERE app = ? AND day = ? AND id = ?");
const MARKS: Statement = Statement::read("SELECT id, reporter FROM reports_of_app WHERE app = ? AND day = ? AND id > ? LIMIT ?");
const MARKED: Statement = Statement::read("SELECT reporter FROM reports_of_app WHERE app = ? AND day = ? AND id = ?");
const MARK_DAY: Statement = Statement::write("INSERT INTO report_days (app, day) VALUES (?, ?)");
const UNMARK_DAY: Statement = Statement::write("DELETE FROM report_days WHERE app = ? AND day = ?");
const DAYS: Statement = Statement::read("SELECT day FROM report_days WHERE app = ? AND day >= ? LIMIT ?");

const DAY_S: u32 = 24 * 60 * 60;
const DAYS_PAGE: i32 = 1_000;

/// A user's ids, and the version that they are of.
struct Own {
    version: Option<i64>,
    ids: BTreeSet<ReportId>,
}

#[async_trait]
impl Reports for OnCql {
    async fn add_reports(&self, rows: Vec<ReportRow>, most: usize) -> Result<bool> {
        let Some(ReportRow { app, reporter, .. }) = rows.first().cloned() else { return Ok(true) };
        let ids: Vec<ReportId> = rows.iter().map(|row| row.id).collect();
        self.mark_reports(app, reporter, &ids).await?;
        for _ in 0..TRIES {
            let own = self.own(app, reporter).await?;
            // The answer of an earlier try was lost.
            if ids.iter().all(|id| own.ids.contains(id)) {
                return Ok(true);
            }
            if own.ids.len() + rows.len() > most {
                self.unmark_reports(app, &ids).await;
                return Ok(false);
            }
            let put = |row: &ReportRow| -> Write {
                (PUT, Box::new((app as i64, reporter as i64, row.id.to_vec(), rows::of_report(row))))
            };
            if self.step(app, reporter, own.version, rows.iter().map(put).collect()).await? {
                return Ok(true);
            }
        }
        Err(Error::Changed)
    }

    async fn reports_of(&self, app: u64, reporter: u64) -> Result<Vec<ReportRow>> {
        type Row = (Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);
        let found = self.cql.rows::<Row>(OWN_ROWS, (app as i64, reporter as i64)).await?;
        // A partition with nothing but its version is one row without an id.
        let found = found.into_iter().filter_map(|(id, row, _)| Some((id?, row?)));
        found.map(|(id, row)| Ok(rows::to_report(app, report_id(id)?, &row)?)).collect()
    }

    async fn change_report(&self, before: &ReportRow, after: ReportRow) -> Result<()> {
        let (of, by, id) = (before.app as i64, before.reporter as i64, before.id.as_slice());
        let (lying, wanted) = (rows::of_report(before), rows::of_report(&after));
        let (lying, wanted) = (lying.as_slice(), wanted.as_slice());
        match decided(|| self.cql.change(REPLACE, (wanted, of, by, id, lying))).await? {
            Answer::Held => Ok(()),
            Answer::Refused => Err(Error::Changed),
            Answer::Doubtful => match self.cql.row::<(Option<Vec<u8>>,)>(GET, (of, by, id)).await? {
                Some((Some(row),)) if row == wanted => Ok(()),
                _ => Err(Error::Changed),
            },
        }
    }

    async fn remove_reports(&self, app: u64, reporter: u64, ids: &[ReportId]) -> Result<Vec<ReportId>> {
        let mut tried: Vec<ReportId> = Vec::new();
        for _ in 0..TRIES {
            let mut own = self.own(app, reporter).await?;
            // The answer of an earlier try was lost.
            if !tried.is_empty() && tried.iter().all(|id| !own.ids.contains(id)) {
                self.unmark_reports(app, &tried).await;
                return Ok(tried);
            }
            tried = ids.iter().copied().filter(|id| own.ids.remove(id)).collect();
            if tried.is_empty() {
                return Ok(tried);
            }
            let remove = |id: &ReportId| -> Write { (REMOVE, Box::new((app as i64, reporter as i64, id.to_vec()))) };
            if self.step(app, reporter, own.version, tried.iter().map(remove).collect()).await? {
                self.unmark_reports(app, &tried).await;
                return Ok(tried);
            }
        }
        Err(Error::Changed)
    }

    async fn report(&self, app: u64, id: ReportId) -> Result<Option<ReportRow>> {
        match self.cql.row::<(i64,)>(MARKED, (app as i64, day_of(&id), id.as_slice())).await? {
            Some((reporter,)) => self.report_of(app, reporter as u64, id).await,
            None => Ok(None),
        }
    }

    async fn report_page(&self, app: u64, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportRow>> {
        let (mut page, mut after) = (Vec::new(), after);
        while page.len() < limit {
            let asked = limit - page.len();
            let marks = self.marked_above(app, after, asked).await?;
            let reads = marks.iter().map(|(id, reporter)| self.report_of(app, *reporter, *id));
            page.extend(few_at_once(reads.collect()).await?.into_iter().flatten());
            match marks.last() {
                Some((last, _)) if marks.len() == asked => after = Some(*last),
                _ => break,
            }
        }
        Ok(page)
    }
}

impl OnCql {
    async fn own(&self, app: u64, reporter: u64) -> Result<Own> {
        let found = self.cql.rows::<(Option<i64>, Option<Vec<u8>>)>(OWN, (app as i64, reporter as i64)).await?;
        let version = found.first().and_then(|(version, _)| *version);
        let ids = found.into_iter().filter_map(|(_, id)| id).map(report_id).collect::<Result<_>>()?;
        Ok(Own { version, ids })
    }

    // Takes a step on the reports of a user if they are those of this version. False: look again.
    async fn step(&self, app: u64, reporter: u64, version: Option<i64>, writes: Vec<Write>) -> Result<bool> {
        let next = version.unwrap_or(0) + 1;
        let mut batch: Vec<Write> = vec![(COUNT_ON, Box::new((next, app as i64, reporter as i64, version)))];
        batch.extend(writes);
        match self.cql.change_all(batch).await {
            Err(DbError::Unknown(_)) => Ok(false),
            outcome => Ok(outcome?),
        }
    }

    async fn report_of(&self, app: u64, reporter: u64, id: ReportId) -> Result<Option<ReportRow>> {
        let row = self.cql.row::<(Option<Vec<u8>>,)>(GET, (app as i64, reporter as i64, id.as_slice())).await?;
        let row = row.and_then(|(row,)| row);
        Ok(row.map(|row| rows::to_report(app, id, &row)).transpose()?)
    }

    async fn mark_reports(&self, app: u64, reporter: u64, ids: &[ReportId]) -> Result<()> {
        for (day, ids) in by_day(ids) {
            self.cql.write(MARK_DAY, (app as i64, day)).await?;
            let mark = |id: &ReportId| -> Write { (MARK, Box::new((app as i64, day, id.to_vec(), reporter as i64))) };
            self.cql.write_all(ids.iter().map(mark).collect()).await?;
        }
        Ok(())
    }

    // What stays is passed over.
    async fn unmark_reports(&self, app: u64, ids: &[ReportId]) {
        for (day, ids) in by_day(ids) {
            let unmark = |id: &ReportId| -> Write { (UNMARK, Box::new((app as i64, day, id.to_vec()))) };
            if let Err(error) = self.cql.write_all(ids.iter().map(unmark).collect()).await {
                tracing::debug!(app, %error, "reports stay marked");
            }
        }
    }

    // At most `limit` marks above `after`, by id.
    async fn marked_above(&self, app: u64, after: Option<ReportId>, limit: usize) -> Result<Vec<(ReportId, u64)>> {
        let mut marks = Vec::new();
        let above = after.map_or_else(Vec::new, |id| id.to_vec());
        let mut from = after.map_or(0, |id| day_of(&id));
        loop {
            let days = self.cql.rows::<(i64,)>(DAYS, (app as i64, from, DAYS_PAGE)).await?;
            for (day,) in &days {
                let most = i32::try_from(limit - marks.len()).unwrap_or(i32::MAX);
                let found = self.cql.rows::<(Vec<u8>, i64)>(MARKS, (app as i64, day, &above, most)).await?;
                for (id, reporter) in found {
                    marks.push((report_id(id)?, reporter as u64));
                }
                if marks.len() >= limit {
                    return Ok(marks);
                }
            }
            match days.last() {
                Some((last,)) if days.len() == DAYS_PAGE as usize => from = last + 1,
                _ => return Ok(marks),
            }
        }
    }

    /// Removes all reports of a user, and that there ever were some. How many.
    pub(super) async fn erase_reports_of(&self, app: u64, reporter: u64) -> Result<usize> {
        let ids: Vec<ReportId> = self.own(app, reporter).await?.ids.into_iter().collect();
        let count = self.remove_reports(app, reporter, &ids).await?.len();
        let own = self.own(app, reporter).await?;
        if let (Some(version), true) = (own.version, own.ids.is_empty()) {
            // One that is added meanwhile keeps it; the next round finds it.
            self.cql.change(FORGET_COUNT, (app as i64, reporter as i64, version)).await?;
        }
        Ok(count)
    }

    /// Removes the reports of a page of an erased app's marks, and those. How many reports, and whether to go on.
    pub(super) async fn erase_reports(&self, app: u64, page: usize) -> Result<(usize, bool)> {
        let marks = self.marked_above(app, None, page).await?;
        let mut count = 0;
        for reporter in marks.iter().map(|(_, reporter)| *reporter).collect::<BTreeSet<_>>() {
            count += self.erase_reports_of(app, reporter).await?;
        }
        let ids: Vec<ReportId> = marks.iter().map(|(id, _)| *id).collect();
        self.unmark_reports(app, &ids).await;
        if marks.is_empty() {
            for (day,) in self.cql.rows::<(i64,)>(DAYS, (app as i64, 0_i64, DAYS_PAGE)).await? {
                self.cql.write(UNMARK_DAY, (app as i64, day)).await?;
            }
        }
        Ok((count, !marks.is_empty()))
    }
}

fn day_of(id: &ReportId) -> i64 {
    let [a, b, c, d, ..] = *id;
    i64::from(u32::from_be_bytes([a, b, c, d]) / DAY_S)
}

fn by_day(ids: &[ReportId]) -> BTreeMap<i64, Vec<ReportId>> {
    let mut days: BTreeMap<i64, Vec<ReportId>> = BTreeMap::new();
    ids.iter().for_each(|id| days.entry(day_of(id)).or_default().push(*id));
    days
}

fn report_id(id: Vec<u8>) -> Result<ReportId> {
    Ok(id.try_into().map_err(|_| DbError::Corrupt("cannot read an id of reports".into()))?)
}
