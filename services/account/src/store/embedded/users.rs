//! Users: a row under app and id, one reservation per name, the last request and the verifier in rows of their own, so that a
//! login never writes the user's row.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use natter_db::{Batch, Error as DbError, KeyRange, Table};
use natter_rpc::async_trait;

use super::{Embedded, GUESTS, LAST_REQUESTS, RESETS, TOKENS, USERS, VERIFIERS, corrupt, number_of, pair, stamp};
use super::{USER_BY_EMAIL, USER_BY_EXTERNAL, USER_BY_LOGIN, USER_BY_PHONE};
use super::{erasures, tokens};
use crate::name::{Name, names};
use crate::reset::ResetRow;
use crate::store::rows;
use crate::store::{Along, Error, Kept, Result, UserRow, Users};
use crate::verifier::Verifier;

/// Counts the ids of users, of all apps together.
const COUNTER: &[u8] = b"users";

#[async_trait]
impl Users for Embedded {
    async fn users(&self, app: u64, ids: &[u64]) -> Result<Vec<Option<Kept<UserRow>>>> {
        let keys: Vec<_> = ids.iter().map(|id| pair(app, *id)).collect();
        let rows = self.kv.multi_get(USERS, keys.clone()).await?;
        let seen = self.kv.multi_get(LAST_REQUESTS, keys).await?;
        let read = |row: Option<Bytes>, seen: Option<Bytes>| -> Result<Option<Kept<UserRow>>> {
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Kept { row: user_row(&row, seen)?, stamp: stamp(&row) }))
        };
        rows.into_iter().zip(seen).map(|(row, seen)| read(row, seen)).collect()
    }

    async fn user_page(&self, app: u64, after: u64, limit: usize) -> Result<Vec<UserRow>> {
        // Keys of this app alone: the next app's begin with a number one higher.
        let range = KeyRange::between(pair(app, after.saturating_add(1)), pair(app.saturating_add(1), 0));
        let rows = self.kv.scan(USERS, range, limit).await?;
        let keys = rows.iter().map(|(key, _)| key.to_vec()).collect();
        let seen = self.kv.multi_get(LAST_REQUESTS, keys).await?;
        rows.iter().zip(seen).map(|((_, row), seen)| user_row(row, seen)).collect()
    }

    async fn holder(&self, app: u64, name: &Name) -> Result<Option<u64>> {
        let (table, key) = reservation(app, name);
        self.number(table, &key).await
    }

    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        let first = self.advance(COUNTER, length).await?;
        Ok(first..first + length)
    }

    async fn add_user(&self, row: UserRow, verifier: Option<Verifier>) -> Result<Kept<UserRow>> {
        let (app, id) = (row.user.app, row.user.id);
        let mut batch = Batch::new();
        batch.require_absent(USERS, pair(app, id));
        let (added, bytes) = (names(&row.user), rows::of_user(&row));
        reserve(&mut batch, app, id, &added);
        put_user(&mut batch, app, id, &bytes, verifier);
        if row.guest_until != 0 {
            batch.put(GUESTS, guest(&row), Vec::new());
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(self.taken(app, id, &added).await?.unwrap_or(Error::Taken("id"))),
            outcome => Ok(outcome.map(|()| Kept { row, stamp: stamp(&bytes) })?),
        }
    }

    async fn change_user(&self, before: &Kept<UserRow>, after: UserRow, along: Along<'_>) -> Result<Kept<UserRow>> {
        let (app, id) = (before.row.user.app, before.row.user.id);
        let (held, wanted) = (names(&before.row.user), names(&after.user));
        let added: BTreeSet<Name> = wanted.difference(&held).cloned().collect();
        let mut batch = Batch::new();
        batch.require_equal(USERS, pair(app, id), before.stamp.0.clone());
        for name in held.difference(&wanted) {
            let (table, key) = reservation(app, name);
            batch.delete(table, key);
        }
        reserve(&mut batch, app, id, &added);
        let bytes = rows::of_user(&after);
        put_user(&mut batch, app, id, &bytes, along.verifier);
        if let Some(token) = along.token {
            batch.require_equal(TOKENS, token.key.0, token.before.stamp.0.clone());
            batch.put(TOKENS, token.key.0, rows::of_token(&token.after));
            tokens::mark(&mut batch, &token.key, &token.after);
        }
        if let Some(erasure) = &along.erasure {
            erasures::put(&mut batch, erasure);
        }
        if before.row.guest_until != 0 && after.guest_until == 0 {
            batch.delete(GUESTS, guest(&before.row));
        }
        if after.deleted {
            batch.delete(VERIFIERS, pair(app, id));
            batch.delete(RESETS, pair(app, id));
            batch.delete(LAST_REQUESTS, pair(app, id));
        }
        match self.kv.commit(batch).await {
            Err(DbError::Condition) => Err(self.taken(app, id, &added).await?.unwrap_or(Error::Changed)),
            outcome => Ok(outcome.map(|()| Kept { row: after, stamp: stamp(&bytes) })?),
        }
    }

    async fn guests_over(&self, now: i64, limit: usize) -> Result<Vec<(u64, u64)>> {
        let range = KeyRange::between(Vec::new(), now.saturating_add(1).to_be_bytes());
        let rows = self.kv.scan(GUESTS, range, limit).await?;
        let read = |key: &[u8]| {
            let (app, id) = key.get(8..).and_then(|pair| pair.split_at_checked(8)).ok_or_else(|| corrupt(GUESTS))?;
            Ok((number_of(GUESTS, app)?, number_of(GUESTS, id)?))
        };
        rows.iter().map(|(key, _)| read(key)).collect()
    }

    async fn reset(&self, app: u64, user: u64) -> Result<Option<ResetRow>> {
        let row = self.kv.get(RESETS, &pair(app, user)).await?;
        Ok(row.map(|row| rows::to_reset(&row)).transpose()?)
    }

    async fn put_reset(&self, app: u64, user: u64, row: ResetRow) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(RESETS, pair(app, user), rows::of_reset(row));
        Ok(self.kv.commit(batch).await?)
    }

    async fn verifier(&self, app: u64, user: u64) -> Result<Option<Verifier>> {
        let row = self.kv.get(VERIFIERS, &pair(app, user)).await?;
        Ok(row.map(|row| rows::to_verifier(&row)).transpose()?)
    }

    fn keep_verifier(&self, app: u64, user: u64, verifier: &Verifier) {
        let mut batch = Batch::new();
        batch.put(VERIFIERS, pair(app, user), rows::of_verifier(verifier));
        batch.relaxed();
        // Enqueued by the call; nobody waits for it.
        drop(self.kv.commit(batch));
    }
}

