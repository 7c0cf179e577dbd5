//! A dialog: who is in it, which number comes next, what was said before. Pure: values in, values out. It does not
//! wait, store or tell; `actor.rs` does that between [`post::Draft::decide`] and [`Dialog::apply`].

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod changes;
pub mod content;
pub mod dates;
pub mod duplicates;
pub mod marks;
pub mod members;
pub mod order;
pub mod post;
pub mod rights;
#[cfg(test)]
mod tests;

use natter_proto::dialog::v1 as wire;
use natter_proto::{AppId, DialogId, UserId};

use duplicates::{Known, Tail};
use members::{Member, Members};
use order::Order;
pub use post::{Limits, Post};
use rights::{Action, Role};

/// What a dialog is found by. The app comes first everywhere: no dialog is seen from another app.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    pub app: AppId,
    pub dialog: DialogId,
}

/// The kinds of dialogs there are (contract rest 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Type 3: the two users of the pair the id was made of, for ever.
    Private,
}

impl Kind {
    /// The kind as proto carries it.
    pub fn to_wire(self) -> wire::DialogKind {
        match self {
            Kind::Private => wire::DialogKind::Private,
        }
    }

    /// The kind of a number of proto; `None` for kinds that are not supported.
    pub fn from_wire(kind: i32) -> Option<Kind> {
        match wire::DialogKind::try_from(kind) {
            Ok(wire::DialogKind::Private) => Some(Kind::Private),
            _ => None,
        }
    }
}

/// What never changes about a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    pub kind: Kind,
    /// Who made it: in a private dialog, whoever wrote or created first.
    pub owner: UserId,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// The user is not a member, or his role does not allow the action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forbidden;

/// The live state of one dialog, rebuilt from the store and the log whenever its actor starts.
///
/// Invariant: `order` and `tail` describe rows that are stored, and nothing else.
#[derive(Clone, PartialEq, Debug)]
pub struct Dialog {
    pub key: Key,
    pub facts: Facts,
    pub members: Members,
    order: Order,
    /// Ids of the newest rows.
    tail: Tail,
    /// Ids of the newest messages that were told without being stored; lost when the actor ends.
    unsaved: Tail,
    /// Stamp of the newest edit or removal.
    stamp: u64,
}

impl Dialog {
    /// A dialog whose log is empty. `limits` bounds what is remembered of its messages.
    pub fn new(key: Key, facts: Facts, members: Members, limits: &Limits) -> Dialog {
        let (tail, unsaved) = (Tail::new(limits.tail_ids), Tail::new(limits.unsaved_ids));
        Dialog { key, facts, members, order: Order::default(), tail, unsaved, stamp: 0 }
    }

    /// Takes over what the log says: its newest row, the stamp of its newest change, the ids of its newest rows.
    pub fn with_log(mut self, order: Order, stamp: u64, rows: impl IntoIterator<Item = Known>) -> Dialog {
        self.order = order;
        self.stamp = stamp;
        rows.into_iter().for_each(|known| self.tail.push(known));
        self
    }

    /// The number of the newest row; 0: none.
    pub fn head(&self) -> u64 {
        self.order.head
    }

    /// When the newest row was made, unix milliseconds; 0: there is none.
    pub fn moved_at(&self) -> i64 {
        self.order.updated_at
    }

    /// Stamp of the newest edit or removal.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Whether every row's id is in memory, so that an id not found there does not exist.
    pub fn remembers_all(&self) -> bool {
        self.tail.len() as u64 >= self.order.head
    }

    /// Rows in memory that carry the id, as their own or as the one their client gave.
    pub fn known(&self, id: natter_proto::MessageId) -> impl Iterator<Item = &Known> {
        self.tail.find(id)
    }

    /// The member, if the user may do this.
    pub fn may(&self, user: UserId, action: Action) -> Result<&Member, Forbidden> {
        let member = self.members.get(user).ok_or(Forbidden)?;
        let role = if user == self.facts.owner { Role::Owner } else { Role::Member };
        match rights::may(self.facts.kind, role, action) {
            true => Ok(member),
            false => Err(Forbidden),
        }
    }

    /// The state moves over rows that are stored now.
    pub fn apply(&mut self, batch: post::Batch) {
        debug_assert!(batch.known.first().is_none_or(|first| first.seq == self.order.head + 1));
        self.order = batch.order;
        batch.known.into_iter().for_each(|known| self.tail.push(known));
    }

    /// Remembers a message that was told or kept without being stored.
    pub fn apply_unsaved(&mut self, known: Known) {
        self.unsaved.push(known);
    }

    /// A row that was repeated has been told.
    pub fn apply_told(&mut self, seq: u64) {
        self.tail.told(seq);
    }

    /// An edit or a removal got this stamp.
    pub fn apply_change(&mut self, stamp: u64) {
        self.stamp = self.stamp.max(stamp);
    }

    /// The dialog as proto carries it.
    pub fn to_wire(&self) -> wire::Dialog {
        to_wire(self.key, self.facts, self.members.ids(), self.order.updated_at)
    }
}

/// A dialog as proto carries it; `moved_at` is when its log last changed, unix milliseconds, 0: never.
pub fn to_wire(key: Key, facts: Facts, members: Vec<u64>, moved_at: i64) -> wire::Dialog {
    wire::Dialog {
        id: key.dialog.to_vec(),
        app: key.app.0,
        kind: facts.kind.to_wire() as i32,
        owner: facts.owner.0,
        members,
        created_at: facts.created_at,
        updated_at: moved_at.max(facts.created_at),
        ..wire::Dialog::default()
    }
}
