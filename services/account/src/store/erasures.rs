//! The port of erasures: how far each is, until 30 days after its end.

use natter_proto::erasure::v1::Erased;
use natter_rpc::async_trait;

use super::Result;
use crate::erasure::ErasureRow;

/// Erasures, one per user, and with user 0 one per app. They begin in the step that deletes the user or the app, nowhere else.
#[async_trait]
pub trait Erasures: Send + Sync {
    async fn erasure(&self, app: u64, user: u64) -> Result<Option<ErasureRow>>;
    /// At most `limit` erasures that go on, by app and user.
    async fn pending_erasures(&self, limit: usize) -> Result<Vec<ErasureRow>>;
    /// Keeps how far an erasure is. Who walks it is alone.
    async fn put_erasure(&self, row: &ErasureRow) -> Result<()>;
    /// Forgets those among a page behind `after` that ended before `before`. Answers where to go on; `None` at the end, and of an engine
    /// that lets them go by itself.
    async fn forget_erasures(&self, after: Option<(u64, u64)>, before: i64, limit: usize) -> Result<Option<(u64, u64)>>;

    /// Removes a page of the rows that accounts keep of a deleted user beside his own, or of an app (user 0) all but its own.
    /// `after`: where to go on. The second value is that place, empty at the end.
    async fn erase_rows(&self, app: u64, user: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)>;
}
