//! The port on ScyllaDB. The truth of a dialog is its row in `dialogs`, which is changed by compare-and-set of its version, and the rows of
//! its members, in one partition; lists by user are copies.
//!
//! A change is one condition on the dialog's row: it brings the next version, the profile, and what follows from the change for
//! members and lists (`pending`). From then on it stands. What follows is written plainly, under the version as timestamp, and
//! when all of it is written `dialogs_settled` says so. Whoever loads a dialog whose version is not settled writes what follows
//! once more, before he reads members. So two owners, or an owner that was cut off, come to the same rows in any order.
//!
//! | Cut off | What is found | Who repairs |
//! |---|---|---|
//! | before the condition of a change, or it did not hold | nothing was written; of a dialog that was to be made a row in `dialogs_of_app`, which an erasure takes away | nobody needs to |
//! | behind it | the dialog as it was changed; lists and members as before, some as after | whoever loads the dialog next, also only to read it |
//! | behind all that follows, before it is settled | everything; it is written once more | the same |
//! | while it was being cleared | a row without content, and maybe members and lists that still have it | the same; a list leaves it out at once, unless it is private |
//!
//! Until then a user's list may lack a dialog that he came to, and his quota may not count it; that he may read and write
//! there is decided by the members, which are repaired first. The row of a dialog that is gone stays, without content: its
//! versions go on, so that what is late cannot come back. An app is erased along `dialogs_of_app`.

mod erase;
mod settle;
mod statements;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use natter_db::Error;
use natter_db::cql::Cql;
use natter_proto::{AppId, DialogId, UserId};
use natter_rpc::async_trait;
use prost::Message;

use self::settle::{AT_ONCE, PAGE, settle};
use self::statements::*;
use super::cache::Cache;
use super::rows::{self, DialogRow, ListedRow, MemberRow, Pending, PutRow, corrupt, decode};
use super::{DialogStore, Listed, Write};
use crate::dialog::group::Profile;
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Kept, Key, Kind};
pub use statements::TABLES;

/// Members that are kept in memory, with their dialogs.
const MEMBERS_MAX: usize = 200_000;
/// A dialog that changes so often while it is read is not read.
const TRIES: usize = 5;

/// Dialogs in tables that many processes write.
pub struct OnCql {
    cql: Cql,
    /// What was read, to be believed as long as the dialog has that version.
    known: Arc<Cache<Key, Known>>,
}

struct Known {
    version: u64,
    kept: Kept,
}

/// A row of `dialogs`.
pub struct Found {
    version: u64,
    /// Absent: the dialog is gone.
    row: Option<DialogRow>,
    pending: Pending,
}

impl OnCql {
    pub fn new(cql: Cql) -> OnCql {
        OnCql { cql, known: Cache::new(MEMBERS_MAX) }
    }

    async fn found(&self, key: Key) -> Result<Option<Found>, Error> {
        type Row = (Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>);
        let found = self.cql.row::<Row>(GET, (key.app.0 as i64, dialog_of(key))).await?;
        let Some((version, row, pending)) = found else { return Ok(None) };
        let version = version.ok_or_else(|| corrupt("version of a dialog"))? as u64;
        let row = row.map(|row| decode::<DialogRow>(&row)).transpose()?;
        Ok(Some(Found { version, row, pending: decode(&pending.unwrap_or_default())? }))
    }

    /// The dialog with its members, all of one version.
    async fn known(&self, key: Key) -> Result<Option<Arc<Known>>, Error> {
        for _ in 0..TRIES {
            let Some(found) = self.found(key).await? else { return Ok(None) };
            let known = self.known.find([key].iter()).pop().flatten();
            if let Some(known) = known.filter(|known| known.version == found.version) {
                return Ok(Some(known));
            }
            let place = (key.app.0 as i64, dialog_of(key));
            let settled = self.cql.row::<(Option<i64>,)>(SETTLED, place.clone()).await?;
            if settled.and_then(|(version,)| version).is_none_or(|version| (version as u64) < found.version) {
                settle(&self.cql, key, &found).await?;
            }
            let Some(row) = &found.row else { return Ok(None) };
            let kept = Kept { facts: row.facts()?, profile: row.profile()?, members: self.members(key).await? };
            let after = self.cql.row::<(Option<i64>,)>(VERSION, place).await?.and_then(|(version,)| version);
            if after == Some(found.version as i64) {
                return Ok(Some(self.keep(key, found.version, kept)));
            }
        }
        Err(Error::Unknown("a dialog changes faster than it is read".into()))
    }

