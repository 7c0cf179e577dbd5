//! Users: a row each, in a partition of its own, changed by compare-and-set of its version; and by app the ids of those that were ever
//! begun, in slices, for pages and for the erasure of an app.
//!
//! Steps of `add_user`, and what a crash behind each leaves:
//!
//! | step | left by a crash | who mends it |
//! |---|---|---|
//! | 1. id noted by app; names noted by user; end of a guest noted | notes of nobody | pages and sweeps pass over them; erasures remove them |
//! | 2. names reserved | reservations for a step that does not come | who wants the name: at once if another step moved the row on, else after 60 s (`names.rs`); the erasure of the app |
//! | 3. row written if there is none: **the user is there** | nothing but the verifier is missing | the next sign-in makes one |
//! | 4. verifier kept | | |
//!
//! Steps of `change_user`:
//!
//! | step | left by a crash | who mends it |
//! |---|---|---|
//! | 1. user, and token along, looked at: `Changed` | | |
//! | 2. names that come and go noted by user; erasure begun with its mark | notes; an erasure of one who is there | nobody sees it: an erasure that was not walked yet shows only if its user is deleted (`erasures.rs`) |
//! | 3. new names reserved | as above | as above; a further change of the same user takes them after 60 s |
//! | 4. row moved to the next version: **the user is changed** | old names reserved; token, verifier, mark of a guest as before | names: who wants them, at once; token and verifier are of the old password, so over; the mark of a guest: the sweep; of a deleted user all of it: his erasure |
//! | 5. old names freed | | |
//! | 6. token along, verifier, mark of a guest; of a deleted user verifier, reset key, last request | | |
//!
//! A step that is refused gives its reservations back. A version without a row stands where an `add_user` was ended that left a
//! reservation behind: nobody is there, and the id can still be added.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use natter_actor::Chance;
use natter_db::cql::{Migration, Statement};
use natter_rpc::async_trait;

use super::OnCql;
use super::conditions::{Answer, KEYS, TRIES, decided, few_at_once, held, stamp, version_of};
use super::names::Claim;
use crate::name::{Name, names};
use crate::reset::ResetRow;
use crate::store::{Along, Error, Kept, Result, UserRow, Users, rows};
use crate::verifier::Verifier;

/// `row`: as on a key-value store, at most some 20 KiB. A slice has at most 100,000 ids; an app has few slices, unless its operator
/// chooses ids far apart.
pub const TABLES: Migration = Migration {
    name: "account/011-users",
    statements: &[
        "CREATE TABLE IF NOT EXISTS users (app bigint, id bigint, version bigint, row blob, PRIMARY KEY ((app, id)))",
        "CREATE TABLE IF NOT EXISTS users_of_app (app bigint, slice bigint, id bigint, PRIMARY KEY ((app, slice), id))",
        "CREATE TABLE IF NOT EXISTS slices_of_app (app bigint, slice bigint, PRIMARY KEY (app, slice))",
    ],
};

const GET: Statement = Statement::read("SELECT version, row FROM users WHERE app = ? AND id = ?");
const GET_SOME: Statement = Statement::read("SELECT id, version, row FROM users WHERE app = ? AND id IN ?");
const ADD: Statement = Statement::change("INSERT INTO users (app, id, version, row) VALUES (?, ?, ?, ?) IF NOT EXISTS");
const REPLACE: Statement = Statement::change("UPDATE users SET version = ?, row = ? WHERE app = ? AND id = ? IF version = ?");
const ADD_NOBODY: Statement = Statement::change("INSERT INTO users (app, id, version) VALUES (?, ?, ?) IF NOT EXISTS");
const MOVE_ON: Statement = Statement::change("UPDATE users SET version = ? WHERE app = ? AND id = ? IF version = ?");
const ERASE: Statement = Statement::change("DELETE FROM users WHERE app = ? AND id = ? IF EXISTS");
const NOTE: Statement = Statement::write("INSERT INTO users_of_app (app, slice, id) VALUES (?, ?, ?)");
const UNNOTE: Statement = Statement::write("DELETE FROM users_of_app WHERE app = ? AND slice = ? AND id = ?");
const NOTED: Statement = Statement::read("SELECT id FROM users_of_app WHERE app = ? AND slice = ? AND id > ? LIMIT ?");
const NOTE_SLICE: Statement = Statement::write("INSERT INTO slices_of_app (app, slice) VALUES (?, ?)");
const SLICES: Statement = Statement::read("SELECT slice FROM slices_of_app WHERE app = ? AND slice >= ? LIMIT ?");
const FORGET_SLICES: Statement = Statement::write("DELETE FROM slices_of_app WHERE app = ?");

/// Ids of a slice.
const SLICE: u64 = 100_000;
const SLICES_PAGE: i32 = 100;

/// What lies under the id of a user.
pub struct Lying {
    /// 0: nothing.
    pub version: i64,
    bytes: Option<Vec<u8>>,
}

