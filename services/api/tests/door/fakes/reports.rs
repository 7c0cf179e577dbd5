//! The reports of the account service: what is filed is there, with ids 1, 2, 3.

use natter_proto::account::v1::reports_server::Reports;
use natter_proto::account::v1::*;

use super::*;

impl World {
    fn own(&self, app: u64, user: u64, kind: i32) -> Vec<Report> {
        let reports = self.reports.lock();
        reports.iter().filter(|report| (report.app, report.reporter, report.kind) == (app, user, kind)).cloned().collect()
    }
}

#[async_trait]
impl Reports for Fake {
    async fn file(&self, request: Request<FileReportsRequest>) -> Reply<ReportList> {
        let FileReportsRequest { app, user, kind, fields } = request.into_inner();
        let mut reports = self.0.reports.lock();
        let filed = fields.into_iter().zip(reports.len() as u8 + 1..).map(|(fields, n)| {
            let id = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n];
            Report { id, app, kind, reporter: user, created_at: AT, updated_at: AT, fields, ..Report::default() }
        });
        let filed: Vec<Report> = filed.collect();
        reports.extend(filed.clone());
        ok(ReportList { reports: filed })
    }

    async fn list_own(&self, request: Request<ListOwnReportsRequest>) -> Reply<ReportList> {
        let ListOwnReportsRequest { app, user, kind } = request.into_inner();
        ok(ReportList { reports: self.0.own(app, user, kind) })
    }

    async fn amend(&self, request: Request<AmendReportRequest>) -> Reply<Report> {
        let AmendReportRequest { app, user, kind, id, fields } = request.into_inner();
        match self.0.own(app, user, kind).into_iter().find(|report| report.id == id) {
            Some(report) => ok(Report { fields, updated_at: AT + 5_000, ..report }),
            None => fails(Code::NotFound),
        }
    }

    async fn withdraw(&self, request: Request<WithdrawReportsRequest>) -> Reply<WithdrawReportsReply> {
        let WithdrawReportsRequest { app, user, kind, ids } = request.into_inner();
        let own = self.0.own(app, user, kind);
        let withdrawn: Vec<Vec<u8>> = ids.into_iter().filter(|id| own.iter().any(|report| report.id == *id)).collect();
        self.0.reports.lock().retain(|report| !withdrawn.contains(&report.id));
        ok(WithdrawReportsReply { withdrawn })
    }

    never! {
        list: ListReportsRequest => ReportList,
        find: FindReportRequest => Report,
        close: CloseReportRequest => Report,
    }
}