    async fn members(&self, key: Key) -> Result<Members, Error> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = settle::members(&self.cql, key, after, PAGE).await?;
            let (count, last) = (page.len(), page.last().map(|last| last.user));
            all.extend(page.into_iter().filter_map(|one| Some((one.place?, one.user, Member::from(one.row)))));
            if count < PAGE {
                break;
            }
            after = last;
        }
        all.sort_unstable_by_key(|(place, user, _)| (*place, *user));
        Ok(all.into_iter().map(|(_, user, view)| (user, view)).collect())
    }

    fn keep(&self, key: Key, version: u64, kept: Kept) -> Arc<Known> {
        let (weight, known) = (kept.members.len() + 8, Arc::new(Known { version, kept }));
        self.known.keep(self.known.begin(), key, known.clone(), weight);
        known
    }

    /// The condition of a change, and what it brings if it held.
    async fn change(&self, key: Key, from: u64, write: &Write<'_>) -> Result<Option<Found>, Error> {
        let found = Found::of(from + 1, write);
        let (row, pending) = found.columns();
        let values = (stamp_of(found.version), row, pending, key.app.0 as i64, dialog_of(key), stamp_of(from));
        Ok(self.cql.change(MOVE, values).await?.then_some(found))
    }

    /// The change stands; what follows from it does now, or when the dialog is loaded again.
    async fn follow(&self, key: Key, found: &Found) -> Result<u64, Error> {
        let settled = settle(&self.cql, key, found).await;
        settled.map_err(|error| Error::Unknown(format!("a dialog was changed, and not all that follows: {error}")))?;
        Ok(found.version)
    }

    async fn list(&self, app: AppId, user: UserId, max: usize) -> Result<BTreeMap<DialogId, ListedRow>, Error> {
        let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = self.cql.rows(LIST, (app.0 as i64, user.0 as i64, limit(max))).await?;
        rows.into_iter().map(|(dialog, row)| Ok((id_of(&dialog)?, decode(&row.unwrap_or_default())?))).collect()
    }
}

#[async_trait]
impl DialogStore for OnCql {
    async fn load(&self, key: Key) -> Result<Option<(Kept, u64)>, Error> {
        Ok(self.known(key).await?.map(|known| (known.kept.clone(), known.version)))
    }

    async fn create(&self, key: Key, kept: &Kept) -> Result<u64, Error> {
        let (app, dialog) = (key.app.0 as i64, dialog_of(key));
        self.cql.write(PUT_OF_APP, (app, bucket_of(key), dialog.clone())).await?;
        let write = Write { kept, added: kept.members.oldest_first(), views: &[], removed: &[], gone: false };
        let first = Found::of(1, &write);
        let (row, pending) = first.columns();
        let made = match self.cql.change(MAKE, (app, dialog, stamp_of(1), row, pending)).await? {
            true => Some(first),
            // There may have been one that is gone.
            false => match self.found(key).await? {
                Some(gone @ Found { row: None, .. }) => {
                    settle(&self.cql, key, &gone).await?;
                    self.change(key, gone.version, &write).await?
                }
                _ => None,
            },
        };
        self.follow(key, &made.ok_or(Error::Condition)?).await
    }

    async fn write(&self, key: Key, version: u64, write: Write<'_>) -> Result<u64, Error> {
        let found = self.change(key, version, &write).await?.ok_or(Error::Condition)?;
        let version = self.follow(key, &found).await?;
        if !write.gone {
            self.keep(key, version, write.kept.clone());
        }
        Ok(version)
    }

