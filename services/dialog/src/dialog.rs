//! A dialog: who is in it, which number comes next, what was said before. Pure: values in, values out. It does not
//! wait, store or tell; `actor.rs` does that between [`post::Draft::decide`] and [`Dialog::apply`].

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod archive;
pub mod bars;
pub mod changes;
pub mod content;
pub mod dates;
pub mod duplicates;
pub mod group;
pub mod marks;
pub mod members;
pub mod order;
pub mod post;
pub mod rights;
pub mod rings;
#[cfg(test)]
mod tests;

use natter_proto::dialog::v1 as wire;
use natter_proto::{AppId, DialogId, UserId};

use duplicates::{Known, Tail};
use group::Profile;
use members::{Member, Members};
use order::Order;
pub use post::{Limits, Post};
use rights::Action;

/// What a dialog is found by. The app comes first everywhere: no dialog is seen from another app.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    pub app: AppId,
    pub dialog: DialogId,
}

/// The kinds of dialogs there are (contract rest 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Type 1: everybody of the app is in it who wants to be, and everybody lists it.
    Public,
    /// Type 2: its members.
    Group,
    /// Type 3: the two users of the pair the id was made of, for ever.
    Private,
    /// Type 4: like a public one, listed by those who are in it.
    Broadcast,
}

impl Kind {
    /// The kind as proto carries it.
    pub fn to_wire(self) -> wire::DialogKind {
        match self {
            Kind::Public => wire::DialogKind::Public,
            Kind::Group => wire::DialogKind::Group,
            Kind::Private => wire::DialogKind::Private,
            Kind::Broadcast => wire::DialogKind::Broadcast,
        }
    }

    /// The kind of a number of proto; `None` for kinds that are not supported.
    pub fn from_wire(kind: i32) -> Option<Kind> {
        match wire::DialogKind::try_from(kind).ok()? {
            wire::DialogKind::Public => Some(Kind::Public),
            wire::DialogKind::Group => Some(Kind::Group),
            wire::DialogKind::Private => Some(Kind::Private),
            wire::DialogKind::Broadcast => Some(Kind::Broadcast),
            wire::DialogKind::Unspecified => None,
        }
    }

    /// Whether everybody of the app may read and write.
    pub fn is_public(self) -> bool {
        matches!(self, Kind::Public | Kind::Broadcast)
    }
}

/// What a dialog is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    pub kind: Kind,
    /// Who made it (in a private dialog, whoever wrote or created first), or who runs it since that one left.
    pub owner: UserId,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// The user's role does not allow the action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forbidden;

/// Nobody may write in the dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen;

/// A dialog as it is kept, without its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub facts: Facts,
    /// In a private dialog empty, but for whether it is frozen.
    pub profile: Profile,
    pub members: Members,
}

/// The live state of one dialog, rebuilt from the store and the log whenever its actor starts.
///
/// Invariant: `order` and `tail` describe rows that are stored, and nothing else.
#[derive(Clone, PartialEq, Debug)]
pub struct Dialog {
    pub key: Key,
    pub facts: Facts,
    pub profile: Profile,
    pub members: Members,
    /// What the store calls this state of facts, profile and members.
    pub version: u64,
    order: Order,
    /// Ids of the newest rows.
    tail: Tail,
    /// Ids of the newest messages that were told without being stored; lost when the actor ends.
    unsaved: Tail,
    /// Stamp of the newest edit or removal.
    stamp: u64,
    /// When that one was made, and the one before it, unix milliseconds; 0: never.
    changed_at: i64,
    changed_before_at: i64,
    /// When the newest row was told, unix milliseconds; 0: not by this actor.
    told_at: i64,
}

impl Dialog {
    /// Refuses what is said in a private dialog whose other member is no more.
    pub fn check_listener(&self, speaker: UserId) -> Result<(), UserId> {
        let other = self.members.other_than(speaker).filter(|_| self.facts.kind == Kind::Private);
        match other.filter(|other| self.members.get(*other).is_some_and(|view| view.gone)) {
            Some(other) => Err(other),
            None => Ok(()),
        }
    }

    /// A dialog whose log is empty. `limits` bounds what is remembered of its messages.
    pub fn new(key: Key, kept: Kept, limits: &Limits) -> Dialog {
        let (tail, unsaved) = (Tail::new(limits.tail_ids), Tail::new(limits.unsaved_ids));
        let Kept { facts, profile, members } = kept;
        Dialog {
            key,
            facts,
            profile,
            members,
            version: 0,
            order: Order::default(),
            tail,
            unsaved,
            stamp: 0,
            changed_at: 0,
            changed_before_at: 0,
            told_at: 0,
        }
    }

    /// Takes over what the store calls it.
    pub fn with_version(mut self, version: u64) -> Dialog {
        self.version = version;
        self
    }

    /// Takes over what the log says: its newest row, the stamp of its newest change, the ids of its newest rows.
    pub fn with_log(mut self, order: Order, stamp: u64, rows: impl IntoIterator<Item = Known>) -> Dialog {
        self.order = order;
        self.stamp = stamp;
        rows.into_iter().for_each(|known| self.tail.push(known));
        self
    }

