//! The port over `Kv`. Keys are big-endian, so that a prefix is an app, a dialog or a user:
//! `dialogs` (app, dialog), `dialog_members` (app, dialog, user), `dialogs_by_user` (app, user, dialog),
//! `public_dialogs` (app, dialog): those that everybody lists.
//!
//! Who is in a dialog stands in its own row, so that it is loaded and listed by one read; a member has a row only if his view is
//! not the usual one. In the list of a user stands what never changes of a dialog, and his view: truth by dialog, copy by user,
//! written in one batch. Of a private dialog that is all a list needs. What lists read is kept in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::{AppId, DialogId, UserId};
use natter_rpc::async_trait;
use prost::Message;

use super::cache::Cache;
use super::rows::{DialogRow, ListedRow, MemberRow, corrupt, decode};
use super::{DialogStore, Listed, Write};
use crate::dialog::group::Profile;
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Kept, Key, Kind};

const DIALOGS: Table = Table("dialogs");
const MEMBERS: Table = Table("dialog_members");
const BY_USER: Table = Table("dialogs_by_user");
const PUBLIC: Table = Table("public_dialogs");

/// Of every dialog: nobody else writes.
const VERSION: u64 = 0;
/// Bytes of a dialog's id.
const DIALOG_ID: usize = 12;
/// Bytes of a member's key: app, dialog, user.
const MEMBER_KEY: usize = 8 + DIALOG_ID + 8;
/// Rows of members read at once.
const CHUNK: usize = 1_000;

/// Entries of users' lists that are kept in memory, and members with their dialogs: some 60 bytes each.
const LISTED_MAX: usize = 200_000;
const MEMBERS_MAX: usize = 200_000;

/// Dialogs in a `Kv`, whose only writer it must be.
pub(super) struct Embedded {
    db: Kv,
    lists: Arc<Cache<(AppId, UserId), List>>,
    wholes: Arc<Cache<Key, Whole>>,
}

/// The dialogs that a user is a member of, by id.
type List = Vec<(DialogId, ListedRow)>;

/// What a list shows of a dialog that is not private.
struct Whole {
    facts: Facts,
    profile: Arc<Profile>,
    /// Ascending.
    members: Arc<[UserId]>,
}

impl Embedded {
    pub(super) fn new(db: Kv) -> Embedded {
        Embedded { db, lists: Cache::new(LISTED_MAX), wholes: Cache::new(MEMBERS_MAX) }
    }

    /// Commits what changes a dialog and the lists of these users. In a task of its own: who asked may be dropped, and what is kept
    /// in memory must not outlive the write all the same.
    async fn commit(&self, key: Key, users: Vec<(AppId, UserId)>, batch: Batch) -> Result<(), Error> {
        let writing = (self.wholes.writing(vec![key]), self.lists.writing(users));
        let commit = self.db.commit(batch);
        let landing = tokio::spawn(async move {
            let outcome = commit.await;
            drop(writing);
            outcome
        });
        landing.await.unwrap_or_else(|_| Err(Error::Unknown("the process is ending".into())))
    }

    /// The user's list, up to `max` dialogs.
    async fn list(&self, app: AppId, user: UserId, max: usize) -> Result<Arc<List>, Error> {
        if let Some(list) = self.lists.find([(app, user)].iter()).pop().flatten().filter(|list| list.len() <= max) {
            return Ok(list);
        }
        let begun = self.lists.begin();
        let rows = self.db.scan(BY_USER, KeyRange::prefix(user_prefix(app, user)), max).await?;
        let list: Result<List, Error> = rows.iter().map(|(key, row)| Ok((dialog_of(key)?, decode(row)?))).collect();
        let list = Arc::new(list?);
        // A list that was cut is none.
        if list.len() < max {
            self.lists.keep(begun, (app, user), list.clone(), list.len() + 1);
        }
        Ok(list)
    }

