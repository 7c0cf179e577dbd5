//! A random program: steps with small numbers for operands, which mean something only where the program has come to. So every
//! part of a program is a program, and it can shrink.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use super::{Call, How, Id, Marking, Model, Place, User};

/// Steps in a few places.
#[derive(Clone, Debug)]
pub struct Program {
    pub places: Vec<u8>,
    pub steps: Vec<Step>,
}

/// One step; which operands matter is the verb's business.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub verb: Verb,
    pub user: u8,
    /// One of the program's places.
    pub place: u8,
    /// A message, counted from the newest; a variant.
    pub pick: u8,
    /// A set of users, a bit each.
    pub set: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Create,
    Post,
    PostWithoutId,
    PostUnsaved,
    PostSilent,
    PostNothing,
    /// The same message again.
    Resend,
    ResendUnsaved,
    /// Another message under an id that was used.
    Reuse,
    Edit,
    /// Of the message's author.
    EditOwn,
    Hide,
    RemoveForAll,
    RemoveOwn,
    MarkRead,
    MarkDelivered,
    MarkOfAuthor,
    MarkAllRead,
    MarkAllDelivered,
    List,
    Add,
    RemoveMembers,
    Leave,
    AddAdmins,
    RemoveAdmins,
    Delete,
    DeleteForAll,
    Clear,
    ClearForAll,
    Subscribe,
    Unsubscribe,
    Enter,
    Exit,
    Block,
    Unblock,
    Decline,
    Reconnect,
    Crash,
}

impl Step {
    /// The call of this step; `None` where it means nothing.
    pub fn resolve(&self, places: &[u8], model: &mut Model) -> Option<Call> {
        let place = Place(usize::from(*places.get(usize::from(self.place) % places.len().max(1))?) % Place::COUNT);
        let user = User(usize::from(self.user) % User::NAMES.len());
        let users: BTreeSet<User> = User::all().filter(|user| self.set >> user.0 & 1 == 1).collect();
        let others = |users: &BTreeSet<User>| users.iter().copied().filter(|other| *other != user).collect::<BTreeSet<_>>();
        let body = format!("word {}", self.pick % 4);
        let nobody = BTreeSet::new;
        let change = Call::Change { user, place, add: nobody(), remove: nobody(), add_admins: nobody(), remove_admins: nobody() };
        Some(match self.verb {
            Verb::Create => self.create(place, user, others(&users), model)?,
            Verb::Post => Call::Post { user, place, id: Some(model.fresh()), body, how: How::Saved },
            Verb::PostWithoutId => Call::Post { user, place, id: None, body, how: How::Saved },
            Verb::PostUnsaved => Call::Post { user, place, id: Some(model.fresh()), body, how: How::Unsaved },
            Verb::PostSilent => Call::Post { user, place, id: Some(model.fresh()), body, how: How::Silent },
            Verb::PostNothing => Call::Post { user, place, id: Some(model.fresh()), body, how: How::Neither },
            Verb::Resend => self.resend(place, model, How::Saved)?,
            Verb::ResendUnsaved => self.resend(place, model, How::Unsaved)?,
            Verb::Reuse => {
                let how = if self.set & 1 == 0 { How::Saved } else { How::Unsaved };
                Call::Post { user, place, id: Some(self.id(place, model)?), body, how }
            }
            Verb::Edit => Call::Edit { user, place, id: self.id(place, model)?, body },
            Verb::EditOwn => Call::Edit { user: self.author(place, model)?, place, id: self.id(place, model)?, body },
            Verb::Hide => Call::Remove { user, ids: self.ids(place, model)?, force: false },
            Verb::RemoveForAll => Call::Remove { user, ids: self.ids(place, model)?, force: true },
            Verb::RemoveOwn => {
                let ids = [self.id(place, model)?].into();
                Call::Remove { user: self.author(place, model)?, ids, force: self.set & 1 == 0 }
            }
            Verb::MarkRead => mark(user, place, true, Marking::Ids(self.ids(place, model)?)),
            Verb::MarkDelivered => mark(user, place, false, Marking::Ids(self.ids(place, model)?)),
            Verb::MarkOfAuthor => {
                let (author, marking) = (self.author(place, model), Marking::Ids([self.used_id(place, model)?].into()));
                Call::Mark { user, place, author, read: true, marking }
            }
            Verb::MarkAllRead => mark(user, place, true, Marking::All),
            Verb::MarkAllDelivered => mark(user, place, false, Marking::All),
            Verb::List => Call::List { user, place, limit: usize::from(self.pick % 4) + 1, newest_first: self.set & 1 == 0 },
            Verb::Add => with(change, |_, add, _, _, _| *add = others(&users)),
            Verb::RemoveMembers => with(change, |_, _, remove, _, _| *remove = users),
            Verb::Leave => with(change, |user, _, remove, _, _| *remove = [user].into()),
            Verb::AddAdmins => with(change, |_, _, _, add, _| *add = users),
            Verb::RemoveAdmins => with(change, |_, _, _, _, remove| *remove = users),
            Verb::Delete => Call::Delete { user, place, force: false },
            Verb::DeleteForAll => Call::Delete { user, place, force: true },
            Verb::Clear => Call::Clear { user, place, force: false },
            Verb::ClearForAll => Call::Clear { user, place, force: true },
            Verb::Subscribe => Call::Subscribe { user, place },
            Verb::Unsubscribe => Call::Unsubscribe { user, place },
            Verb::Enter => Call::Enter { user, place },
            Verb::Exit => Call::Exit { user, place },
            Verb::Block => Call::Block { user, other: self.other(user, place), mutual: self.set & 1 == 0 },
            Verb::Unblock => Call::Unblock { user, other: self.other(user, place) },
            Verb::Decline => Call::Decline { user },
            Verb::Reconnect => Call::Reconnect { user },
            Verb::Crash => Call::Crash,
        })
    }

