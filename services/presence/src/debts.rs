//! The port of what is kept of sessions: records while they live, debts when they have died.

mod embedded;
mod in_redis;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod handover;

use std::sync::Arc;

use futures::future::BoxFuture;
use natter_actor::Clock;
use natter_db::{Error, Lossy};
use natter_proto::AppId;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};

use crate::debt::{Limits, Standing};
use crate::metrics::Meters;
use crate::session::{Scope, SessionKey, UserKey};

/// Resolves when the change is kept: it then survives the process.
pub(crate) type Stored = BoxFuture<'static, Result<(), Error>>;

/// Records and debts. Every verb takes effect when it is called, in the order of the calls, whether or not its future is
/// awaited. Before the first verb, [`ready`](Debts::ready) has to be `Ok` once.
pub(crate) trait Debts: Send + Sync {
    /// Finds what an earlier process left of this user, or of nobody in particular; each of its records is a debt that is valid from
    /// now. Cheap when it was done.
    ///
    /// # Errors
    /// The store cannot be read. It may be asked again.
    fn ready(&self, user: Option<UserKey>) -> BoxFuture<'_, Result<(), Error>>;

    /// Replaces the record of a live session.
    fn keep(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored;

    /// The session lives, though its record was found as a debt: its record from here on. A session that took that debt has taken
    /// nothing.
    fn revive(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored;

    /// The session ended with a goodbye: its record and what it took are gone.
    fn close(&self, user: UserKey, session: &SessionKey) -> Stored;

    /// The session died: its record and what it took are owed, as one debt.
    fn vanish(&self, user: UserKey, session: &SessionKey) -> Stored;

    /// Gives the oldest valid debt of this client to the session `by`, and to no other until it comes back. Asked again by
    /// the same session, the same debt.
    fn take(
        &self,
        user: UserKey,
        by: &SessionKey,
        client: &Fingerprint,
    ) -> BoxFuture<'static, Result<Option<SessionRecord>, Error>>;

    /// What `by` took is gone (`settled`), or comes back.
    fn settle(&self, user: UserKey, by: &SessionKey, settled: bool) -> Stored;

    /// What a live session has proved of a dialog.
    fn standing(&self, user: UserKey, session: &SessionKey, dialog: &[u8]) -> Standing;

    /// Whether a session that lives, as far as is known, has this client.
    fn is_of(&self, user: UserKey, session: &SessionKey, client: &Fingerprint) -> bool;

    /// Whether the client of a live session can prove nothing; `None`: nothing is kept of it yet.
    fn is_unproving(&self, user: UserKey, session: &SessionKey) -> Option<bool>;

    /// Removes the debts whose time is over.
    fn expire(&self) -> Stored;

    /// Another process has these apps: what is kept of them is its to find.
    fn forget(&self, is_lost: &dyn Fn(AppId) -> bool);

    /// Forgets all records and debts. How many, when that is durable.
    fn erase(&self, scope: Scope) -> BoxFuture<'static, Result<usize, Error>>;
}

/// The engine for where they are kept.
pub(crate) fn open(lossy: &Lossy, clock: Clock, limits: Limits, meters: Meters) -> Arc<dyn Debts> {
    match lossy {
        Lossy::Kv(kv) => Arc::new(embedded::Embedded::new(kv.clone(), clock, limits, meters)),
        Lossy::Redis(redis) => Arc::new(in_redis::InRedis::new(redis.clone(), clock, limits, meters)),
    }
}
