//! One dialog of the model: a list of messages, each with the sets of users who read it, received it, do not see it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use super::{Answer, How, Id, Kind, Marking, Place, Refusal, User};

#[derive(Clone, Debug)]
pub struct Dialog {
    pub place: Place,
    pub owner: User,
    /// The oldest first.
    pub members: Vec<User>,
    pub admins: BTreeSet<User>,
    /// In the order of their numbers, from 1.
    pub rows: Vec<Row>,
    /// Private: who deleted it, until a message arrives or he creates it again.
    pub deleted: BTreeSet<User>,
    /// Public: members who only entered the room.
    pub entered: BTreeSet<User>,
    /// Deleted for all, or left by everybody.
    pub gone: bool,
    /// Messages outside history that the process remembers.
    pub unsaved: Vec<Row>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: Id,
    /// The id its client gave, where another message had it.
    pub alias: Option<Id>,
    pub sender: User,
    /// What was sent.
    pub sent: String,
    /// What it says after edits.
    pub body: String,
    pub removed: bool,
    pub hidden: BTreeSet<User>,
    /// Who cleared all that was said, or was there when it was cleared for all: no marker of his means it. One that means a message
    /// which he removed for himself comes to nothing.
    pub cleared: BTreeSet<User>,
    pub read: BTreeSet<User>,
    pub received: BTreeSet<User>,
    /// Who joined later: to them it is neither unread nor read.
    pub older_than: BTreeSet<User>,
}

/// What a user may want to do (contract rest 4.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read,
    Post,
    RemoveOthersMessages,
    AddMembers,
    RemoveMembers,
    SetAdmins,
    Leave,
    DeleteForAll,
}

impl Row {
    pub fn is_visible(&self, user: User) -> bool {
        !self.removed && !self.hidden.contains(&user)
    }

    /// Whether the user stands in `read_ids`.
    pub fn has_read(&self, user: User) -> bool {
        self.sender == user || self.counts(user) && self.read.contains(&user)
    }

    /// Whether the user stands in `delivered_ids`: a read message was received.
    pub fn has_received(&self, user: User) -> bool {
        self.has_read(user) || self.counts(user) && self.received.contains(&user)
    }

    pub fn is_unread(&self, user: User) -> bool {
        self.is_visible(user) && !self.has_read(user) && self.counts(user)
    }

    fn counts(&self, user: User) -> bool {
        !self.hidden.contains(&user) && !self.older_than.contains(&user)
    }

    fn answers_to(&self, id: Id) -> bool {
        self.id == id || self.alias == Some(id)
    }
}

impl Dialog {
    pub fn new(place: Place, owner: User, members: &BTreeSet<User>) -> Dialog {
        let others = members.iter().copied().filter(|user| *user != owner);
        Dialog {
            place,
            owner,
            members: std::iter::once(owner).chain(others).collect(),
            admins: BTreeSet::new(),
            rows: Vec::new(),
            deleted: BTreeSet::new(),
            entered: BTreeSet::new(),
            gone: false,
            unsaved: Vec::new(),
        }
    }

