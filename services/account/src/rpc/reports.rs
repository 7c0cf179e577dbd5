//! The door for links about reports.

use natter_proto::account::v1::reports_server::Reports as Door;
use natter_proto::account::v1::*;
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::service::Service;

#[async_trait]
impl Door for Service {
    async fn file(&self, request: Request<FileReportsRequest>) -> Reply<ReportList> {
        Ok(Response::new(self.accounts.file_reports(request.into_inner()).await?))
    }

    async fn list_own(&self, request: Request<ListOwnReportsRequest>) -> Reply<ReportList> {
        Ok(Response::new(self.accounts.own_reports(request.into_inner()).await?))
    }

    async fn amend(&self, request: Request<AmendReportRequest>) -> Reply<Report> {
        Ok(Response::new(self.accounts.amend_report(request.into_inner()).await?))
    }

    async fn withdraw(&self, request: Request<WithdrawReportsRequest>) -> Reply<WithdrawReportsReply> {
        Ok(Response::new(self.accounts.withdraw_reports(request.into_inner()).await?))
    }

    async fn list(&self, request: Request<ListReportsRequest>) -> Reply<ReportList> {
        Ok(Response::new(self.accounts.list_reports(request.into_inner()).await?))
    }

    async fn find(&self, request: Request<FindReportRequest>) -> Reply<Report> {
        Ok(Response::new(self.accounts.find_report(request.into_inner()).await?))
    }

    async fn close(&self, request: Request<CloseReportRequest>) -> Reply<Report> {
        Ok(Response::new(self.accounts.close_report(request.into_inner()).await?))
    }
}