impl Lying {
    /// The user, if one is there.
    pub fn row(&self) -> Result<Option<UserRow>> {
        Ok(self.bytes.as_deref().map(|bytes| rows::to_user(bytes, 0)).transpose()?)
    }
}

#[async_trait]
impl Users for OnCql {
    async fn users(&self, app: u64, ids: &[u64]) -> Result<Vec<Option<Kept<UserRow>>>> {
        let found = self.some(app, ids).await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn user_page(&self, app: u64, after: u64, limit: usize) -> Result<Vec<UserRow>> {
        let (mut page, mut after) = (Vec::new(), after);
        while page.len() < limit {
            let ids = self.noted_above(app, after, limit - page.len()).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            let mut found = self.some(app, &ids).await?;
            page.extend(ids.iter().filter_map(|id| found.remove(id)).map(|kept| kept.row));
        }
        Ok(page)
    }

    async fn holder(&self, app: u64, name: &Name) -> Result<Option<u64>> {
        self.holder_of(app, name).await
    }

    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        self.take_ids("users", length).await
    }

    async fn add_user(&self, row: UserRow, verifier: Option<Verifier>) -> Result<Kept<UserRow>> {
        let (app, id) = (row.user.app, row.user.id);
        let (wanted, bytes) = (names(&row.user), rows::of_user(&row));
        for _ in 0..TRIES {
            let lying = self.lying(app, id).await?;
            if lying.bytes.is_some() {
                return Err(self.taken(app, id, &wanted).await?.unwrap_or(Error::Taken("id")));
            }
            self.note(app, id).await?;
            self.note_names(app, id, wanted.iter()).await?;
            self.note_guest(&row).await?;
            let version = lying.version + 1;
            let claim = Claim { app, user: id, version, number: Chance::system().u64() as i64 };
            self.claim_all(claim, &wanted).await?;
            if self.put_row(app, id, lying.version, &bytes).await? {
                self.keep_beside(app, id, verifier).await;
                return Ok(Kept { row, stamp: stamp(version) });
            }
            self.give_back(claim, wanted.iter()).await;
        }
        Err(Error::Changed)
    }

    async fn change_user(&self, before: &Kept<UserRow>, after: UserRow, along: Along<'_>) -> Result<Kept<UserRow>> {
        let (app, id) = (before.row.user.app, before.row.user.id);
        let (had, wanted) = (names(&before.row.user), names(&after.user));
        let added: BTreeSet<Name> = wanted.difference(&had).cloned().collect();
        let (base, bytes) = (version_of(&before.stamp), rows::of_user(&after));
        let is_kept = self.lying(app, id).await?.version == base;
        let token_is_kept = match &along.token {
            Some(token) => self.token_stands(token).await?,
            None => true,
        };
        if !is_kept || !token_is_kept {
            return Err(Error::Changed);
        }
        self.note_names(app, id, had.symmetric_difference(&wanted)).await?;
        if let Some(erasure) = &along.erasure {
            self.begin_erasure(erasure).await?;
        }
        if after.guest_until != before.row.guest_until {
            self.note_guest(&after).await?;
        }
        let claim = Claim { app, user: id, version: base + 1, number: Chance::system().u64() as i64 };
        self.claim_all(claim, &added).await?;
        if !self.put_row(app, id, base, &bytes).await? {
            self.give_back(claim, added.iter()).await;
            return Err(Error::Changed);
        }
        self.free(app, id, base + 1, had.difference(&wanted)).await;
        if let Some(token) = along.token {
            self.carry_over(token).await;
        }
        if after.deleted {
            self.forget_beside(app, id).await;
        } else {
            self.keep_beside(app, id, along.verifier).await;
        }
        if after.guest_until != before.row.guest_until {
            self.unnote_guest(&before.row).await;
        }
        Ok(Kept { row: after, stamp: stamp(base + 1) })
    }

    async fn guests_over(&self, now: i64, limit: usize) -> Result<Vec<(u64, u64)>> {
        self.over(now, limit).await
    }

    async fn reset(&self, app: u64, user: u64) -> Result<Option<ResetRow>> {
        self.reset_of(app, user).await
    }

    async fn put_reset(&self, app: u64, user: u64, row: ResetRow) -> Result<()> {
        self.keep_reset(app, user, row).await
    }

    async fn verifier(&self, app: u64, user: u64) -> Result<Option<Verifier>> {
        self.verifier_of(app, user).await
    }

    fn keep_verifier(&self, app: u64, user: u64, verifier: &Verifier) {
        self.keep_without_waiting(app, user, verifier);
    }
}

impl OnCql {
    /// What lies under the id of a user.
    pub(super) async fn lying(&self, app: u64, id: u64) -> Result<Lying> {
        let found = self.cql.row::<(i64, Option<Vec<u8>>)>(GET, (app as i64, id as i64)).await?;
        Ok(found.map_or(Lying { version: 0, bytes: None }, |(version, bytes)| Lying { version, bytes }))
    }