    async fn of_user(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<Listed>, Error> {
        let mut listed = self.list(app, user, max).await?;
        let public: Vec<(Vec<u8>,)> = self.cql.rows(PUBLIC, (app.0 as i64, limit(max))).await?;
        for (dialog,) in public {
            listed.entry(id_of(&dialog)?).or_default();
        }
        let empty = Arc::new(Profile::default());
        let all = listed.into_iter().map(|(dialog, row)| self.listed(Key { app, dialog }, user, row, &empty));
        let all: Vec<Option<Listed>> = stream::iter(all).buffered(AT_ONCE).try_collect().await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn memberships(&self, app: AppId, user: UserId, max: usize) -> Result<Vec<(DialogId, Kind)>, Error> {
        let list = self.list(app, user, max).await?;
        list.into_iter().map(|(dialog, row)| Ok((dialog, row.kind()?))).collect()
    }

    async fn views(&self, after: Option<(Key, UserId)>, max: usize) -> Result<Vec<(Key, UserId, Member)>, Error> {
        type Row = (i64, Vec<u8>, i64, Option<Vec<u8>>);
        let (mut views, mut bucket) = (Vec::new(), after.map_or(0, |(key, _)| bucket_of(key)));
        let mut behind = after;
        while bucket < BUCKETS && views.len() < max {
            let room = limit(max - views.len());
            let rows: Vec<Row> = match behind.take() {
                None => self.cql.rows(JOINS, (bucket, room)).await?,
                Some((key, user)) => {
                    let place = (bucket, key.app.0 as i64, dialog_of(key), user.0 as i64, room);
                    self.cql.rows(JOINS_BEHIND, place).await?
                }
            };
            for (app, dialog, user, row) in rows {
                let key = Key { app: AppId(app as u64), dialog: id_of(&dialog)? };
                views.push((key, UserId(user as u64), decode::<MemberRow>(&row.unwrap_or_default())?.into()));
            }
            bucket += 1;
        }
        Ok(views)
    }

    async fn of_app(&self, app: AppId, after: Option<DialogId>, max: usize) -> Result<Vec<DialogId>, Error> {
        let (mut found, mut behind) = (Vec::new(), after);
        let mut bucket = after.map_or(0, |dialog| bucket_of(Key { app, dialog }));
        while bucket < BUCKETS && found.len() < max {
            let room = limit(max - found.len());
            let rows: Vec<(Vec<u8>,)> = match behind.take() {
                None => self.cql.rows(OF_APP, (app.0 as i64, bucket, room)).await?,
                Some(dialog) => self.cql.rows(OF_APP_BEHIND, (app.0 as i64, bucket, dialog.to_vec(), room)).await?,
            };
            for (dialog,) in rows {
                found.push(id_of(&dialog)?);
            }
            bucket += 1;
        }
        Ok(found)
    }

    async fn count_of_user(&self, app: AppId, user: UserId, max: usize) -> Result<usize, Error> {
        let rows: Vec<(Vec<u8>,)> = self.cql.rows(COUNT, (app.0 as i64, user.0 as i64, limit(max))).await?;
        Ok(rows.len())
    }

    async fn erase(&self, app: AppId, max: usize) -> Result<usize, Error> {
        erase::erase(&self.cql, app, max).await
    }
}

impl OnCql {
    /// An entry of a user's list; `None` if the dialog is gone.
    async fn listed(&self, key: Key, user: UserId, row: ListedRow, empty: &Arc<Profile>) -> Result<Option<Listed>, Error> {
        let member = row.member.clone().unwrap_or_default().into();
        if row.other != 0 {
            let other = UserId(row.other);
            let members: Arc<[UserId]> = [user.min(other), user.max(other)].into();
            return Ok(Some(Listed { key, facts: row.facts()?, profile: empty.clone(), members, member }));
        }
        let Some(known) = self.known(key).await? else { return Ok(None) };
        let Kept { facts, profile, members } = &known.kept;
        let members = members.iter().map(|(user, _)| user).collect();
        Ok(Some(Listed { key, facts: *facts, profile: Arc::new(profile.clone()), members, member }))
    }
}

impl Found {
    /// The dialog as it is after a change.
    fn of(version: u64, write: &Write<'_>) -> Found {
        let Write { kept, added, views, removed, gone } = write;
        let Facts { kind, .. } = kept.facts;
        let view = |user: &UserId| Some(MemberRow::from(*kept.members.get(*user)?));
        let put = |user: &UserId, place| Some(PutRow { user: user.0, member: Some(view(user)?), place });
        let added: BTreeSet<UserId> = added.iter().copied().collect();
        let came = kept.members.oldest_first().iter().filter(|user| added.contains(user)).enumerate();
        // Places grow with versions, and within one as they came.
        let came = came.filter_map(|(n, user)| put(user, Some((version << 20) as i64 + n as i64)));
        let put: Vec<PutRow> = came.chain(views.iter().filter_map(|user| put(user, None))).collect();
        let mut row = DialogRow::of(kept);
        if kind != Kind::Private {
            row.members = Vec::new();
        }
        let pending = match gone {
            true => Pending::default(),
            false => Pending { put, removed: removed.iter().map(|user| user.0).collect(), kind: 0 },
        };
        Found { version, row: (!gone).then_some(row), pending: Pending { kind: kind.to_wire() as i32, ..pending } }
    }

    fn columns(&self) -> (Option<Vec<u8>>, Vec<u8>) {
        (self.row.as_ref().map(DialogRow::encode_to_vec), self.pending.encode_to_vec())
    }
}

fn dialog_of(key: Key) -> Vec<u8> {
    key.dialog.0.to_vec()
}

fn id_of(dialog: &[u8]) -> Result<DialogId, Error> {
    DialogId::try_from(dialog).map_err(|_| corrupt("id of a dialog"))
}

fn stamp_of(version: u64) -> i64 {
    version as i64
}

fn limit(max: usize) -> i32 {
    i32::try_from(max).unwrap_or(i32::MAX)
}

/// The bucket of a dialog: the same in every version of every process. The last bytes of an id are random, or of a hash.
fn bucket_of(key: Key) -> i32 {
    let DialogId(bytes) = key.dialog;
    let app = key.app.0.to_be_bytes();
    let hash = bytes
        .iter()
        .chain(&app)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash >> 32) % BUCKETS as u64) as i32
}
