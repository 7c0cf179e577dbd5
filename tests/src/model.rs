//! What the product must do with dialogs and messages, the slow and obvious way: lists of messages, sets of users, values only.
//! Written from the contract (rest 4 and 5, xmpp 3 and 4) and design.md 7 and 8, not from the services: random programs run
//! against both, and both are asked the same.
//!
//! Not here: what is told to live sessions, dates, searches, limits.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod call;
mod dialog;
mod step;

use std::collections::{BTreeMap, BTreeSet};

pub use call::{Answer, Call, How, Id, Kind, Marking, Outcome, Place, Refusal, User};
pub use dialog::{Dialog, Row};
pub use step::{Program, Step, Verb};

use dialog::Action;

/// All dialogs of an app with four users.
#[derive(Clone, Debug)]
pub struct Model {
    /// In the order in which they were made; those that are gone keep their place.
    pub dialogs: Vec<Dialog>,
    /// Which of them stands at each place.
    at: Vec<Option<usize>>,
    next_id: u32,
    lists: BTreeMap<User, Lists>,
}

/// The privacy list of a user: whom it keeps out, and whether both ways.
#[derive(Clone, Default, Debug)]
pub struct Lists {
    pub blocked: BTreeMap<User, bool>,
    /// A list that is not the default blocks nothing (contract xmpp 7.3).
    pub default: bool,
}

impl Default for Model {
    fn default() -> Model {
        Model { dialogs: Vec::new(), at: vec![None; Place::COUNT], next_id: 0, lists: BTreeMap::new() }
    }
}

impl Model {
    /// The newest dialog of a place, gone or not; `None` if nobody ever made one.
    pub fn at(&self, place: Place) -> Option<usize> {
        self.at[place.0]
    }

    /// An id that no message has.
    pub fn fresh(&mut self) -> Id {
        self.next_id += 1;
        Id(self.next_id)
    }

    /// What the user sees of a place.
    pub fn get(&self, user: User, place: Place) -> Result<&Dialog, Refusal> {
        let dialog = self.live(place)?;
        dialog.may(user, Action::Read)?;
        Ok(dialog)
    }

    /// Whether the dialog stands in the user's list (contract rest 4.1, 4.4).
    pub fn lists(&self, user: User, dialog: &Dialog) -> bool {
        self.has(user, dialog) && !dialog.deleted.contains(&user)
    }

    /// Unread messages of all the user's dialogs.
    pub fn unread(&self, user: User) -> u64 {
        self.dialogs.iter().filter(|dialog| self.has(user, dialog)).map(|dialog| dialog.unread(user)).sum()
    }

    /// Carries a call out. A refused one changes nothing.
    pub fn carry_out(&mut self, call: &Call) -> Outcome {
        match call {
            Call::Create { place, owner, others, admins, named } => self.create(*place, *owner, others, admins, *named)?,
            Call::Post { user, place, id, body, how } => return self.post(*user, *place, *id, body, *how),
            Call::Edit { user, place, id, body } => {
                self.live(*place)?.may(*user, Action::Read)?;
                self.passes(*user, *place)?;
                self.live_mut(*place)?.edit(*user, *id, body)?;
            }
            Call::Remove { user, ids, force } => return Ok(self.remove(*user, ids, *force)),
            Call::Mark { user, place, author, read, marking } => {
                // A marker of a dialog that nobody knows is no mistake (contract xmpp 3.4).
                if let Ok(dialog) = self.live_mut(*place) {
                    dialog.mark(*user, *author, *read, marking)?;
                }
            }
            Call::List { user, place, limit, newest_first } => self.live_mut(*place)?.read_page(*user, *limit, *newest_first)?,
            Call::Change { user, place, add, remove, add_admins, remove_admins } => {
                self.live_mut(*place)?.change(*user, add, remove, add_admins, remove_admins)?;
            }
            Call::Delete { user, place, force } => self.live_mut(*place)?.delete(*user, *force)?,
            Call::Clear { user, place, force } => self.live_mut(*place)?.clear(*user, *force)?,
            Call::Subscribe { user, place } => self.live_mut(*place)?.subscribe(*user)?,
            Call::Unsubscribe { user, place } => self.live_mut(*place)?.unsubscribe(*user)?,
            Call::Enter { user, place } => self.live_mut(*place)?.enter(*user)?,
            Call::Exit { user, place } => {
                // Leaving where nobody was is no mistake (contract xmpp 4.4).
                if let Ok(dialog) = self.live_mut(*place) {
                    dialog.exit(*user);
                }
            }
            Call::Block { user, other, mutual } => {
                let list = self.lists.entry(*user).or_default();
                list.blocked.insert(*other, *mutual);
                list.default = true;
            }
            Call::Unblock { user, other } => {
                let list = self.lists.entry(*user).or_default();
                list.blocked.remove(other);
                list.default = !list.blocked.is_empty();
            }
            Call::Decline { user } => self.lists.entry(*user).or_default().default = false,
            // A session says what is told, not what is there.
            Call::Reconnect { .. } => {}
            Call::Crash => self.dialogs.iter_mut().for_each(|dialog| dialog.unsaved.clear()),
        }
        Ok(Answer::Done)
    }

    /// The user's privacy list.
    pub fn list(&self, user: User) -> Lists {
        self.lists.get(&user).cloned().unwrap_or_default()
    }

