//! The engine for one process: a row per user in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_db::{Batch, Commit, Error, KeyRange, Kv, Table};
use parking_lot::Mutex;

use super::Seen;
use crate::debts::Stored;
use crate::session::{Scope, UserKey};

/// `app, user` (8 bytes each, big endian) -> when, unix milliseconds (8 bytes, big endian), and 1 if he came then, 0 if he left.
const LAST_SEEN: Table = Table("last_seen");
/// When a process started -> until when it lived (unix milliseconds, 8 bytes, big endian). A row per start.
const ALIVE: Table = Table("presence_alive");

const CAME: u8 = 1;
const LEFT: u8 = 0;

pub(crate) struct Embedded {
    db: Kv,
    started_at: i64,
    /// Users who left, until that can be read.
    leaving: Arc<Mutex<BTreeMap<UserKey, i64>>>,
}

impl Embedded {
    pub fn new(db: Kv, started_at: i64) -> Embedded {
        Embedded { db, started_at, leaving: Arc::default() }
    }

    /// Until when the process lived that ran at `at`; 0: that is not known.
    async fn lived_until(&self, at: i64) -> Result<i64, Error> {
        let started = KeyRange::between([], at.saturating_add(1).to_be_bytes()).reversed();
        match self.db.scan(ALIVE, started, 1).await?.first() {
            Some((_, until)) => time(until),
            None => Ok(0),
        }
    }

    fn put(&self, user: UserKey, at: i64, kind: u8) -> Commit {
        let mut batch = Batch::new();
        batch.relaxed();
        batch.put(LAST_SEEN, key(user), [at.to_be_bytes().as_slice(), &[kind]].concat());
        self.db.commit(batch)
    }
}

impl Seen for Embedded {
    fn came(&self, user: UserKey, at: i64) -> Stored {
        let mut leaving = self.leaving.lock();
        leaving.remove(&user);
        self.put(user, at, CAME).boxed()
    }

    fn left(&self, user: UserKey, at: i64) -> Stored {
        let mut leaving = self.leaving.lock();
        leaving.insert(user, at);
        let (stored, leaving) = (self.put(user, at, LEFT), Arc::clone(&self.leaving));
        async move {
            stored.await?;
            let mut leaving = leaving.lock();
            if leaving.get(&user) == Some(&at) {
                leaving.remove(&user);
            }
            Ok(())
        }
        .boxed()
    }

    fn alive(&self, at: i64) -> Stored {
        let mut batch = Batch::new();
        batch.relaxed();
        batch.put(ALIVE, self.started_at.to_be_bytes(), at.to_be_bytes().to_vec());
        self.db.commit(batch).boxed()
    }

    fn last(&self, user: UserKey) -> BoxFuture<'_, Result<Option<i64>, Error>> {
        async move {
            if let Some(at) = self.leaving.lock().get(&user) {
                return Ok(Some(*at));
            }
            let Some(row) = self.db.get(LAST_SEEN, &key(user)).await? else { return Ok(None) };
            let (at, kind) = row.split_at_checked(8).ok_or_else(corrupt)?;
            let at = time(at)?;
            match kind {
                [LEFT] => Ok(Some(at)),
                // He was there when the process died.
                [CAME] => Ok(Some(at.max(self.lived_until(at).await?))),
                _ => Err(corrupt()),
            }
        }
        .boxed()
    }

    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>> {
        async move {
            self.leaving.lock().retain(|user, _| !scope.holds(*user));
            self.db.clear(LAST_SEEN, KeyRange::prefix(scope.prefix()), limit).await
        }
        .boxed()
    }
}

fn key(user: UserKey) -> Vec<u8> {
    [user.app.0, user.user.0].map(u64::to_be_bytes).concat()
}

fn time(bytes: &[u8]) -> Result<i64, Error> {
    bytes.try_into().map(i64::from_be_bytes).map_err(|_| corrupt())
}

fn corrupt() -> Error {
    Error::Corrupt("a row of last_seen or presence_alive cannot be decoded".into())
}