    /// Ids of groups are the server's, so a group that is there is not created again.
    fn create(&self, place: Place, user: User, others: BTreeSet<User>, model: &Model) -> Option<Call> {
        if let Some((a, b)) = place.pair() {
            let owner = if self.set & 1 == 0 { a } else { b };
            return Some(Call::Create { place, owner, others: BTreeSet::new(), admins: BTreeSet::new(), named: false });
        }
        if model.at(place).is_some_and(|at| !model.dialogs[at].gone) {
            return None;
        }
        let admins = others.iter().copied().filter(|other| self.pick >> other.0 & 1 == 1 && !place.kind().is_public());
        Some(Call::Create { place, owner: user, admins: admins.collect(), others, named: self.pick % 8 != 7 })
    }

    /// The other one of a pair, or, as in groups, anybody else.
    fn other(&self, user: User, place: Place) -> User {
        match place.pair() {
            Some((a, b)) if a == user => return b,
            Some((a, b)) if b == user => return a,
            _ => {}
        }
        User((user.0 + 1 + usize::from(self.pick) % (User::NAMES.len() - 1)) % User::NAMES.len())
    }

    fn resend(&self, place: Place, model: &Model, how: How) -> Option<Call> {
        let dialog = &model.dialogs[model.at(place)?];
        let all: Vec<_> = dialog.rows.iter().chain(&dialog.unsaved).collect();
        let row = all.get(newest(self.pick, all.len())?)?;
        let id = Some(row.alias.unwrap_or(row.id));
        Some(Call::Post { user: row.sender, place, id, body: row.sent.clone(), how })
    }

    fn row<'a>(&self, place: Place, model: &'a Model) -> Option<&'a super::Row> {
        let rows = &model.dialogs[model.at(place)?].rows;
        rows.get(newest(self.pick, rows.len())?)
    }

    fn id(&self, place: Place, model: &Model) -> Option<Id> {
        self.row(place, model).map(|row| row.id)
    }

    /// The id as its author knows it.
    fn used_id(&self, place: Place, model: &Model) -> Option<Id> {
        self.row(place, model).map(|row| row.alias.unwrap_or(row.id))
    }

    fn author(&self, place: Place, model: &Model) -> Option<User> {
        self.row(place, model).map(|row| row.sender)
    }

    /// One to three messages in a row, the oldest of them picked.
    fn ids(&self, place: Place, model: &Model) -> Option<BTreeSet<Id>> {
        let rows = &model.dialogs[model.at(place)?].rows;
        let first = newest(self.pick, rows.len())?;
        Some(rows[first..].iter().take(usize::from(self.set % 3) + 1).map(|row| row.id).collect())
    }
}

fn mark(user: User, place: Place, read: bool, marking: Marking) -> Call {
    Call::Mark { user, place, author: None, read, marking }
}

fn newest(pick: u8, count: usize) -> Option<usize> {
    count.checked_sub(1).map(|last| last - usize::from(pick) % count)
}

type Users = BTreeSet<User>;

/// The change with something in it.
fn with(mut change: Call, fill: impl FnOnce(User, &mut Users, &mut Users, &mut Users, &mut Users)) -> Call {
    if let Call::Change { user, add, remove, add_admins, remove_admins, .. } = &mut change {
        fill(*user, add, remove, add_admins, remove_admins);
    }
    change
}
