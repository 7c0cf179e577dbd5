//! The port over `Kv`. Keys are big-endian, so that a prefix is an app, a dialog or a user:
//! `dialogs` (app, dialog), `dialog_members` (app, dialog, user), `dialogs_by_user` (app, user, dialog),
//! `public_dialogs` (app, dialog): those that everybody lists.
//!
//! Who is in a dialog stands in its own row, so that it is loaded and listed by one read; a member has a row only if his view is
//! not the usual one. In the list of a user stands what never changes of a dialog, and his view: truth by dialog, copy by user,
//! written in one batch. Of a private dialog that is all a list needs.

mod rows;

use std::collections::BTreeMap;

use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::{AppId, DialogId, UserId};
use natter_rpc::async_trait;
use prost::Message;

use self::rows::{DialogRow, ListedRow, MemberRow, corrupt, decode};
use super::{DialogStore, Listed, Write};
use crate::dialog::members::{Member, Members};
use crate::dialog::{Kept, Key, Kind};

const DIALOGS: Table = Table("dialogs");
const MEMBERS: Table = Table("dialog_members");
const BY_USER: Table = Table("dialogs_by_user");
const PUBLIC: Table = Table("public_dialogs");

/// Rows of members read at once.
const CHUNK: usize = 1_000;

/// Dialogs in a `Kv`.
pub(super) struct Embedded {
    db: Kv,
}

impl Embedded {
    pub(super) fn new(db: Kv) -> Embedded {
        Embedded { db }
    }

    /// The views of members that are not the usual one.
    async fn views(&self, key: Key) -> Result<BTreeMap<UserId, Member>, Error> {
        let mut views = BTreeMap::new();
        let (mut from, upto) = (dialog_key(key), member_key(key, UserId(u64::MAX)));
        loop {
            let rows = self.db.scan(MEMBERS, KeyRange::between(&from, &upto), CHUNK).await?;
            for (key, row) in &rows {
                views.insert(user_of(key)?, decode::<MemberRow>(row)?.into());
            }
            match rows.last() {
                Some((last, _)) if rows.len() == CHUNK => from = [last.as_ref(), &[0]].concat(),
                _ => return Ok(views),
            }
        }
    }

    /// What stands in the rows of these dialogs; `None` for those that are gone.
    async fn rows(&self, keys: &[Key]) -> Result<Vec<Option<DialogRow>>, Error> {
        let rows = self.db.multi_get(DIALOGS, keys.iter().map(|key| dialog_key(*key)).collect()).await?;
        rows.into_iter().map(|row| row.map(|row| decode(&row)).transpose()).collect()
    }
}

#[async_trait]
impl DialogStore for Embedded {
    async fn load(&self, key: Key) -> Result<Option<Kept>, Error> {
        let Some(row) = self.db.get(DIALOGS, &dialog_key(key)).await? else { return Ok(None) };
        let row: DialogRow = decode(&row)?;
        let views = self.views(key).await?;
        let (facts, profile) = (row.facts()?, row.profile()?);
        let view = |user| (user, views.get(&user).copied().unwrap_or_default());
        let members: Members = row.members.iter().map(|user| view(UserId(*user))).collect();
        Ok(Some(Kept { facts, profile, members }))
    }

    async fn create(&self, key: Key, kept: &Kept) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.require_absent(DIALOGS, dialog_key(key));
        batch.put(DIALOGS, dialog_key(key), DialogRow::of(kept).encode_to_vec());
        if kept.facts.kind == Kind::Public {
            batch.put(PUBLIC, dialog_key(key), Vec::new());
        }
        kept.members.iter().for_each(|(user, _)| put_member(&mut batch, key, kept, user));
        self.db.commit(batch).await
    }

    async fn write(&self, key: Key, write: Write<'_>) -> Result<(), Error> {
        let Write { kept, put, removed, gone } = write;
        let mut batch = Batch::new();
        put.iter().for_each(|user| put_member(&mut batch, key, kept, *user));
        for user in removed {
            batch.delete(MEMBERS, member_key(key, *user));
            batch.delete(BY_USER, by_user_key(key, *user));
        }
        if gone {
            batch.delete(DIALOGS, dialog_key(key));
            batch.delete(PUBLIC, dialog_key(key));
        } else if kept.facts.kind != Kind::Private {
            batch.put(DIALOGS, dialog_key(key), DialogRow::of(kept).encode_to_vec());
        }
        self.db.commit(batch).await
    }

    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error> {
        let mut listed: BTreeMap<DialogId, (ListedRow, Option<DialogRow>)> = BTreeMap::new();
        for (key, row) in self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await? {
            listed.insert(dialog_of(&key)?, (decode(&row)?, None));
        }
        for (key, _) in self.db.scan(PUBLIC, KeyRange::prefix(app.0.to_be_bytes()), max).await? {
            listed.entry(dialog_of(&key)?).or_default();
        }
        let open = listed.iter().filter(|(_, (row, _))| row.other == 0);
        let keys: Vec<Key> = open.map(|(dialog, _)| Key { app, dialog: *dialog }).collect();
        let rows = self.rows(&keys).await?;
        for (key, row) in keys.iter().zip(rows) {
            match (row, listed.get_mut(&key.dialog)) {
                (Some(row), Some(entry)) => entry.1 = Some(row),
                // Deleted between the two reads.
                _ => drop(listed.remove(&key.dialog)),
            }
        }
        listed.into_iter().map(|(dialog, (row, whole))| entry(Key { app, dialog }, user, row, whole)).collect()
    }

    async fn memberships(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<(DialogId, Kind)>, Error> {
        let rows = self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await?;
        rows.iter().map(|(key, row)| Ok((dialog_of(key)?, decode::<ListedRow>(row)?.kind()?))).collect()
    }

    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error> {
        Ok(self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await?.len())
    }
}

// === rows and keys ===

fn put_member(batch: &mut Batch, key: Key, kept: &Kept, user: UserId) {
    let Some(view) = kept.members.get(user).copied() else { return };
    match view == Member::default() {
        true => batch.delete(MEMBERS, member_key(key, user)),
        false => batch.put(MEMBERS, member_key(key, user), MemberRow::from(view).encode_to_vec()),
    }
    batch.put(BY_USER, by_user_key(key, user), ListedRow::of(kept, user, view).encode_to_vec());
}

fn entry(key: Key, user: UserId, row: ListedRow, whole: Option<DialogRow>) -> Result<Listed, Error> {
    let member = row.member.clone().unwrap_or_default().into();
    let Some(whole) = whole else {
        let mut members = vec![user, UserId(row.other)];
        members.sort_unstable();
        return Ok(Listed { key, facts: row.facts()?, profile: Default::default(), members, member });
    };
    let mut members: Vec<UserId> = whole.members.iter().copied().map(UserId).collect();
    members.sort_unstable();
    Ok(Listed { key, facts: whole.facts()?, profile: whole.profile()?, members, member })
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

fn user_of(key: &[u8]) -> Result<UserId, Error> {
    let user = key.last_chunk().ok_or_else(|| corrupt("key of a member"))?;
    Ok(UserId(u64::from_be_bytes(*user)))
}

fn dialog_of(key: &[u8]) -> Result<DialogId, Error> {
    let dialog = key.last_chunk().ok_or_else(|| corrupt("key of a listed dialog"))?;
    Ok(DialogId(*dialog))
}