    /// Moves what lies there to the next version, content as it was: a step that is under way is refused then.
    pub(super) async fn move_on(&self, app: u64, id: u64, version: i64) -> Result<bool> {
        let (of, at) = (app as i64, id as i64);
        Ok(match version {
            0 => self.cql.change(ADD_NOBODY, (of, at, 1_i64)).await?,
            _ => self.cql.change(MOVE_ON, (version + 1, of, at, version)).await?,
        })
    }

    /// Removes the row of a user whose app is erased. Whether a user was there.
    pub(super) async fn erase_row(&self, app: u64, id: u64) -> Result<bool> {
        let was_there = self.lying(app, id).await?.bytes.is_some();
        self.cql.change(ERASE, (app as i64, id as i64)).await?;
        Ok(was_there)
    }

    pub(super) async fn put_row(&self, app: u64, id: u64, base: i64, bytes: &[u8]) -> Result<bool> {
        let (of, at, next) = (app as i64, id as i64, base + 1);
        let answer = match base {
            0 => decided(|| self.cql.change(ADD, (of, at, next, bytes))).await?,
            _ => decided(|| self.cql.change(REPLACE, (next, bytes, of, at, base))).await?,
        };
        match answer {
            Answer::Held => Ok(true),
            Answer::Refused => Ok(false),
            Answer::Doubtful => {
                let lying = self.lying(app, id).await?;
                held(base, bytes, lying.version, lying.bytes.as_deref())
            }
        }
    }

    // Which name of `wanted` somebody else has.
    async fn taken(&self, app: u64, id: u64, wanted: &BTreeSet<Name>) -> Result<Option<Error>> {
        for name in wanted {
            if self.holder_of(app, name).await?.is_some_and(|holder| holder != id) {
                return Ok(Some(Error::Taken(name.field())));
            }
        }
        Ok(None)
    }

    // Those of `ids` that are there.
    async fn some(&self, app: u64, ids: &[u64]) -> Result<BTreeMap<u64, Kept<UserRow>>> {
        let chunks = ids.chunks(KEYS).map(|chunk| self.chunk(app, chunk.iter().map(|id| *id as i64).collect()));
        let chunks = few_at_once(chunks.collect()).await?;
        Ok(chunks.into_iter().flatten().map(|kept| (kept.row.user.id, kept)).collect())
    }

    async fn chunk(&self, app: u64, ids: Vec<i64>) -> Result<Vec<Kept<UserRow>>> {
        let of = app as i64;
        let (lying, seen) = futures::try_join!(
            async { Ok(self.cql.rows::<(i64, i64, Option<Vec<u8>>)>(GET_SOME, (of, &ids)).await?) },
            self.last_requests(app, &ids),
        )?;
        let mut found = Vec::new();
        for (id, version, bytes) in lying {
            let Some(bytes) = bytes else { continue };
            let row = rows::to_user(&bytes, seen.get(&id).copied().unwrap_or(0))?;
            found.push(Kept { row, stamp: stamp(version) });
        }
        Ok(found)
    }

    /// Notes that an id was begun.
    pub(super) async fn note(&self, app: u64, id: u64) -> Result<()> {
        let (of, slice) = (app as i64, (id / SLICE) as i64);
        let (slice_noted, id_noted) =
            futures::join!(self.cql.write(NOTE_SLICE, (of, slice)), self.cql.write(NOTE, (of, slice, id as i64)));
        Ok(slice_noted.and(id_noted)?)
    }

    /// Forgets that this id was begun.
    pub(super) async fn unnote(&self, app: u64, id: u64) -> Result<()> {
        Ok(self.cql.write(UNNOTE, (app as i64, (id / SLICE) as i64, id as i64)).await?)
    }

    /// Forgets the slices of an app in which nobody is noted.
    pub(super) async fn forget_slices(&self, app: u64) -> Result<()> {
        Ok(self.cql.write(FORGET_SLICES, (app as i64,)).await?)
    }

    /// At most `limit` ids above `after` that were begun in an app, ascending.
    pub(super) async fn noted_above(&self, app: u64, after: u64, limit: usize) -> Result<Vec<u64>> {
        let (of, above) = (app as i64, i64::try_from(after).unwrap_or(i64::MAX));
        let mut ids = Vec::new();
        let mut from = above / SLICE as i64;
        loop {
            let slices = self.cql.rows::<(i64,)>(SLICES, (of, from, SLICES_PAGE)).await?;
            for (slice,) in &slices {
                let most = i32::try_from(limit - ids.len()).unwrap_or(i32::MAX);
                let noted = self.cql.rows::<(i64,)>(NOTED, (of, slice, above, most)).await?;
                ids.extend(noted.into_iter().map(|(id,)| id as u64));
                if ids.len() >= limit {
                    return Ok(ids);
                }
            }
            match slices.last() {
                Some((last,)) if slices.len() == SLICES_PAGE as usize => from = last + 1,
                _ => return Ok(ids),
            }
        }
    }
}
