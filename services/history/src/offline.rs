//! The port of the offline queue: private messages outside the log, and system messages, kept for a user without a session
//! (contract xmpp 3.9). What is in the log is not kept here again.

use natter_proto::event::v1::Frame;
use natter_proto::history::v1::KeptRow;
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;

use crate::error::Error;

pub(crate) mod embedded;

/// One queue per user, oldest first. A place is given once, also when the queue was empty meanwhile.
#[async_trait]
pub trait OfflineQueue: Send + Sync + 'static {
    /// Keeps a frame; of a full queue the oldest goes. Answers its place once it is durable. `now` in unix milliseconds.
    async fn keep(&self, app: AppId, user: UserId, frame: Frame, now: i64) -> Result<u64, Error>;

    /// The oldest frames that are not too old, up to a size, and whether there are more. `now` in unix milliseconds.
    async fn kept(&self, app: AppId, user: UserId, now: i64) -> Result<(Vec<KeptRow>, bool), Error>;

    /// Forgets all frames up to this place. Idempotent.
    async fn drop_upto(&self, app: AppId, user: UserId, upto: u64) -> Result<(), Error>;
}
