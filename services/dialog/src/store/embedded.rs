//! The port over `Kv`. Three tables, keys big-endian so that a prefix is an app, a dialog or a user:
//! `dialogs` (app, dialog), `dialog_members` (app, dialog, user), `dialogs_by_user` (app, user, dialog).
//! The member's view stands in the last two: truth by dialog, copy by user, written in one batch.

use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::{AppId, DialogId, UserId};
use natter_rpc::async_trait;
use prost::Message;

use super::{DialogStore, Kept, Listed};
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Key, Kind};

const DIALOGS: Table = Table("dialogs");
const MEMBERS: Table = Table("dialog_members");
const BY_USER: Table = Table("dialogs_by_user");

/// A row of `dialogs`.
#[derive(Clone, PartialEq, Message)]
struct DialogRow {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "2")]
    owner: u64,
    /// Unix milliseconds.
    #[prost(int64, tag = "3")]
    created_at: i64,
}

/// A row of `dialog_members`.
#[derive(Clone, PartialEq, Message)]
struct MemberRow {
    #[prost(uint64, tag = "1")]
    cleared_upto: u64,
    #[prost(bool, tag = "2")]
    hidden: bool,
}

/// A row of `dialogs_by_user`.
#[derive(Clone, PartialEq, Message)]
struct ListedRow {
    #[prost(message, required, tag = "1")]
    dialog: DialogRow,
    #[prost(message, required, tag = "2")]
    member: MemberRow,
    /// Private dialogs: the other one.
    #[prost(uint64, tag = "3")]
    other: u64,
}

/// Dialogs in a `Kv`.
pub(super) struct Embedded {
    db: Kv,
}

impl Embedded {
    pub(super) fn new(db: Kv) -> Embedded {
        Embedded { db }
    }
}

#[async_trait]
impl DialogStore for Embedded {
    async fn load(&self, key: Key) -> Result<Option<Kept>, Error> {
        let Some(row) = self.db.get(DIALOGS, &dialog_key(key)).await? else { return Ok(None) };
        let facts = facts(decode(&row)?)?;
        // A private dialog has two; other kinds read theirs in parts.
        let rows = self.db.scan(MEMBERS, KeyRange::prefix(dialog_key(key)), 2).await?;
        let members: Result<Members, Error> = rows.iter().map(|(key, row)| member(key, row)).collect();
        Ok(Some(Kept { facts, members: members? }))
    }

    async fn create(&self, key: Key, kept: &Kept) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.require_absent(DIALOGS, dialog_key(key));
        batch.put(DIALOGS, dialog_key(key), dialog_row(&kept.facts).encode_to_vec());
        kept.members.iter().for_each(|(user, _)| put_view(&mut batch, key, kept, user));
        self.db.commit(batch).await
    }

    async fn set_views(&self, key: Key, kept: &Kept, users: &[UserId]) -> Result<(), Error> {
        let mut batch = Batch::new();
        users.iter().for_each(|user| put_view(&mut batch, key, kept, *user));
        self.db.commit(batch).await
    }

    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error> {
        let rows = self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await?;
        rows.iter().map(|(key, row)| listed(app, key, row)).collect()
    }

    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error> {
        Ok(self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await?.len())
    }
}

// === writing ===

fn put_view(batch: &mut Batch, key: Key, kept: &Kept, user: UserId) {
    let Some(member) = kept.members.get(user) else { return };
    let member = MemberRow { cleared_upto: member.cleared_upto, hidden: member.hidden };
    let other = kept.members.other_than(user).map_or(0, |other| other.0);
    let listed = ListedRow { dialog: dialog_row(&kept.facts), member: member.clone(), other };
    batch.put(MEMBERS, member_key(key, user), member.encode_to_vec());
    batch.put(BY_USER, by_user_key(key, user), listed.encode_to_vec());
}

fn dialog_row(facts: &Facts) -> DialogRow {
    DialogRow { kind: facts.kind.to_wire() as i32, owner: facts.owner.0, created_at: facts.created_at }
}

fn dialog_key(key: Key) -> Vec<u8> {
    [key.app.0.to_be_bytes().as_slice(), &key.dialog.0].concat()
}

fn member_key(key: Key, user: UserId) -> Vec<u8> {
    [dialog_key(key).as_slice(), &user.0.to_be_bytes()].concat()
}

fn user_prefix(app: AppId, user: UserId) -> Vec<u8> {
    [app.0.to_be_bytes(), user.0.to_be_bytes()].concat()
}

fn by_user_key(key: Key, user: UserId) -> Vec<u8> {
    [user_prefix(key.app, user).as_slice(), &key.dialog.0].concat()
}

// === reading ===

fn facts(row: DialogRow) -> Result<Facts, Error> {
    let kind = Kind::from_wire(row.kind).ok_or_else(|| corrupt("kind of a dialog"))?;
    Ok(Facts { kind, owner: UserId(row.owner), created_at: row.created_at })
}

fn member(key: &[u8], row: &[u8]) -> Result<(UserId, Member), Error> {
    let user = key.last_chunk().ok_or_else(|| corrupt("key of a member"))?;
    Ok((UserId(u64::from_be_bytes(*user)), view(decode(row)?)))
}

fn view(row: MemberRow) -> Member {
    Member { cleared_upto: row.cleared_upto, hidden: row.hidden }
}

fn listed(app: AppId, key: &[u8], row: &[u8]) -> Result<Listed, Error> {
    let dialog = key.last_chunk().ok_or_else(|| corrupt("key of a listed dialog"))?;
    let ListedRow { dialog: row, member, other } = decode(row)?;
    let key = Key { app, dialog: DialogId(*dialog) };
    Ok(Listed { key, facts: facts(row)?, other: UserId(other), member: view(member) })
}

fn decode<T: Message + Default>(row: &[u8]) -> Result<T, Error> {
    T::decode(row).map_err(|_| corrupt("row of a dialog"))
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt(format!("{what} cannot be read"))
}