    /// Messages that the user sees.
    pub fn visible(&self, user: User) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.is_visible(user)).collect()
    }

    /// In public nobody keeps book (contract rest 4.2).
    pub fn unread(&self, user: User) -> u64 {
        let count = self.rows.iter().filter(|row| row.is_unread(user)).count() as u64;
        if self.place.kind().is_public() { 0 } else { count }
    }

    /// The table of contract rest 4.6.
    pub fn may(&self, user: User, action: Action) -> Result<(), Refusal> {
        let kind = self.place.kind();
        let (owner, member) = (self.owner == user, self.members.contains(&user));
        let admin = owner || member && self.admins.contains(&user);
        let allowed = match action {
            Action::Read | Action::Post => kind.is_public() || member,
            Action::RemoveOthersMessages => kind != Kind::Private && admin,
            Action::AddMembers => kind == Kind::Group && member,
            Action::RemoveMembers | Action::SetAdmins => kind != Kind::Private && owner,
            Action::Leave => member || owner,
            Action::DeleteForAll => owner,
        };
        if allowed { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    // === messages ===

    /// The answer to a message that was said before, by its sender and with this content.
    pub fn said(&self, user: User, id: Option<Id>, body: &str, how: How) -> Option<Answer> {
        let mine = |row: &&Row| id.is_some_and(|id| row.answers_to(id)) && row.sender == user && row.sent == body;
        if let Some(at) = self.rows.iter().position(|row| mine(&row)) {
            return Some(Answer::Posted { id: self.rows[at].id, made: false, seq: at as u64 + 1, repeated: true });
        }
        let row = self.unsaved.iter().find(mine).filter(|_| how == How::Unsaved)?;
        Some(Answer::Posted { id: row.id, made: false, seq: 0, repeated: true })
    }

    /// `fresh` is the id if the server has to make one (design.md 6, Duplicates).
    pub fn post(&mut self, user: User, id: Option<Id>, body: &str, how: How, fresh: Id) -> Answer {
        if let Some(said) = self.said(user, id, body, how) {
            return said;
        }
        let saved = how != How::Unsaved;
        let told = self.unsaved.iter().filter(|_| !saved);
        let taken = self.rows.iter().chain(told).any(|row| id.is_some_and(|id| row.answers_to(id)));
        let given = id.filter(|_| !taken);
        let row = Row {
            id: given.unwrap_or(fresh),
            alias: id.filter(|_| taken),
            sender: user,
            sent: body.to_owned(),
            body: body.to_owned(),
            removed: false,
            hidden: BTreeSet::new(),
            cleared: BTreeSet::new(),
            read: BTreeSet::new(),
            received: BTreeSet::new(),
            older_than: BTreeSet::new(),
        };
        let id = row.id;
        let seq = match saved {
            true => {
                self.rows.push(row);
                self.deleted.clear();
                self.rows.len() as u64
            }
            false => {
                self.unsaved.push(row);
                0
            }
        };
        Answer::Posted { id, made: given.is_none(), seq, repeated: false }
    }

    /// Only the author edits, and only what he sees.
    pub fn edit(&mut self, user: User, id: Id, body: &str) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        let place = self.named(user, id).filter(|place| !self.rows[*place].removed).ok_or(Refusal::NotFound)?;
        let row = &mut self.rows[place];
        if row.sender != user {
            return Err(Refusal::Forbidden);
        }
        row.body = body.to_owned();
        Ok(())
    }

    /// Place of the message that the user removes by this id; `None`: the dialog has no such message.
    pub fn removable(&self, user: User, id: Id, force: bool) -> Option<Result<usize, Refusal>> {
        let place = self.named(user, id)?;
        let row = &self.rows[place];
        let may = !force || row.sender == user || self.may(user, Action::RemoveOthersMessages).is_ok();
        Some(match (row.removed, may) {
            (true, _) => Err(Refusal::NotFound),
            (false, true) => Ok(place),
            (false, false) => Err(Refusal::Forbidden),
        })
    }

    pub fn remove(&mut self, user: User, place: usize, force: bool) {
        let row = &mut self.rows[place];
        match force {
            true => row.removed = true,
            false => _ = row.hidden.insert(user),
        }
    }

    /// Place of the message that the user knows by this id: one that has it before one whose client gave it. What he hid he knows no
    /// more.
    fn named(&self, user: User, id: Id) -> Option<usize> {
        let found = |has: &dyn Fn(&Row) -> bool| self.rows.iter().position(|row| has(row) && !row.hidden.contains(&user));
        found(&|row| row.id == id).or_else(|| found(&|row| row.alias == Some(id)))
    }

    /// Messages that are unknown, his own or hidden from him are ignored (contract xmpp 3.4).
    pub fn mark(&mut self, user: User, author: Option<User>, read: bool, marking: &Marking) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        let places: Vec<usize> = match marking {
            Marking::All => (0..self.rows.len()).collect(),
            Marking::Ids(ids) => ids.iter().filter_map(|id| self.meant(user, author, *id)).collect(),
        };
        places.into_iter().for_each(|place| self.mark_row(user, place, read));
        Ok(())
    }

    /// Reading a page marks it (contract rest 5.2).
    pub fn read_page(&mut self, user: User, limit: usize, newest_first: bool) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        let mut places: Vec<usize> = (0..self.rows.len()).filter(|place| self.rows[*place].is_visible(user)).collect();
        if newest_first {
            places.reverse();
        }
        places.into_iter().take(limit).for_each(|place| self.mark_row(user, place, true));
        Ok(())
    }

    /// The message that a marker means: one that has the id before one whose client gave it.
    fn meant(&self, user: User, author: Option<User>, id: Id) -> Option<usize> {
        let means =
            |row: &Row| row.sender != user && author.is_none_or(|author| row.sender == author) && !row.cleared.contains(&user);
        let found = |has: &dyn Fn(&Row) -> bool| self.rows.iter().position(|row| has(row) && means(row));
        found(&|row| row.id == id).or_else(|| found(&|row| row.alias == Some(id)))
    }

    fn mark_row(&mut self, user: User, place: usize, read: bool) {
        let row = &mut self.rows[place];
        let marked = if read { &mut row.read } else { &mut row.received };
        if !self.place.kind().is_public() {
            marked.insert(user);
        }
    }

    // === members ===

    pub fn change(
        &mut self,
        user: User,
        add: &BTreeSet<User>,
        remove: &BTreeSet<User>,
        add_admins: &BTreeSet<User>,
        remove_admins: &BTreeSet<User>,
    ) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        let needs = |needed: bool, action| if needed { self.may(user, action) } else { Ok(()) };
        // Name and occupants of a private dialog are not changed (contract rest 4.6).
        needs(self.place.kind() == Kind::Private, Action::SetAdmins)?;
        needs(!add.is_empty(), Action::AddMembers)?;
        needs(remove.contains(&user), Action::Leave)?;
        needs(remove.iter().any(|other| *other != user), Action::RemoveMembers)?;
        needs(!add_admins.is_empty() || !remove_admins.is_empty(), Action::SetAdmins)?;
        let stays = |user: &User| (self.members.contains(user) || add.contains(user)) && !remove.contains(user);
        if !add_admins.iter().all(stays) {
            return Err(Refusal::Invalid);
        }
        add.iter().for_each(|user| self.join(*user));
        self.admins.extend(add_admins);
        self.admins.retain(|admin| !remove_admins.contains(admin));
        self.leave(remove);
        Ok(())
    }

    /// Rids the user of the dialog, or with `force` everybody (contract rest 4.7). Who deletes a group leaves it.
    pub fn delete(&mut self, user: User, force: bool) -> Result<(), Refusal> {
        self.may(user, if force { Action::DeleteForAll } else { Action::Leave })?;
        match (self.place.kind(), force) {
            (Kind::Private, _) => {
                self.clear(user, force)?;
                let users: BTreeSet<User> = if force { self.members.iter().copied().collect() } else { [user].into() };
                self.deleted.extend(users);
            }
            (_, true) => self.gone = true,
            (_, false) => self.leave(&[user].into()),
        }
        Ok(())
    }

    /// What is in the dialog is hidden from the user, or removed for all, also for whoever comes later (contract rest 4.8).
    pub fn clear(&mut self, user: User, force: bool) -> Result<(), Refusal> {
        self.may(user, if force { Action::DeleteForAll } else { Action::Leave })?;
        for row in &mut self.rows {
            match force {
                true => {
                    row.removed = true;
                    row.cleared.extend(&self.members);
                }
                false => {
                    row.hidden.insert(user);
                    row.cleared.insert(user);
                }
            }
        }
        Ok(())
    }

    pub fn subscribe(&mut self, user: User) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        if self.place.kind().is_public() {
            self.join(user);
            self.entered.remove(&user);
        }
        Ok(())
    }

    /// Unsubscribing from a group is leaving it; from a pair nobody goes.
    pub fn unsubscribe(&mut self, user: User) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        match self.place.kind() {
            Kind::Private => return Err(Refusal::Forbidden),
            Kind::Group | Kind::Public | Kind::Broadcast => self.leave(&[user].into()),
        }
        Ok(())
    }

    /// A join is optional; in public it makes a member (contract xmpp 4.2).
    pub fn enter(&mut self, user: User) -> Result<(), Refusal> {
        self.may(user, Action::Read)?;
        if self.place.kind().is_public() && !self.members.contains(&user) {
            self.join(user);
            self.entered.insert(user);
        }
        Ok(())
    }

    pub fn exit(&mut self, user: User) {
        if self.entered.contains(&user) && self.owner != user {
            self.leave(&[user].into());
        }
    }

    fn join(&mut self, user: User) {
        if !self.members.contains(&user) {
            self.members.push(user);
            self.rows.iter_mut().for_each(|row| _ = row.older_than.insert(user));
        }
    }

    /// An owner who leaves a group leaves it to the oldest admin, else to the oldest member (design.md 8).
    fn leave(&mut self, users: &BTreeSet<User>) {
        self.members.retain(|member| !users.contains(member));
        self.admins.retain(|admin| self.members.contains(admin));
        self.entered.retain(|member| self.members.contains(member));
        if self.place.kind() != Kind::Group || self.members.contains(&self.owner) {
            return;
        }
        let admin = self.members.iter().find(|member| self.admins.contains(member));
        match admin.or(self.members.first()) {
            Some(next) => self.owner = *next,
            None => self.gone = true,
        }
    }
}
