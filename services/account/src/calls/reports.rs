//! Calls about reports.

use std::time::Duration;

use natter_proto::MessageId;
use natter_proto::account::v1::*;
use natter_proto::event::v1::{Posted, PostedNews};
use natter_proto::push::v1::WebhookEvent;
use prost::Message as _;

use crate::error::Error;
use crate::report::{self, FILED_MAX};
use crate::service::Accounts;
use crate::store::{self, ReportId, ReportRow};

/// How often a change is tried that meets another writer of the same report.
const TRIES: usize = 8;
/// Reports that are read at once for a page.
const PAGE: usize = 1_000;
/// How long the durable log may take.
const LOG_WAIT: Duration = Duration::from_secs(1);

impl Accounts {
    /// Files reports of one user, all or none.
    pub async fn file_reports(&self, request: FileReportsRequest) -> Result<ReportList, Error> {
        let FileReportsRequest { app, user, kind, fields } = request;
        if fields.len() > FILED_MAX {
            return Err(Error::ReportsAtOnce(FILED_MAX));
        }
        self.user_of_report(app, user).await?;
        let now = self.clock.now_ms();
        let row = |fields: &String| -> Result<ReportRow, Error> {
            let id = MessageId::from_random(self.clock.now_s(), self.chance.bytes()).0;
            let fields = report::accept(fields)?;
            Ok(ReportRow { app, id, kind, reporter: user, created_at: now, updated_at: now, fields, ..ReportRow::default() })
        };
        let rows = fields.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let most = self.options.reports_of_user_max;
        if !self.store.reports.add_reports(rows.clone(), most).await? {
            return Err(Error::ReportsTooMany(most));
        }
        self.metrics.reports_filed.inc_by(rows.len() as u64);
        self.tell_of_reports(&rows).await;
        Ok(list(rows))
    }

    /// For webhooks, where the app wants it: that there are reports, not what they say. What the log does not take is not told: the
    /// reports are there all the same.
    async fn tell_of_reports(&self, rows: &[ReportRow]) {
        let event = WebhookEvent::ReportFiled as u32;
        let (Some(first), Some(posted)) = (rows.first(), self.posted.get()) else { return };
        if !posted.wants(first.app, event) {
            return;
        }
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let news = |row: &ReportRow| {
            let detail = format!("{{\"report_id\":\"{}\",\"kind\":{}}}", hex(&row.id), row.kind);
            PostedNews { event, user: row.reporter, at: row.created_at, detail }
        };
        let value = Posted { news: rows.iter().map(news).collect(), ..Posted::default() }.encode_to_vec();
        posted.tell_within(LOG_WAIT, first.app, &format!("report-{}", hex(&first.id)), value).await;
    }

    /// A user's own of a kind, oldest first.
    pub async fn own_reports(&self, request: ListOwnReportsRequest) -> Result<ReportList, Error> {
        let ListOwnReportsRequest { app, user, kind } = request;
        Ok(list(self.store.reports.reports_of(app, user).await?.into_iter().filter(|row| row.kind == kind)))
    }

    /// Changes fields of a report of the user.
    pub async fn amend_report(&self, request: AmendReportRequest) -> Result<Report, Error> {
        let AmendReportRequest { app, user, kind, id, fields } = request;
        for _ in 0..TRIES {
            let own = self.store.reports.reports_of(app, user).await?;
            let before = own.into_iter().find(|row| row.id == id[..] && row.kind == kind).ok_or(Error::ReportUnknown)?;
            let fields = report::amend(&before.fields, &fields)?;
            let after = ReportRow { fields, updated_at: self.clock.now_ms(), ..before.clone() };
            match self.store.reports.change_report(&before, after.clone()).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome.map(|()| to_proto(after))?),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Takes reports of the user back.
    pub async fn withdraw_reports(&self, request: WithdrawReportsRequest) -> Result<WithdrawReportsReply, Error> {
        let WithdrawReportsRequest { app, user, kind, ids } = request;
        let own = self.store.reports.reports_of(app, user).await?;
        let is_own = |id: &Vec<u8>| own.iter().find(|row| row.id == id[..] && row.kind == kind).map(|row| row.id);
        let ids: Vec<ReportId> = ids.iter().filter_map(is_own).collect();
        let withdrawn = self.store.reports.remove_reports(app, user, &ids).await?;
        Ok(WithdrawReportsReply { withdrawn: withdrawn.into_iter().map(Vec::from).collect() })
    }

    /// A page of an app's, oldest first.
    pub async fn list_reports(&self, request: ListReportsRequest) -> Result<ReportList, Error> {
        let state = request.state();
        let ListReportsRequest { app, kind, after, limit, .. } = request;
        let limit = (limit as usize).min(PAGE);
        let mut after = match after.as_slice() {
            [] => None,
            id => Some(id.try_into().map_err(|_| Error::ReportUnknown)?),
        };
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.store.reports.report_page(app, after, PAGE).await?;
            let (all, last) = (page.len(), page.last().map(|row| row.id));
            let is_meant = |row: &ReportRow| match state {
                ReportState::Unspecified => true,
                ReportState::Open => row.verdict == 0,
                ReportState::Closed => row.verdict != 0,
            };
            let wanted = page.into_iter().filter(|row| (kind == 0 || row.kind == kind) && is_meant(row));
            found.extend(wanted.take(limit - found.len()));
            if all < PAGE {
                break;
            }
            after = last;
        }
        Ok(list(found))
    }

    /// One of an app's.
    pub async fn find_report(&self, request: FindReportRequest) -> Result<Report, Error> {
        let FindReportRequest { app, id } = request;
        let id = id.try_into().map_err(|_| Error::ReportUnknown)?;
        self.store.reports.report(app, id).await?.map(to_proto).ok_or(Error::ReportUnknown)
    }

    /// Closes one of an app's. Whoever closed it first with the same verdict stays named.
    pub async fn close_report(&self, request: CloseReportRequest) -> Result<Report, Error> {
        let verdict = request.verdict();
        let CloseReportRequest { app, id, operator, .. } = request;
        let id = id.try_into().map_err(|_| Error::ReportUnknown)?;
        for _ in 0..TRIES {
            let before = self.store.reports.report(app, id).await?.ok_or(Error::ReportUnknown)?;
            if let Some(closed) = report::close(&before, verdict)? {
                let after = ReportRow { closed_by: operator.clone(), closed_at: self.clock.now_ms(), ..closed };
                match self.store.reports.change_report(&before, after.clone()).await {
                    Err(store::Error::Changed) => continue,
                    outcome => outcome?,
                }
                return Ok(to_proto(after));
            }
            return Ok(to_proto(before));
        }
        Err(store::Error::Changed.into())
    }

    // A token may outlive its user for a moment.
    async fn user_of_report(&self, app: u64, user: u64) -> Result<(), Error> {
        self.user(app, user).await?.map(|_| ()).ok_or(Error::UserUnknown)
    }
}

fn list(rows: impl IntoIterator<Item = ReportRow>) -> ReportList {
    ReportList { reports: rows.into_iter().map(to_proto).collect() }
}

fn to_proto(row: ReportRow) -> Report {
    let ReportRow { app, id, kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at } = row;
    Report { id: id.to_vec(), app, kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at }
}
