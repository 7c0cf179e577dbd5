//! What a group or a public dialog is called, who runs it, whether it is frozen, and how that changes (contract rest 4.5, 4.6). Each change is decided
//! as a whole: all of it is allowed, or nothing happens.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::{MessageId, UserId};

use super::members::{Member, Members};
use super::rights::{self, Action, Role};
use super::{Dialog, Facts, Frozen, Kind};

/// What a dialog is called, who runs it, and whether it is frozen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Profile {
    pub name: Option<String>,
    pub photo: Option<String>,
    pub description: Option<String>,
    pub extensions: BTreeMap<String, String>,
    /// Who is no member sees the newest messages.
    pub allow_preview: Option<bool>,
    pub admins: BTreeSet<UserId>,
    /// Oldest pin first.
    pub pinned: Vec<MessageId>,
    /// When any of this or the members changed, unix milliseconds. To be frozen is no such change.
    pub changed_at: i64,
    /// Nobody may write.
    pub frozen: bool,
}

/// What a user wants to be different. Absent fields stay.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Change {
    pub name: Option<String>,
    /// Empty: none.
    pub photo: Option<String>,
    /// Empty: none.
    pub description: Option<String>,
    pub extensions: Option<BTreeMap<String, String>>,
    pub allow_preview: Option<bool>,
    pub add: Vec<UserId>,
    pub remove: Vec<UserId>,
    pub add_admins: Vec<UserId>,
    pub remove_admins: Vec<UserId>,
    pub pin: Vec<MessageId>,
    pub unpin: Vec<MessageId>,
}

/// The bounds of a group, and what its app says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupLimits {
    pub members_max: usize,
    pub admins_max: usize,
    pub pinned_max: usize,
    /// Keys of `extensions`.
    pub extensions_max: usize,
    /// Bytes of a name, of a photo's id, of an extension's key and value.
    pub text_bytes_max: usize,
    /// Bytes of a description.
    pub description_bytes_max: usize,
    /// Admins remove members, as `rights::may_remove` says.
    pub admins_remove: bool,
}

/// A dialog as it is after a change, and who came and went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    pub facts: Facts,
    pub profile: Profile,
    pub members: Members,
    /// Ascending.
    pub added: Vec<UserId>,
    /// Ascending.
    pub removed: Vec<UserId>,
    /// Whether anything is different.
    pub moved: bool,
}