    /// Whether what the user says in a private dialog is let through; in groups everything is (contract xmpp 7.3).
    fn passes(&self, user: User, place: Place) -> Result<(), Refusal> {
        let other = match place.pair() {
            Some((a, b)) if a == user => b,
            Some((a, b)) if b == user => a,
            _ => return Ok(()),
        };
        let blocks = |owner: User, other: User| self.lists.get(&owner).filter(|list| list.default)?.blocked.get(&other).copied();
        match (blocks(other, user), blocks(user, other)) {
            (Some(_), _) => Err(Refusal::Blocked),
            (None, Some(true)) => Err(Refusal::Blocking),
            _ => Ok(()),
        }
    }

    fn live(&self, place: Place) -> Result<&Dialog, Refusal> {
        let dialog = self.at(place).map(|at| &self.dialogs[at]);
        dialog.filter(|dialog| !dialog.gone).ok_or(Refusal::NotFound)
    }

    fn live_mut(&mut self, place: Place) -> Result<&mut Dialog, Refusal> {
        self.live(place)?;
        self.at(place).map(|at| &mut self.dialogs[at]).ok_or(Refusal::NotFound)
    }

    /// Whether the dialog is one of the user's, deleted by him or not.
    fn has(&self, user: User, dialog: &Dialog) -> bool {
        !dialog.gone && (dialog.members.contains(&user) || dialog.place.kind() == Kind::Public)
    }

    fn create(
        &mut self,
        place: Place,
        owner: User,
        others: &BTreeSet<User>,
        admins: &BTreeSet<User>,
        named: bool,
    ) -> Result<(), Refusal> {
        match (place.pair(), self.live_mut(place)) {
            // The dialog that is there; for whoever had deleted it, listed again (contract rest 4.3).
            (Some(_), Ok(dialog)) => {
                dialog.deleted.remove(&owner);
                return Ok(());
            }
            (Some(pair), Err(_)) => {
                self.passes(owner, place)?;
                self.begin(Dialog::new(place, owner, &[pair.0, pair.1].into()));
            }
            (None, _) => {
                let open = place.kind().is_public();
                // To a public dialog everybody adds himself.
                let members: BTreeSet<User> = if open { [owner].into() } else { others | &[owner].into() };
                if open && !named || !admins.is_subset(&members) {
                    return Err(Refusal::Invalid);
                }
                self.begin(Dialog { admins: admins.clone(), ..Dialog::new(place, owner, &members) });
            }
        }
        Ok(())
    }

    fn begin(&mut self, dialog: Dialog) {
        self.at[dialog.place.0] = Some(self.dialogs.len());
        self.dialogs.push(dialog);
    }

    fn post(&mut self, user: User, place: Place, id: Option<Id>, body: &str, how: How) -> Outcome {
        let is_of_pair = place.pair().is_some_and(|(a, b)| user == a || user == b);
        match self.live(place) {
            // What was stored is never refused, whatever its sender may do since.
            Ok(dialog) if dialog.said(user, id, body, how).is_some() => {}
            Ok(dialog) => {
                dialog.may(user, Action::Post)?;
                self.passes(user, place)?;
            }
            Err(refusal) if !is_of_pair => return Err(refusal),
            // What is no message makes nothing, whoever it would be for.
            Err(_) if how == How::Neither => return Err(Refusal::Invalid),
            Err(_) => self.passes(user, place)?,
        }
        if how == How::Neither {
            return Err(Refusal::Invalid);
        }
        if self.at(place).is_none() {
            // The first message makes the private dialog (contract rest 11.5).
            self.create(place, user, &BTreeSet::new(), &BTreeSet::new(), false)?;
        }
        let fresh = self.fresh();
        Ok(self.live_mut(place)?.post(user, id, body, how, fresh))
    }

    /// Each of the user's dialogs removes its own (contract rest 5.5).
    /// All that is named is looked up before any of it is removed: a message that is named twice, by its id and by an alias, is
    /// removed under both.
    fn remove(&mut self, user: User, ids: &BTreeSet<Id>, force: bool) -> Answer {
        let (mut removed, mut not_found, mut forbidden) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = Vec::new();
        for id in ids {
            let dialogs = (0..self.dialogs.len()).filter(|at| self.has(user, &self.dialogs[*at]));
            let outcome = |at: usize| {
                let dialog = &self.dialogs[at];
                let place = dialog.removable(user, *id, force)?;
                // What is said to one who does not listen stays unsaid: among what the user has no right to (contract rest 5.5).
                let silenced = force && self.passes(user, dialog.place).is_err();
                Some((at, place.and_then(|place| if silenced { Err(Refusal::Forbidden) } else { Ok(place) })))
            };
            let met: Vec<_> = dialogs.filter_map(outcome).collect();
            if met.is_empty() {
                not_found.push(*id);
            }
            for (at, outcome) in met {
                match outcome {
                    Ok(place) => {
                        places.push((at, place));
                        removed.push(*id);
                    }
                    Err(Refusal::Forbidden) => forbidden.push(*id),
                    Err(_) => not_found.push(*id),
                }
            }
        }
        places.into_iter().for_each(|(at, place)| self.dialogs[at].remove(user, place, force));
        Answer::Removed { removed, not_found, forbidden }
    }
}
