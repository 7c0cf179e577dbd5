//! What is kept of the ways of messages: hops, for a day, and which apps are traced without exception. Engines lie in `hops/`, and
//! `hops/contract.rs` runs on each of them. Beside the port whoever writes what the bus tells.

mod cql;
mod embedded;
mod keeper;

#[cfg(test)]
mod contract;

use natter_db::{Db, Error};
use natter_proto::trace::v1::Hop;
use natter_proto::{DialogId, MessageId};
use natter_rpc::async_trait;

pub use cql::TABLES;

/// The engine for where rows are kept. `first_number`: above those of earlier processes of the same millisecond.
pub fn open(db: &Db, first_number: u64) -> Box<dyn Hops> {
    match db {
        Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone(), first_number)),
        Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone())),
    }
}

/// A message, as somebody asks for its hops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    Message(MessageId),
    Place(DialogId, u64),
}

/// Hops of all apps. Losing some with the machine does no harm. What is older than a day goes: it is swept, or ends by itself.
#[async_trait]
pub trait Hops: Send + Sync {
    async fn keep(&self, hops: &[Hop]) -> Result<(), Error>;
    /// Of one message, oldest first, at most `limit`.
    async fn of(&self, app: u64, about: About, limit: usize) -> Result<Vec<Hop>, Error>;
    /// Every message of an app is traced until then, unix milliseconds; 0: no more.
    async fn switch(&self, app: u64, until: i64) -> Result<(), Error>;
    /// Which apps are switched on, and until when.
    async fn switches(&self) -> Result<Vec<(u64, i64)>, Error>;
    /// Removes from a page, behind `after`, what is older than `before`, unless it ends by itself. Where to go on; nothing at the end.
    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, Error>;
    /// Forgets what there is of a user, or of an app, in a page behind `after`, unless it ends by itself within the day. How many
    /// hops went, and where to go on. The switch of an app goes at once.
    async fn erase(&self, app: u64, user: Option<u64>, after: Option<Vec<u8>>) -> Result<(usize, Option<Vec<u8>>), Error>;
}
