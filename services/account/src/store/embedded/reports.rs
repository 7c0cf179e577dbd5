//! Reports: a row each under app and id, and one per user with the ids of his own, which bounds them and finds them.

use std::collections::BTreeSet;

use natter_db::{Batch, Error as DbError, KeyRange};
use natter_rpc::async_trait;

use super::{Embedded, REPORTS, REPORTS_OF_USER, TRIES, corrupt, pair};
use crate::store::rows::{of_report, to_report};
use crate::store::{Error, ReportId, ReportRow, Reports, Result};

/// A user's ids, ascending.
type Own = BTreeSet<ReportId>;

#[async_trait]
impl Reports for Embedded {
    async fn add_reports(&self, rows: Vec<ReportRow>, most: usize) -> Result<bool> {
        let Some(ReportRow { app, reporter, .. }) = rows.first().cloned() else { return Ok(true) };
        for _ in 0..TRIES {
            let (mut own, mut batch) = self.own(app, reporter).await?;
            if own.len() + rows.len() > most {
                return Ok(false);
            }
            for row in &rows {
                own.insert(row.id);
                batch.require_absent(REPORTS, key(app, &row.id));
                batch.put(REPORTS, key(app, &row.id), of_report(row));
            }
            put_own(&mut batch, app, reporter, &own);
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome.map(|()| true)?),
            }
        }
        Err(Error::Changed)
    }

    async fn reports_of(&self, app: u64, reporter: u64) -> Result<Vec<ReportRow>> {
        let (own, _) = self.own(app, reporter).await?;
        let found = self.kv.multi_get(REPORTS, own.iter().map(|id| key(app, id)).collect()).await?;
        // One that was taken back between the two reads is not there any more.
        let there = own.into_iter().zip(found).filter_map(|(id, row)| Some((id, row?)));
        there.map(|(id, row)| Ok(to_report(app, id, &row)?)).collect()
    }

    async fn change_report(&self, before: &ReportRow, after: ReportRow) -> Result<()> {
        let mut batch = Batch::new();
        batch.require_equal(REPORTS, key(before.app, &before.id), of_report(before));
        batch.put(REPORTS, key(before.app, &before.id), of_report(&after));
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(Error::Changed),
            outcome => Ok(outcome?),
        }
    }

    async fn remove_reports(&self, app: u64, reporter: u64, ids: &[ReportId]) -> Result<Vec<ReportId>> {
        for _ in 0..TRIES {
            let (mut own, mut batch) = self.own(app, reporter).await?;
            let removed: Vec<ReportId> = ids.iter().copied().filter(|id| own.remove(id)).collect();
            if removed.is_empty() {
                return Ok(removed);
            }
            removed.iter().for_each(|id| batch.delete(REPORTS, key(app, id)));
            put_own(&mut batch, app, reporter, &own);
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome.map(|()| removed)?),
            }
        }
        Err(Error::Changed)
    }

    async fn report(&self, app: u64, id: ReportId) -> Result<Option<ReportRow>> {
        let row = self.kv.get(REPORTS, &key(app, &id)).await?;
        Ok(row.map(|row| to_report(app, id, &row)).transpose()?)
    }

    async fn report_page(&self, app: u64, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportRow>> {
        // A key and a zero is the first one behind it.
        let from = after.map_or_else(|| app.to_be_bytes().to_vec(), |id| [key(app, &id).as_slice(), &[0]].concat());
        let rows = self.kv.scan(REPORTS, KeyRange::between(from, app.saturating_add(1).to_be_bytes()), limit).await?;
        let read = |(key, row): (bytes::Bytes, bytes::Bytes)| {
            let id = key.get(8..).and_then(|id| id.try_into().ok()).ok_or_else(|| corrupt(REPORTS))?;
            Ok(to_report(app, id, &row)?)
        };
        rows.into_iter().map(read).collect()
    }
}

impl Embedded {
    /// A user's ids, and a batch that holds only as long as these are they.
    async fn own(&self, app: u64, reporter: u64) -> Result<(Own, Batch)> {
        let key = pair(app, reporter);
        let row = self.kv.get(REPORTS_OF_USER, &key).await?;
        let mut batch = Batch::new();
        match &row {
            Some(row) => batch.require_equal(REPORTS_OF_USER, key, row.clone()),
            None => batch.require_absent(REPORTS_OF_USER, key),
        }
        let (ids, rest) = row.as_deref().unwrap_or_default().as_chunks::<12>();
        if rest.is_empty() { Ok((ids.iter().copied().collect(), batch)) } else { Err(corrupt(REPORTS_OF_USER).into()) }
    }
}

fn put_own(batch: &mut Batch, app: u64, reporter: u64, own: &Own) {
    match own.is_empty() {
        true => batch.delete(REPORTS_OF_USER, pair(app, reporter)),
        false => batch.put(REPORTS_OF_USER, pair(app, reporter), own.iter().flatten().copied().collect::<Vec<u8>>()),
    }
}

fn key(app: u64, id: &ReportId) -> Vec<u8> {
    [app.to_be_bytes().as_slice(), id].concat()
}