impl Embedded {
    // Which name of `wanted` somebody else holds. None: it was not a name that the batch met.
    async fn taken(&self, app: u64, id: u64, wanted: &BTreeSet<Name>) -> Result<Option<Error>> {
        for name in wanted {
            if self.holder(app, name).await?.is_some_and(|holder| holder != id) {
                return Ok(Some(Error::Taken(name.field())));
            }
        }
        Ok(None)
    }
}

// Ends are positive, so their bytes sort as they do.
fn guest(row: &UserRow) -> Vec<u8> {
    [row.guest_until.to_be_bytes().as_slice(), &pair(row.user.app, row.user.id)].concat()
}

fn user_row(row: &[u8], seen: Option<Bytes>) -> Result<UserRow> {
    let seen_at = seen.map(|seen| number_of(LAST_REQUESTS, &seen)).transpose()?;
    Ok(rows::to_user(row, seen_at.unwrap_or(0) as i64)?)
}

fn reserve(batch: &mut Batch, app: u64, id: u64, added: &BTreeSet<Name>) {
    for name in added {
        let (table, key) = reservation(app, name);
        batch.require_absent(table, key.clone());
        batch.put(table, key, id.to_be_bytes().to_vec());
    }
}

fn put_user(batch: &mut Batch, app: u64, id: u64, bytes: &[u8], verifier: Option<Verifier>) {
    batch.put(USERS, pair(app, id), bytes.to_vec());
    if let Some(verifier) = verifier {
        batch.put(VERIFIERS, pair(app, id), rows::of_verifier(&verifier));
    }
}

fn reservation(app: u64, name: &Name) -> (Table, Vec<u8>) {
    let (table, text): (Table, Vec<u8>) = match name {
        Name::Login(text) => (USER_BY_LOGIN, text.as_bytes().to_vec()),
        Name::Email(text) => (USER_BY_EMAIL, text.as_bytes().to_vec()),
        Name::Phone(text) => (USER_BY_PHONE, text.as_bytes().to_vec()),
        Name::ExternalUserId(number) => (USER_BY_EXTERNAL, tagged(b'n', &number.to_be_bytes())),
        Name::ExternalId(text) => (USER_BY_EXTERNAL, tagged(b'e', text.as_bytes())),
        Name::FacebookId(text) => (USER_BY_EXTERNAL, tagged(b'f', text.as_bytes())),
        Name::TwitterId(text) => (USER_BY_EXTERNAL, tagged(b't', text.as_bytes())),
    };
    (table, [app.to_be_bytes().as_slice(), &text].concat())
}

fn tagged(kind: u8, text: &[u8]) -> Vec<u8> {
    [&[kind], text].concat()
}
