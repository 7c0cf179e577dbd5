//! The engine for one process: rows in the store.

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_bus::Log;
use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::UserId;
use natter_proto::event::v1::{Posted, PostedRequest};
use natter_proto::presence::v1::ContactRow;
use prost::Message;

use super::{Owners, Rosters, View};
use crate::roster;
use crate::session::{Scope, UserKey};

/// `app, owner, of` (8 bytes each, big endian) -> `ContactRow`.
const ROSTERS: Table = Table("rosters");
/// `app, owner` (likewise) -> revision (8 bytes, big endian).
const REVISIONS: Table = Table("roster_revisions");
/// More than a user can have: lists and requests are bounded.
const ALL: usize = 10_000;
/// Attempts of a commit that another one of the same owner came before.
const TRIES: usize = 8;

pub(crate) struct Embedded {
    db: Kv,
    posted: Log,
}

impl Embedded {
    pub fn new(db: Kv, posted: Log) -> Embedded {
        Embedded { db, posted }
    }

    async fn try_put(&self, views: &[View], asked: Option<PostedRequest>) -> Result<Vec<u64>, Error> {
        let owners: Vec<Vec<u8>> = views.iter().map(|view| owner_key(view.owner)).collect();
        let before = self.db.multi_get(REVISIONS, owners.clone()).await?;
        let mut batch = Batch::new();
        let mut revisions = Vec::with_capacity(views.len());
        for ((view, owner), before) in views.iter().zip(owners).zip(before) {
            let revision = before.as_deref().map_or(Ok(0), number)? + 1;
            match before {
                Some(before) => batch.require_equal(REVISIONS, owner.clone(), before),
                None => batch.require_absent(REVISIONS, owner.clone()),
            }
            batch.put(REVISIONS, owner, revision.to_be_bytes().to_vec());
            match roster::is_empty(&view.row) {
                true => batch.delete(ROSTERS, key(view.owner, view.of)),
                false => batch.put(ROSTERS, key(view.owner, view.of), view.row.encode_to_vec()),
            }
            revisions.push(revision);
        }
        if let (Some(_), Some(View { owner, .. })) = (asked, views.first()) {
            let entry = Posted { contact_request: asked, ..Posted::default() };
            self.posted.append(&mut batch, owner.app.0, entry.encode_to_vec());
        }
        self.db.commit(batch).await?;
        Ok(revisions)
    }
}

impl Rosters for Embedded {
    fn all(&self, owner: UserKey) -> BoxFuture<'_, Result<Vec<(UserId, ContactRow)>, Error>> {
        async move {
            let rows = self.db.scan(ROSTERS, KeyRange::prefix(owner_key(owner)), ALL).await?;
            rows.iter().map(|(key, row)| Ok((UserId(number(key.get(16..).unwrap_or_default())?), decode(row)?))).collect()
        }
        .boxed()
    }

    fn revision(&self, owner: UserKey) -> BoxFuture<'_, Result<u64, Error>> {
        async move { self.db.get(REVISIONS, &owner_key(owner)).await?.as_deref().map_or(Ok(0), number) }.boxed()
    }

    fn get(&self, owner: UserKey, of: UserId) -> BoxFuture<'_, Result<ContactRow, Error>> {
        async move {
            let row = self.db.get(ROSTERS, &key(owner, of)).await?;
            row.map_or_else(|| Ok(ContactRow::default()), |row| decode(&row))
        }
        .boxed()
    }

    fn put(&self, views: Vec<View>, asked: Option<PostedRequest>) -> BoxFuture<'_, Result<Vec<u64>, Error>> {
        async move {
            if asked.is_some() {
                self.posted.ready().await?;
            }
            for _ in 1..TRIES {
                match self.try_put(&views, asked).await {
                    Err(Error::Condition) => {}
                    outcome => return outcome,
                }
            }
            self.try_put(&views, asked).await
        }
        .boxed()
    }

    fn owners(&self, of: UserKey, after: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Owners, Error>> {
        async move {
            let from = if after.is_empty() { of.app.0.to_be_bytes().to_vec() } else { [after.as_slice(), &[0]].concat() };
            let upto = of.app.0.saturating_add(1).to_be_bytes();
            let rows = self.db.scan(ROSTERS, KeyRange::between(from, upto), limit).await?;
            let mut owners = Vec::new();
            for (key, _) in &rows {
                if number(key.get(16..).unwrap_or_default())? == of.user.0 {
                    owners.push(UserId(number(&key[8..16])?));
                }
            }
            let next = rows.last().filter(|_| rows.len() == limit).map(|(key, _)| key.to_vec()).unwrap_or_default();
            Ok((owners, next))
        }
        .boxed()
    }

    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>> {
        async move {
            let views = self.db.clear(ROSTERS, KeyRange::prefix(scope.prefix()), limit).await?;
            Ok(views + self.db.clear(REVISIONS, KeyRange::prefix(scope.prefix()), limit).await?)
        }
        .boxed()
    }
}

fn owner_key(owner: UserKey) -> Vec<u8> {
    [owner.app.0, owner.user.0].map(u64::to_be_bytes).concat()
}

fn key(owner: UserKey, of: UserId) -> Vec<u8> {
    [owner.app.0, owner.user.0, of.0].map(u64::to_be_bytes).concat()
}

fn number(bytes: &[u8]) -> Result<u64, Error> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| corrupt())
}

fn decode(row: &[u8]) -> Result<ContactRow, Error> {
    ContactRow::decode(row).map_err(|_| corrupt())
}

fn corrupt() -> Error {
    Error::Corrupt("a row of rosters or roster_revisions cannot be decoded".into())
}
