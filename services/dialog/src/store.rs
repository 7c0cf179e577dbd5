//! The port of what is kept of dialogs: that they exist, who is in them, and where each member's view begins. Nothing of the
//! log: numbers, ids and unread counts are history's.

mod cache;
#[cfg(test)]
mod contract;
mod cql;
mod embedded;
mod rows;

use std::sync::Arc;

use natter_db::{Db, Error};
use natter_proto::{AppId, DialogId, UserId};
use natter_rpc::async_trait;

use crate::dialog::group::Profile;
use crate::dialog::members::Member;
use crate::dialog::{Facts, Kept, Key, Kind};
pub use cql::TABLES;

/// A dialog in a user's list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub key: Key,
    pub facts: Facts,
    /// Empty in a private dialog, also in a frozen one.
    pub profile: Arc<Profile>,
    /// Ascending.
    pub members: Arc<[UserId]>,
    /// The user's own view.
    pub member: Member,
}

/// A change of a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The dialog as it is afterwards, so that rows can be written without being read.
    pub kept: &'a Kept,
    /// Users who are members since this.
    pub added: &'a [UserId],
    /// Members whose view is different.
    pub views: &'a [UserId],
    /// Users who are members no more.
    pub removed: &'a [UserId],
    /// The dialog itself is gone.
    pub gone: bool,
}

/// What is kept of dialogs. Every write is durable when it is answered; after `Error::Unknown` it may have happened, and
/// whoever needs to know loads again.
///
/// Two processes may believe in one dialog. So whoever loads it gets its version, which is another one after every change: what is
/// decided on an older one is not written.
#[async_trait]
pub trait DialogStore: Send + Sync {
    /// The dialog with all its members, and its version; `None` if nobody ever made it, or it is gone.
    async fn load(&self, key: Key) -> Result<Option<(Kept, u64)>, Error>;

    /// Makes a dialog, its member rows and its entries in the lists of all members, together or not at all. Its version.
    ///
    /// # Errors
    /// `Condition` if the dialog exists; nothing was written.
    async fn create(&self, key: Key, kept: &Kept) -> Result<u64, Error>;

    /// Changes a dialog and the rows of some members, together or not at all. Its version afterwards.
    ///
    /// # Errors
    /// `Condition` if somebody else changed it since it had this version; nothing was written.
    async fn write(&self, key: Key, version: u64, write: Write<'_>) -> Result<u64, Error>;

    /// Dialogs of a user, deleted ones and those that everybody lists (type 1) included, in the order of their ids, at most `max`
    /// of either.
    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error>;

    /// Which dialogs the user is a member of, and of which kind, deleted ones included, in the order of their ids, at most `max`.
    async fn memberships(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<(DialogId, Kind)>, Error>;

    /// Views of members who entered public dialogs, and maybe others that are not the usual one, of all apps, in an order of the
    /// engine's own: at most `max` behind `after`. Fewer: there are no more.
    async fn views(&self, after: Option<(Key, UserId)>, max: usize) -> Result<Vec<(Key, UserId, Member)>, Error>;

    /// At most `max` dialogs of an app behind `after`, in an order of the engine's own. Fewer: there are no more.
    async fn of_app(&self, app: AppId, after: Option<DialogId>, max: usize) -> Result<Vec<DialogId>, Error>;

    /// How many dialogs the user is a member of, counted up to `max`.
    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error>;

    /// Removes dialogs, members, and entries of lists of an app that nobody gets into any more, at most `max` of each. How many
    /// of the kind of which there were most; fewer than `max`: nothing is left.
    async fn erase(&self, app: AppId, max: usize) -> Result<usize, Error>;
}

/// The engine for where rows are kept.
pub fn open(db: &Db) -> Arc<dyn DialogStore> {
    match db {
        Db::Kv(kv) => Arc::new(embedded::Embedded::new(kv.clone())),
        Db::Cql(cql) => Arc::new(cql::OnCql::new(cql.clone())),
    }
}
