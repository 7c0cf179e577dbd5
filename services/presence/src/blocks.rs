//! Privacy lists at work: each change of a user's lists one after another, kept before it holds and held before it is answered;
//! whether something passes between two users; and who of his contacts loses sight of whom when his list changes.
//!
//! Default lists are judged from memory. They are read when a user's first session comes, before frames reach it, or when
//! somebody who is not there is asked about.

use std::sync::Arc;

use natter_proto::presence::v1::{Passage, PrivacyItem, Verdict};
use natter_proto::{AppId, UserId};
use tokio::sync::MutexGuard;

use crate::error::Error;
use crate::lists::Names;
use crate::privacy::{self, Limits, List, Passing};
use crate::service::Shared;
use crate::session::UserKey;

/// Nothing about the lists of a user changes while it is held.
pub(crate) type Turn<'a> = MutexGuard<'a, ()>;

impl Shared {
    // === the lists of a user ===

    pub async fn privacy_lists(&self, owner: UserKey) -> Result<Names, Error> {
        let _turn = self.list_turn(owner).await;
        Ok(self.lists.names(owner).await?)
    }

    pub async fn privacy_list(&self, owner: UserKey, name: String) -> Result<List, Error> {
        self.lists.get(owner, name).await?.ok_or(Error::NoList)
    }

    /// Replaces a list; without items it is deleted, and is the default no more if it was.
    pub async fn set_privacy_list(&self, owner: UserKey, name: String, items: Vec<PrivacyItem>) -> Result<(), Error> {
        let limits = Limits { items: self.options.privacy_items_per_list_max, name_bytes: self.options.privacy_name_bytes_max };
        let list = List::of(&name, items, limits).map_err(|error| Error::of_list(error, limits))?;
        let _turn = self.list_turn(owner).await;
        let Names { all, default } = self.lists.names(owner).await?;
        let is_there = all.contains(&name);
        if list.is_empty() && !is_there {
            return Err(Error::NoList);
        }
        let max = self.options.privacy_lists_per_user_max;
        if !is_there && all.len() >= max {
            return Err(Error::TooManyLists { max });
        }
        let is_default = default.as_ref() == Some(&name);
        let written = match list.is_empty() {
            true => self.lists.delete(owner, name).await,
            false => self.lists.put(owner, name, list.clone()).await,
        };
        match is_default {
            true => self.decides(owner, written, Some(list).filter(|list| !list.is_empty())).await,
            false => Ok(written?),
        }
    }

    /// The list that decides from now on, or none.
    pub async fn set_default_list(&self, owner: UserKey, name: Option<String>) -> Result<(), Error> {
        let _turn = self.list_turn(owner).await;
        let list = match &name {
            Some(name) => Some(self.lists.get(owner, name.clone()).await?.ok_or(Error::NoList)?),
            None => None,
        };
        let written = self.lists.set_default(owner, name).await;
        self.decides(owner, written, list).await
    }

    /// What was written decides; if that failed, what the store has. The owner's turn is held.
    async fn decides(&self, owner: UserKey, written: Result<(), natter_db::Error>, list: Option<List>) -> Result<(), Error> {
        let list = match &written {
            Ok(()) => list,
            Err(_) => self.lists.default(owner).await?,
        };
        let before = self.defaults.lock().get(owner).flatten();
        let after = list.map(Arc::new);
        self.remember(owner, after.clone());
        self.tell_sight(owner, before.as_deref(), after.as_deref()).await;
        Ok(written?)
    }

    /// Contacts who saw a user and may not any more are told that he is gone, and the other way round.
    async fn tell_sight(&self, owner: UserKey, before: Option<&List>, after: Option<&List>) {
        // A list of contacts that cannot be read keeps no block off.
        let Ok(rows) = self.rosters.all(owner).await else { return };
        for (of, row) in rows {
            let other = UserKey { user: of, ..owner };
            let theirs = self.defaults.lock().get(other).flatten();
            let theirs = (of, theirs.as_deref());
            let shows = |own| privacy::judge((owner.user, own), theirs, Passing::Presence);
            let sees = |own| privacy::judge(theirs, (owner.user, own), Passing::Presence);
            if row.from && shows(before) != shows(after) {
                self.tell_all_sessions(owner, other, shows(after) == Verdict::Passes);
            }
            if row.to && sees(before) != sees(after) {
                self.tell_all_sessions(other, owner, sees(after) == Verdict::Passes);
            }
        }
    }

    // === judging ===

    pub async fn judge_all(&self, app: AppId, passages: Vec<Passage>) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::with_capacity(passages.len());
        for Passage { from, to, in_group } in passages {
            let passing = if in_group { Passing::InGroup } else { Passing::Message };
            verdicts.push(self.judge(app, UserId(from), UserId(to), passing).await?);
        }
        Ok(verdicts)
    }

    /// Refuses what does not pass.
    pub async fn check_passes(&self, from: UserKey, to: UserKey, passing: Passing) -> Result<(), Error> {
        match self.judge(from.app, from.user, to.user, passing).await? {
            Verdict::Blocked => Err(Error::Blocked),
            Verdict::Blocking => Err(Error::Blocking),
            Verdict::Passes | Verdict::Unspecified => Ok(()),
        }
    }

    async fn judge(&self, app: AppId, from: UserId, to: UserId, passing: Passing) -> Result<Verdict, Error> {
        let of_sender = self.default_list(UserKey { app, user: from }).await?;
        let of_recipient = self.default_list(UserKey { app, user: to }).await?;
        Ok(privacy::judge((from, of_sender.as_deref()), (to, of_recipient.as_deref()), passing))
    }

    /// Whether a user who is there, or just was, may be seen by another who is. Both lists are known then.
    pub fn shows(&self, of: UserKey, to: UserId) -> bool {
        self.defaults.lock().judge(of.app, of.user, to, Passing::Presence) == Verdict::Passes
    }

    /// Whether a user may hear of another's comings and goings without being his contact.
    pub fn may_watch(&self, watcher: UserId, of: UserKey) -> bool {
        self.shows(of, watcher) && self.defaults.lock().judge(of.app, watcher, of.user, Passing::Iq) == Verdict::Passes
    }

    // === memory ===

    pub async fn list_turn(&self, owner: UserKey) -> Turn<'_> {
        self.list_turns.of(owner, owner.user).lock().await
    }

    pub async fn default_list(&self, user: UserKey) -> Result<Option<Arc<List>>, Error> {
        if let Some(known) = self.defaults.lock().get(user) {
            return Ok(known);
        }
        let _turn = self.list_turn(user).await;
        self.read_default_list(user).await
    }

    /// The default list, from the store if it is not known. The user's turn is held.
    pub async fn read_default_list(&self, user: UserKey) -> Result<Option<Arc<List>>, Error> {
        if let Some(known) = self.defaults.lock().get(user) {
            return Ok(known);
        }
        let list = self.lists.default(user).await?.map(Arc::new);
        self.remember(user, list.clone());
        Ok(list)
    }

    fn remember(&self, user: UserKey, list: Option<Arc<List>>) {
        // Whoever is there, or still counts as being there, is not forgotten.
        let (directory, activity) = (self.directory.lock(), self.activity.lock());
        let mut defaults = self.defaults.lock();
        defaults.put(user, list);
        if defaults.is_full() {
            defaults.forget(|known| known == user || directory.is_reachable(known) || activity.is_there(known));
        }
    }
}