    /// Takes over when the newest change was made. When the one before it was nobody knows; not later.
    pub fn with_changed_at(mut self, at: i64) -> Dialog {
        (self.changed_at, self.changed_before_at) = (at, at);
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

    /// When the newest edit or removal below this stamp was made, unix milliseconds, or later; 0: never.
    pub fn changed_at_below(&self, stamp: u64) -> i64 {
        if stamp == self.stamp { self.changed_before_at } else { self.changed_at }
    }

    /// When the newest row was told, unix milliseconds; 0: not by this actor.
    pub fn told_at(&self) -> i64 {
        self.told_at
    }

    /// Whether every row's id is in memory, so that an id not found there does not exist.
    pub fn remembers_all(&self) -> bool {
        self.tail.len() as u64 >= self.order.head
    }

    /// Rows in memory that carry the id, as their own or as the one their client gave.
    pub fn known(&self, id: natter_proto::MessageId) -> impl Iterator<Item = &Known> {
        self.tail.find(id)
    }

    /// The user's view, if he may do this. A guest of a public dialog sees all of it.
    pub fn may(&self, user: UserId, action: Action) -> Result<Member, Forbidden> {
        match rights::may(self.facts.kind, self.role(user), action) {
            true => Ok(self.members.get(user).copied().unwrap_or_default()),
            false => Err(Forbidden),
        }
    }

    /// Refuses whoever writes while the dialog is frozen.
    pub fn check_writable(&self) -> Result<(), Frozen> {
        if self.profile.frozen { Err(Frozen) } else { Ok(()) }
    }

    /// The dialog as it is kept.
    pub fn kept(&self) -> Kept {
        Kept { facts: self.facts, profile: self.profile.clone(), members: self.members.clone() }
    }

    /// The dialog is kept like this now, under this version.
    pub fn apply_kept(&mut self, kept: Kept, version: u64) {
        let Kept { facts, profile, members } = kept;
        (self.facts, self.profile, self.members, self.version) = (facts, profile, members, version);
    }

    /// The state moves over rows that are stored and told at `now_ms`.
    pub fn apply(&mut self, batch: post::Batch, now_ms: i64) {
        debug_assert!(batch.known.first().is_none_or(|first| first.seq == self.order.head + 1));
        (self.order, self.told_at) = (batch.order, now_ms);
        batch.known.into_iter().for_each(|known| self.tail.push(known));
    }

    /// Remembers a message that was told or kept without being stored.
    pub fn apply_unsaved(&mut self, known: Known) {
        self.unsaved.push(known);
    }

    /// A row that was repeated has been told, again at `again_at` (unix milliseconds) if it was not known to be.
    pub fn apply_told(&mut self, seq: u64, again_at: Option<i64>) {
        self.tail.told(seq);
        if let Some(at) = again_at.filter(|_| seq == self.order.head) {
            self.told_at = at;
        }
    }

    /// An edit or a removal of this time (unix milliseconds) got this stamp.
    pub fn apply_change(&mut self, stamp: u64, at: i64) {
        if stamp > self.stamp {
            (self.stamp, self.changed_before_at, self.changed_at) = (stamp, self.changed_at, at);
        }
    }

    /// The dialog as proto carries it for this user.
    pub fn to_wire(&self, user: UserId) -> wire::Dialog {
        let ids = self.members.ids();
        let view = self.members.get(user).copied().unwrap_or_default();
        to_wire(self.key, &self.facts, &self.profile, &ids, view, self.order.updated_at)
    }
}

/// The newest activity of a dialog, unix milliseconds; `row_at`: when its newest row was made, 0: never.
pub fn moved_at(facts: &Facts, profile: &Profile, row_at: i64) -> i64 {
    row_at.max(facts.created_at).max(profile.changed_at)
}

/// A dialog as proto carries it; `row_at`: when its newest row was made, unix milliseconds, 0: never.
pub fn to_wire(key: Key, facts: &Facts, profile: &Profile, members: &[u64], view: Member, row_at: i64) -> wire::Dialog {
    // The list of those who are in a public dialog is asked for apart (contract rest 4.8).
    let listed = if facts.kind.is_public() { Vec::new() } else { members.to_vec() };
    wire::Dialog {
        id: key.dialog.to_vec(),
        app: key.app.0,
        kind: facts.kind.to_wire() as i32,
        owner: facts.owner.0,
        members: listed,
        name: profile.name.clone(),
        photo: profile.photo.clone(),
        description: profile.description.clone(),
        created_at: facts.created_at,
        updated_at: moved_at(facts, profile, row_at),
        admins: profile.admins.iter().map(|user| user.0).collect(),
        pinned: profile.pinned.iter().map(|id| id.to_vec()).collect(),
        extensions: profile.extensions.clone().into_iter().collect(),
        allow_preview: profile.allow_preview,
        count: members.len() as u32,
        muted: view.muted,
        frozen: profile.frozen,
        // What the app says, the door adds.
        from_joining: false,
    }
}
