//! The port of the offline queue: private messages outside the log, and system messages, kept until a session of the user has
//! proved to have them (contract xmpp 3.9). What is in the log is not kept here again.

use natter_proto::event::v1::Frame;
use natter_proto::history::v1::KeptRow;
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;

use crate::error::Error;

#[cfg(test)]
mod contract;
pub(crate) mod cql;
pub(crate) mod embedded;

/// One queue per user, oldest first. Places are dense from 1 and each is given once, also when the queue was empty meanwhile; a
/// write that failed may leave a place unused.
#[async_trait]
pub trait OfflineQueue: Send + Sync + 'static {
    /// Keeps frames, all or none; of a full queue the oldest go. Answers the place of the first once they are durable. `now` in
    /// unix milliseconds.
    async fn keep(&self, app: AppId, user: UserId, frames: Vec<Frame>, now: i64) -> Result<u64, Error>;

    /// The oldest frames with a place above `above` that are not too old, up to a size. `now` in unix milliseconds.
    async fn kept(&self, app: AppId, user: UserId, above: u64, now: i64) -> Result<Kept, Error>;

    /// Forgets all frames up to this place. Idempotent.
    async fn drop_upto(&self, app: AppId, user: UserId, upto: u64) -> Result<(), Error>;

    /// Forgets a page of the queues of users who are no more, of one or of a whole app. How many frames went; fewer than `max`:
    /// nothing is left.
    async fn erase(&self, app: AppId, user: Option<UserId>, max: usize) -> Result<usize, Error>;
}

/// What lies in a queue.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Kept {
    pub rows: Vec<KeptRow>,
    /// There are others above the last.
    pub more: bool,
    /// Newest place that was stored.
    pub upto: u64,
}
