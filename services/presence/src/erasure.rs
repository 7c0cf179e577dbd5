//! What goes with a user or an app: contacts on both sides, privacy lists, last activity, debts. A page at a time; asked again, it
//! finds what is left.
//!
//! A user's id stays in the privacy lists of others: it names nobody any more.

use natter_proto::erasure::v1::{EraseReply, Erased};

use crate::error::Error;
use crate::service::Shared;
use crate::session::{Scope, UserKey};

/// Rows of one page: views that are looked at, or what is removed at once.
const PAGE: usize = 1_000;

/// Where an erasure goes on: with what others keep of the user, or with more of the same.
const OTHERS: u8 = 1;
const MORE: u8 = 2;

impl Shared {
    /// A page of an erasure.
    ///
    /// # Errors
    /// `SessionsLeft`: what they do would be kept behind its back.
    pub async fn erase(&self, scope: Scope, after: Vec<u8>) -> Result<EraseReply, Error> {
        // A session that is not known yet would not be found.
        self.check_known(scope.app)?;
        self.debts.ready(scope.user.map(|user| UserKey { app: scope.app, user })).await?;
        match (scope.user, after.split_first()) {
            (Some(user), Some((&OTHERS, after))) => {
                self.erase_among_others(UserKey { app: scope.app, user }, after.to_vec()).await
            }
            (Some(user), _) => self.erase_user(scope, UserKey { app: scope.app, user }).await,
            (None, _) => self.erase_app(scope).await,
        }
    }

    async fn erase_user(&self, scope: Scope, user: UserKey) -> Result<EraseReply, Error> {
        if self.directory.lock().is_reachable(user) {
            return Err(Error::SessionsLeft);
        }
        let mut contacts = 0;
        for (other, _) in self.rosters.all(user).await? {
            contacts += self.part(user, other).await?;
        }
        // The views are gone; this is the number of his list's last change.
        self.rosters.erase(scope, PAGE).await?;
        let _turn = self.list_turn(user).await;
        let lists = self.lists.erase(scope, PAGE).await?;
        self.defaults.lock().put(user, None);
        let rest = self.erase_sight(scope).await?;
        Ok(reply([vec![("contacts", contacts), ("privacy_lists", lists)], rest].concat(), vec![OTHERS]))
    }

    /// What others keep of the user though he keeps nothing of them: who only put him on a list.
    async fn erase_among_others(&self, user: UserKey, after: Vec<u8>) -> Result<EraseReply, Error> {
        let (owners, next) = self.rosters.owners(user, after, PAGE).await?;
        let mut contacts = 0;
        for owner in owners {
            contacts += self.part(user, owner).await?;
        }
        let next = if next.is_empty() { next } else { [&[OTHERS], next.as_slice()].concat() };
        Ok(reply(vec![("contacts", contacts)], next))
    }

    async fn erase_app(&self, scope: Scope) -> Result<EraseReply, Error> {
        if self.directory.lock().online(scope.app, 0, 0).0 > 0 {
            return Err(Error::SessionsLeft);
        }
        let contacts = self.rosters.erase(scope, PAGE).await?;
        let lists = self.lists.erase(scope, PAGE).await?;
        self.defaults.lock().forget(|user| !scope.holds(user));
        let erased = [vec![("contacts", contacts), ("privacy_lists", lists)], self.erase_sight(scope).await?].concat();
        let is_full = erased.iter().any(|(_, count)| *count >= PAGE);
        Ok(reply(erased, if is_full { vec![MORE] } else { Vec::new() }))
    }

    /// Who died and may come back is there until his grace is over: that is forgotten first, or it would be kept once more.
    async fn erase_sight(&self, scope: Scope) -> Result<Vec<(&'static str, usize)>, Error> {
        self.activity.lock().erase(scope);
        let debts = self.debts.erase(scope).await?;
        Ok(vec![("last_activity", self.seen.erase(scope, PAGE).await?), ("debts", debts)])
    }
}

fn reply(erased: Vec<(&'static str, usize)>, next: Vec<u8>) -> EraseReply {
    let erased = erased.into_iter().map(|(kind, count)| Erased { kind: kind.to_owned(), count: count as u64 });
    EraseReply { erased: erased.collect(), next }
}
