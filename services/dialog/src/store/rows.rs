//! What stands in the rows of the engines, and what it means.

use std::collections::BTreeMap;

use natter_db::Error;
use natter_proto::{MessageId, UserId};
use prost::Message;

use crate::dialog::group::Profile;
use crate::dialog::members::Member;
use crate::dialog::{Facts, Kept, Kind};

/// A row of `dialogs`.
#[derive(Clone, PartialEq, Message)]
pub struct DialogRow {
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(uint64, tag = "2")]
    pub owner: u64,
    /// Unix milliseconds.
    #[prost(int64, tag = "3")]
    pub created_at: i64,
    /// The oldest member first. On ScyllaDB only those of a private dialog.
    #[prost(uint64, repeated, tag = "4")]
    pub members: Vec<u64>,
    #[prost(string, optional, tag = "5")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub photo: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub description: Option<String>,
    #[prost(btree_map = "string, string", tag = "8")]
    pub extensions: BTreeMap<String, String>,
    #[prost(bool, optional, tag = "9")]
    pub allow_preview: Option<bool>,
    #[prost(uint64, repeated, tag = "10")]
    pub admins: Vec<u64>,
    #[prost(bytes = "vec", repeated, tag = "11")]
    pub pinned: Vec<Vec<u8>>,
    /// Unix milliseconds.
    #[prost(int64, tag = "12")]
    pub changed_at: i64,
    #[prost(bool, tag = "13")]
    pub frozen: bool,
}

/// A row of `dialog_members`.
#[derive(Clone, PartialEq, Message)]
pub struct MemberRow {
    #[prost(uint64, tag = "1")]
    pub cleared_upto: u64,
    #[prost(bool, tag = "2")]
    pub hidden: bool,
    #[prost(bool, tag = "3")]
    pub muted: bool,
    #[prost(bool, tag = "4")]
    pub entered: bool,
    #[prost(bool, tag = "5")]
    pub gone: bool,
}

/// A row of `dialogs_by_user`.
#[derive(Clone, PartialEq, Message)]
pub struct ListedRow {
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// Private dialogs.
    #[prost(uint64, tag = "2")]
    pub owner: u64,
    /// Private dialogs; unix milliseconds.
    #[prost(int64, tag = "3")]
    pub created_at: i64,
    /// Private dialogs: the other one; else 0.
    #[prost(uint64, tag = "4")]
    pub other: u64,
    #[prost(message, optional, tag = "5")]
    pub member: Option<MemberRow>,
}

/// What follows from a change of a dialog: rows of its members, and copies.
#[derive(Clone, PartialEq, Message)]
pub struct Pending {
    #[prost(message, repeated, tag = "1")]
    pub put: Vec<PutRow>,
    #[prost(uint64, repeated, tag = "2")]
    pub removed: Vec<u64>,
    /// The kind of the dialog, also of one that is gone.
    #[prost(int32, tag = "3")]
    pub kind: i32,
}

/// A member whose rows are written.
#[derive(Clone, PartialEq, Message)]
pub struct PutRow {
    #[prost(uint64, tag = "1")]
    pub user: u64,
    #[prost(message, optional, tag = "2")]
    pub member: Option<MemberRow>,
    /// His place in the order in which members came; absent: he keeps his.
    #[prost(int64, optional, tag = "3")]
    pub place: Option<i64>,
}

impl DialogRow {
    pub fn of(kept: &Kept) -> DialogRow {
        let Kept { facts, profile, members } = kept;
        let Profile { name, photo, description, extensions, allow_preview, admins, pinned, changed_at, frozen } = profile.clone();
        DialogRow {
            kind: facts.kind.to_wire() as i32,
            owner: facts.owner.0,
            created_at: facts.created_at,
            members: members.oldest_first().iter().map(|user| user.0).collect(),
            name,
            photo,
            description,
            extensions,
            allow_preview,
            admins: admins.into_iter().map(|user| user.0).collect(),
            pinned: pinned.into_iter().map(MessageId::to_vec).collect(),
            changed_at,
            frozen,
        }
    }

    pub fn facts(&self) -> Result<Facts, Error> {
        facts(self.kind, self.owner, self.created_at)
    }

    pub fn profile(&self) -> Result<Profile, Error> {
        let pinned = self.pinned.iter().map(|id| MessageId::try_from(id.as_slice()));
        let pinned: Result<Vec<MessageId>, _> = pinned.collect();
        Ok(Profile {
            name: self.name.clone(),
            photo: self.photo.clone(),
            description: self.description.clone(),
            extensions: self.extensions.clone(),
            allow_preview: self.allow_preview,
            admins: self.admins.iter().copied().map(UserId).collect(),
            pinned: pinned.map_err(|_| corrupt("pinned message of a dialog"))?,
            changed_at: self.changed_at,
            frozen: self.frozen,
        })
    }
}

impl ListedRow {
    pub fn of(kept: &Kept, user: UserId, view: Member) -> ListedRow {
        let Facts { kind, owner, created_at } = kept.facts;
        let (kind_, member) = (kind.to_wire() as i32, Some(MemberRow::from(view)));
        match kind {
            Kind::Private => {
                let other = kept.members.other_than(user).map_or(0, |other| other.0);
                ListedRow { kind: kind_, owner: owner.0, created_at, other, member }
            }
            // What may change is read with the dialog.
            _ => ListedRow { kind: kind_, member, ..ListedRow::default() },
        }
    }

    /// The same from the rows of a dialog and a member.
    pub fn of_rows(row: &DialogRow, user: u64, view: MemberRow) -> ListedRow {
        let (kind, member) = (row.kind, Some(view));
        if row.kind != Kind::Private.to_wire() as i32 {
            return ListedRow { kind, member, ..ListedRow::default() };
        }
        let other = row.members.iter().copied().find(|one| *one != user).unwrap_or_default();
        ListedRow { kind, owner: row.owner, created_at: row.created_at, other, member }
    }

    pub fn kind(&self) -> Result<Kind, Error> {
        kind(self.kind)
    }

    /// Of a private dialog.
    pub fn facts(&self) -> Result<Facts, Error> {
        facts(self.kind, self.owner, self.created_at)
    }
}

impl From<Member> for MemberRow {
    fn from(view: Member) -> MemberRow {
        let Member { cleared_upto, hidden, muted, entered, gone } = view;
        MemberRow { cleared_upto, hidden, muted, entered, gone }
    }
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Member {
        let MemberRow { cleared_upto, hidden, muted, entered, gone } = row;
        Member { cleared_upto, hidden, muted, entered, gone }
    }
}

fn facts(kind: i32, owner: u64, created_at: i64) -> Result<Facts, Error> {
    Ok(Facts { kind: self::kind(kind)?, owner: UserId(owner), created_at })
}

pub fn kind(kind: i32) -> Result<Kind, Error> {
    Kind::from_wire(kind).ok_or_else(|| corrupt("kind of a dialog"))
}

pub fn decode<T: Message + Default>(row: &[u8]) -> Result<T, Error> {
    T::decode(row).map_err(|_| corrupt("row of a dialog"))
}

pub fn corrupt(what: &str) -> Error {
    Error::Corrupt(format!("{what} cannot be read"))
}