/// Why nothing changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupError {
    Forbidden,
    /// The dialog is.
    Frozen,
    /// Field and what is wrong with it.
    Invalid(&'static str, String),
    /// What there would be too many of, and how many there may be.
    TooMany(&'static str, usize),
}

impl Dialog {
    /// Decides a change. Users and messages that are there already, or not, are no mistake.
    pub fn change(&self, user: UserId, change: &Change, limits: &GroupLimits, now_ms: i64) -> Result<Changed, GroupError> {
        self.check_rights(user, change, limits)?;
        let mut changed = self.unchanged();
        describe(&mut changed.profile, change, self.facts.kind, limits)?;
        let mut members = self.members.clone();
        changed.added = change.add.iter().copied().filter(|user| members.add(*user, Member::default())).collect();
        changed.added.sort_unstable();
        changed.removed = members.remove(&change.remove);
        changed.added.retain(|user| members.get(*user).is_some());
        if members.len() > limits.members_max {
            return Err(GroupError::TooMany("occupants_ids", limits.members_max));
        }
        changed.members = members;
        run(&mut changed, change, limits)?;
        pin(&mut changed.profile, change, limits)?;
        Ok(changed.settled(self, now_ms))
    }

    /// A user adds himself to a public dialog, by entering its room or by subscribing to it. `None`: he is in it like that.
    pub fn subscribe(
        &self,
        user: UserId,
        entered: bool,
        limits: &GroupLimits,
        now_ms: i64,
    ) -> Result<Option<Changed>, GroupError> {
        if !self.facts.kind.is_public() {
            return Err(GroupError::Forbidden);
        }
        let mut changed = self.unchanged();
        // Whoever subscribed stays a member when he leaves the room.
        if !changed.members.add(user, Member { entered, ..Member::default() }) {
            return Ok(None);
        }
        if changed.members.len() > limits.members_max {
            return Err(GroupError::TooMany("occupants_ids", limits.members_max));
        }
        changed.added = vec![user];
        Ok(Some(changed.settled(self, now_ms)))
    }

    /// A user leaves the room of a public dialog: who only entered it is no member any more. `None`: nothing changes.
    pub fn exit(&self, user: UserId, now_ms: i64) -> Option<Changed> {
        let only_entered = self.members.get(user).is_some_and(|member| member.entered);
        if !self.facts.kind.is_public() || !only_entered || user == self.facts.owner {
            return None;
        }
        self.leave(user, now_ms)
    }

    /// A member goes for good. An owner who goes leaves the dialog to the oldest admin, else to the oldest member (design.md 8).
    /// `None`: he is no member.
    pub fn leave(&self, user: UserId, now_ms: i64) -> Option<Changed> {
        let mut changed = self.unchanged();
        changed.removed = changed.members.remove(&[user]);
        if changed.removed.is_empty() {
            return None;
        }
        changed.profile.admins.remove(&user);
        Some(changed.settled(self, now_ms))
    }

    /// Refuses unless the user may ask for all of this, whatever of it is so already.
    pub fn check_rights(&self, user: UserId, change: &Change, limits: &GroupLimits) -> Result<(), GroupError> {
        let check = |wanted: bool, action| match wanted && self.may(user, action).is_err() {
            true => Err(GroupError::Forbidden),
            false => Ok(()),
        };
        let Change { name, photo, description, extensions, allow_preview, .. } = change;
        let describes = name.is_some() || photo.is_some() || description.is_some() || extensions.is_some();
        // Whoever may do nothing else must not learn that nothing was asked.
        check(true, Action::Read)?;
        check(self.facts.kind == Kind::Private, Action::Describe)?;
        check(describes, Action::Describe)?;
        check(allow_preview.is_some(), Action::Open)?;
        check(!change.add.is_empty(), Action::AddMembers)?;
        check(change.remove.contains(&user), Action::Leave)?;
        let removes = |other| rights::may_remove(self.facts.kind, self.role(user), self.role(other), limits.admins_remove);
        if !change.remove.iter().filter(|other| **other != user).all(|other| removes(*other)) {
            return Err(GroupError::Forbidden);
        }
        check(!change.add_admins.is_empty() || !change.remove_admins.is_empty(), Action::SetAdmins)?;
        check(!change.pin.is_empty() || !change.unpin.is_empty(), Action::Pin)?;
        // To leave is not to write.
        let leaves = Change { remove: vec![user], ..Change::default() };
        match *change == Change::default() || *change == leaves {
            true => Ok(()),
            false => self.check_writable().map_err(|Frozen| GroupError::Frozen),
        }
    }

    fn unchanged(&self) -> Changed {
        Changed {
            facts: self.facts,
            profile: self.profile.clone(),
            members: self.members.clone(),
            added: Vec::new(),
            removed: Vec::new(),
            moved: false,
        }
    }

    /// What the user is here.
    pub fn role(&self, user: UserId) -> Role {
        role(&self.facts, &self.profile, &self.members, user)
    }
}

/// What a user is in a dialog.
pub fn role(facts: &Facts, profile: &Profile, members: &Members, user: UserId) -> Role {
    match members.get(user) {
        // A public dialog has no need of members, and stays its owner's.
        _ if user == facts.owner => Role::Owner,
        None => Role::Guest,
        Some(_) if profile.admins.contains(&user) => Role::Admin,
        Some(_) => Role::Member,
    }
}

impl Changed {
    fn settled(mut self, before: &Dialog, now_ms: i64) -> Changed {
        if self.facts.kind == Kind::Group && self.members.get(self.facts.owner).is_none() {
            let oldest = self.members.oldest_first();
            let admin = oldest.iter().find(|user| self.profile.admins.contains(user));
            self.facts.owner = admin.or(oldest.first()).copied().unwrap_or(self.facts.owner);
        }
        self.moved = self.profile != before.profile || self.members != before.members || self.facts != before.facts;
        if self.moved {
            self.profile.changed_at = now_ms.max(before.profile.changed_at);
        }
        self
    }
}

fn describe(profile: &mut Profile, change: &Change, kind: Kind, limits: &GroupLimits) -> Result<(), GroupError> {
    let fits = |field, text: &str, max| match text.len() > max {
        true => Err(GroupError::Invalid(field, format!("has {} bytes, at most {max} are taken", text.len()))),
        false => Ok(()),
    };
    let Change { name, photo, description, extensions, allow_preview, .. } = change;
    if let Some(name) = name {
        fits("name", name, limits.text_bytes_max)?;
        if name.is_empty() && kind.is_public() {
            return Err(GroupError::Invalid("name", "is required".to_owned()));
        }
        profile.name = Some(name.clone()).filter(|name| !name.is_empty());
    }
    if let Some(photo) = photo {
        fits("photo", photo, limits.text_bytes_max)?;
        profile.photo = Some(photo.clone()).filter(|photo| !photo.is_empty());
    }
    if let Some(description) = description {
        fits("description", description, limits.description_bytes_max)?;
        profile.description = Some(description.clone()).filter(|description| !description.is_empty());
    }
    if let Some(extensions) = extensions {
        if extensions.len() > limits.extensions_max {
            return Err(GroupError::TooMany("extensions", limits.extensions_max));
        }
        for (key, value) in extensions {
            fits("extensions", key, limits.text_bytes_max)?;
            fits("extensions", value, limits.text_bytes_max)?;
        }
        profile.extensions.clone_from(extensions);
    }
    if allow_preview.is_some() {
        profile.allow_preview = *allow_preview;
    }
    Ok(())
}

/// Admins are members; who goes is none any more.
fn run(changed: &mut Changed, change: &Change, limits: &GroupLimits) -> Result<(), GroupError> {
    let Changed { profile, members, .. } = changed;
    for admin in &change.add_admins {
        if members.get(*admin).is_none() {
            return Err(GroupError::Invalid("admins_ids", format!("names user {admin}, who is no occupant")));
        }
        profile.admins.insert(*admin);
    }
    profile.admins.retain(|admin| !change.remove_admins.contains(admin) && members.get(*admin).is_some());
    match profile.admins.len() > limits.admins_max {
        true => Err(GroupError::TooMany("admins_ids", limits.admins_max)),
        false => Ok(()),
    }
}

fn pin(profile: &mut Profile, change: &Change, limits: &GroupLimits) -> Result<(), GroupError> {
    for id in &change.pin {
        if !profile.pinned.contains(id) {
            profile.pinned.push(*id);
        }
    }
    profile.pinned.retain(|id| !change.unpin.contains(id));
    match profile.pinned.len() > limits.pinned_max {
        true => Err(GroupError::TooMany("pinned_messages_ids", limits.pinned_max)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