    /// What stands in the rows of these dialogs; `None` for those that are gone.
    async fn wholes(&self, keys: &[Key]) -> Result<Vec<Option<Arc<Whole>>>, Error> {
        let begun = self.wholes.begin();
        let mut wholes = self.wholes.find(keys.iter());
        let missing: Vec<usize> = (0..keys.len()).filter(|n| wholes[*n].is_none()).collect();
        if missing.is_empty() {
            return Ok(wholes);
        }
        let rows = self.db.multi_get(DIALOGS, missing.iter().map(|n| dialog_key(keys[*n])).collect()).await?;
        for (n, row) in missing.into_iter().zip(rows) {
            let Some(row) = row else { continue };
            let whole = Arc::new(Whole::of(&decode::<DialogRow>(&row)?)?);
            self.wholes.keep(begun, keys[n], whole.clone(), whole.members.len() + 8);
            wholes[n] = Some(whole);
        }
        Ok(wholes)
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
}

#[async_trait]
impl DialogStore for Embedded {
    async fn load(&self, key: Key) -> Result<Option<(Kept, u64)>, Error> {
        let Some(row) = self.db.get(DIALOGS, &dialog_key(key)).await? else { return Ok(None) };
        let row: DialogRow = decode(&row)?;
        let views = self.views(key).await?;
        let (facts, profile) = (row.facts()?, row.profile()?);
        let view = |user| (user, views.get(&user).copied().unwrap_or_default());
        let members: Members = row.members.iter().map(|user| view(UserId(*user))).collect();
        Ok(Some((Kept { facts, profile, members }, VERSION)))
    }

    async fn create(&self, key: Key, kept: &Kept) -> Result<u64, Error> {
        let mut batch = Batch::new();
        batch.require_absent(DIALOGS, dialog_key(key));
        batch.put(DIALOGS, dialog_key(key), DialogRow::of(kept).encode_to_vec());
        if kept.facts.kind == Kind::Public {
            batch.put(PUBLIC, dialog_key(key), Vec::new());
        }
        kept.members.iter().for_each(|(user, _)| put_member(&mut batch, key, kept, user));
        let users = kept.members.iter().map(|(user, _)| (key.app, user)).collect();
        self.commit(key, users, batch).await.map(|()| VERSION)
    }

    async fn write(&self, key: Key, _version: u64, write: Write<'_>) -> Result<u64, Error> {
        let Write { kept, added, views, removed, gone } = write;
        let put = || added.iter().chain(views);
        let mut batch = Batch::new();
        put().for_each(|user| put_member(&mut batch, key, kept, *user));
        for user in removed {
            batch.delete(MEMBERS, member_key(key, *user));
            batch.delete(BY_USER, by_user_key(key, *user));
        }
        if gone {
            batch.delete(DIALOGS, dialog_key(key));
            batch.delete(PUBLIC, dialog_key(key));
        } else {
            batch.put(DIALOGS, dialog_key(key), DialogRow::of(kept).encode_to_vec());
        }
        let users = put().chain(removed).map(|user| (key.app, *user)).collect();
        self.commit(key, users, batch).await.map(|()| VERSION)
    }

    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error> {
        let list = self.list(app, user, max).await?;
        let mut listed: BTreeMap<DialogId, ListedRow> = list.iter().cloned().collect();
        for (key, _) in self.db.scan(PUBLIC, KeyRange::prefix(app.0.to_be_bytes()), max).await? {
            listed.entry(dialog_of(&key)?).or_default();
        }
        let open = listed.iter().filter(|(_, row)| row.other == 0);
        let keys: Vec<Key> = open.map(|(dialog, _)| Key { app, dialog: *dialog }).collect();
        let mut wholes = self.wholes(&keys).await?.into_iter();
        let (mut all, empty) = (Vec::with_capacity(listed.len()), Arc::new(Profile::default()));
        for (dialog, row) in listed {
            let (key, member) = (Key { app, dialog }, row.member.clone().unwrap_or_default().into());
            if row.other != 0 {
                let other = UserId(row.other);
                let members: Arc<[UserId]> = [user.min(other), user.max(other)].into();
                all.push(Listed { key, facts: row.facts()?, profile: empty.clone(), members, member });
            } else if let Some(whole) = wholes.next().flatten() {
                let (profile, members) = (whole.profile.clone(), whole.members.clone());
                all.push(Listed { key, facts: whole.facts, profile, members, member });
            }
            // Else it was deleted between the two reads.
        }
        Ok(all)
    }

