//! All that is kept of an app goes, a page at a time. Nobody gets into the app any more, so what is in memory of its dialogs is asked
//! by nobody, and makes room when others need it.

use natter_db::KeyRange;
use natter_proto::AppId;

use super::Engine;
use super::keys::{CHANGES, HEADS, MEMBER_STATE, MESSAGE_IDS, MESSAGES};
use crate::error::Error;

impl Engine {
    /// A page of each table. How many messages went, and how many rows of the table that had most.
    pub(super) async fn erase(&self, app: AppId, max: usize) -> Result<(usize, usize), Error> {
        let clear = |table| self.reader.kv.clear(table, KeyRange::prefix(app.0.to_be_bytes()), max);
        let messages = clear(MESSAGES).await?;
        let mut most = messages;
        for table in [MESSAGE_IDS, HEADS, MEMBER_STATE, CHANGES] {
            most = most.max(clear(table).await?);
        }
        Ok((messages, most))
    }
}
