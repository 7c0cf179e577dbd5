//! The port of what is set over the settings of all processes: one row.

use natter_proto::account::v1::Overrides;
use natter_rpc::async_trait;

use super::{Kept, Result};

/// The row, as it is told.
#[async_trait]
pub trait KeptOverrides: Send + Sync {
    async fn overrides(&self) -> Result<Option<Kept<Overrides>>>;
    /// Replaces `before`, none of which is none that is kept; `Changed` if that is not what is kept.
    async fn change_overrides(&self, before: Option<&Kept<Overrides>>, after: Overrides) -> Result<Kept<Overrides>>;
}
