//! The port of reports. Its engines and its contract lie beside those of the other nouns.

use natter_rpc::async_trait;

use super::Result;

/// Id of a report: 4 bytes of unix seconds, 8 of chance.
pub type ReportId = [u8; 12];

/// A report as kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReportRow {
    pub app: u64,
    pub id: ReportId,
    /// Of `natter.account.v1.ReportKind`.
    pub kind: i32,
    pub reporter: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    pub updated_at: i64,
    /// A JSON object.
    pub fields: String,
    /// Of `natter.account.v1.ReportVerdict`; 0: it is open.
    pub verdict: i32,
    /// Who closed it, and when, unix milliseconds.
    pub closed_by: String,
    pub closed_at: i64,
}

/// Reports of apps, and of each the list of its user's own.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Adds reports of one user. Whether he had so many already that these would be more than `most`: then nothing is written.
    async fn add_reports(&self, rows: Vec<ReportRow>, most: usize) -> Result<bool>;
    /// All of a user, by id.
    async fn reports_of(&self, app: u64, reporter: u64) -> Result<Vec<ReportRow>>;
    /// Replaces `before`; `Changed` if that is not what is kept.
    async fn change_report(&self, before: &ReportRow, after: ReportRow) -> Result<()>;
    /// Removes those of `ids` that are the user's; they are answered.
    async fn remove_reports(&self, app: u64, reporter: u64, ids: &[ReportId]) -> Result<Vec<ReportId>>;
    /// One of an app.
    async fn report(&self, app: u64, id: ReportId) -> Result<Option<ReportRow>>;
    /// At most `limit` reports of an app above `after`, by id.
    async fn report_page(&self, app: u64, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportRow>>;
}