    async fn memberships(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<(DialogId, Kind)>, Error> {
        self.list(app, user, max).await?.iter().map(|(dialog, row)| Ok((*dialog, row.kind()?))).collect()
    }

    async fn views(&self, after: Option<(Key, UserId)>, max: usize) -> Result<Vec<(Key, UserId, Member)>, Error> {
        let from = after.map_or(Vec::new(), |(key, user)| [&member_key(key, user)[..], &[0]].concat());
        let rows = self.db.scan(MEMBERS, KeyRange::between(from, [u8::MAX; MEMBER_KEY + 1]), max).await?;
        rows.iter().map(|(key, row)| Ok((dialog_of_member(key)?, user_of(key)?, decode::<MemberRow>(row)?.into()))).collect()
    }

    async fn of_app(&self, app: AppId, after: Option<DialogId>, max: usize) -> Result<Vec<DialogId>, Error> {
        let from = match after {
            Some(dialog) => [&dialog_key(Key { app, dialog })[..], &[0]].concat(),
            None => app.0.to_be_bytes().to_vec(),
        };
        let upto = [&app.0.to_be_bytes()[..], &[u8::MAX; DIALOG_ID + 1]].concat();
        let rows = self.db.scan(DIALOGS, KeyRange::between(from, upto), max).await?;
        rows.iter().map(|(key, _)| dialog_of(key)).collect()
    }

    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error> {
        Ok(self.list(app, user, max).await?.len())
    }

    // What lists have in memory of the app is asked by nobody any more.
    async fn erase(&self, app: AppId, max: usize) -> Result<usize, Error> {
        let mut count = 0;
        for table in [BY_USER, PUBLIC, MEMBERS, DIALOGS] {
            count = count.max(self.db.clear(table, KeyRange::prefix(app.0.to_be_bytes()), max).await?);
        }
        Ok(count)
    }
}

impl Whole {
    fn of(row: &DialogRow) -> Result<Whole, Error> {
        let mut members: Vec<UserId> = row.members.iter().copied().map(UserId).collect();
        members.sort_unstable();
        Ok(Whole { facts: row.facts()?, profile: Arc::new(row.profile()?), members: members.into() })
    }
}

// === rows and keys ===

fn put_member(batch: &mut Batch, key: Key, kept: &Kept, user: UserId) {
    let Some(view) = kept.members.get(user).copied() else { return };
    match view == Member::default() {
        true => batch.delete(MEMBERS, member_key(key, user)),
        false => batch.put(MEMBERS, member_key(key, user), MemberRow::from(view).encode_to_vec()),
    }
    match view.gone {
        true => batch.delete(BY_USER, by_user_key(key, user)),
        false => batch.put(BY_USER, by_user_key(key, user), ListedRow::of(kept, user, view).encode_to_vec()),
    }
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

fn dialog_of_member(key: &[u8]) -> Result<Key, Error> {
    let app = key.first_chunk().ok_or_else(|| corrupt("key of a member"))?;
    let dialog = key.get(8..20).and_then(|id| DialogId::try_from(id).ok()).ok_or_else(|| corrupt("key of a member"))?;
    Ok(Key { app: AppId(u64::from_be_bytes(*app)), dialog })
}

fn dialog_of(key: &[u8]) -> Result<DialogId, Error> {
    let dialog = key.last_chunk().ok_or_else(|| corrupt("key of a listed dialog"))?;
    Ok(DialogId(*dialog))
}
