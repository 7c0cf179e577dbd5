//! The port of what is kept of dialogs: that they exist, who is in them, and where each member's view begins. Nothing of the
//! log: numbers, ids and unread counts are history's.

#[cfg(test)]
mod contract;
mod embedded;

use std::sync::Arc;

use natter_db::{Error, Kv};
use natter_proto::{AppId, UserId};
use natter_rpc::async_trait;

use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Key};

/// A dialog as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub facts: Facts,
    pub members: Members,
}

/// A dialog in a user's list: everything a list entry needs of a private dialog, so that listing is one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub key: Key,
    pub facts: Facts,
    /// The other one of the pair.
    pub other: UserId,
    pub member: Member,
}

/// What is kept of dialogs. Every write is durable when it is answered; after `Error::Unknown` it may have happened, and
/// whoever needs to know loads again.
#[async_trait]
pub trait DialogStore: Send + Sync {
    /// The dialog with all its members; `None` if nobody ever made it.
    async fn load(&self, key: Key) -> Result<Option<Kept>, Error>;

    /// Makes a dialog, its member rows and its entries in the lists of both, together or not at all.
    ///
    /// # Errors
    /// `Condition` if the dialog exists; nothing was written.
    async fn create(&self, key: Key, kept: &Kept) -> Result<(), Error>;

    /// Replaces the views of these members of a dialog, together or not at all. The kept form of the dialog is given so
    /// that the rows can be written without being read.
    async fn set_views(&self, key: Key, kept: &Kept, users: &[UserId]) -> Result<(), Error>;

    /// Dialogs of a user, deleted ones included, in the order of their ids, at most `max`.
    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error>;

    /// How many dialogs the user has, counted up to `max`.
    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error>;
}

/// The engine for this store.
pub fn open(db: &Kv) -> Arc<dyn DialogStore> {
    Arc::new(embedded::Embedded::new(db.clone()))
}
