//! The port of reactions: which users reacted to a row, and with what (contract rest 5.7). Whether the row is there is not
//! asked of an engine: see `queries`.

use natter_proto::AppId;
use natter_proto::history::v1::Reactions;
use natter_rpc::async_trait;

use crate::error::Error;
use crate::log::DialogKey;
use crate::ranges::Ranges;

#[cfg(test)]
mod contract;
pub(crate) mod cql;
pub(crate) mod embedded;
pub(crate) mod row;

pub use row::Reacted;

/// The reactions to all rows. Every write is answered when it is durable; whoever is dropped while it runs does not stop it.
#[async_trait]
pub trait ReactionStore: Send + Sync + 'static {
    /// Adds and removes what a user reacted with. Answers whether that changed anything.
    ///
    /// Fails with [`Error::Invalid`] and [`Error::Full`] as [`row::react`] does, then nothing was changed.
    async fn react(&self, key: DialogKey, seq: u64, reacted: Reacted) -> Result<bool, Error>;

    /// Reactions to the rows at these places, ascending; of rows that have any, up to a size. The second value is whether
    /// rows were left out because of it: ask again above the last.
    async fn of(&self, key: DialogKey, places: Ranges) -> Result<(Vec<Reactions>, bool), Error>;

    /// Removes the reactions of an app, at most `max` rows. How many; fewer: nothing is left.
    async fn erase_app(&self, app: AppId, max: usize) -> Result<usize, Error>;

    /// Takes away what a user reacted with, from the next `max` rows of his app behind `after` (opaque, empty: the first). How many
    /// rows changed, and where to go on, empty at the end.
    async fn erase_user(&self, app: AppId, user: u64, after: &[u8], max: usize) -> Result<(usize, Vec<u8>), Error>;
}
