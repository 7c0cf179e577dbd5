//! The engine for one process: rows in the store.

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::presence::v1::PrivacyRow;
use prost::Message;

use super::{Lists, Names};
use crate::privacy::List;
use crate::session::{Scope, UserKey};

/// `app, owner` (8 bytes each, big endian), name -> `PrivacyRow`.
const LISTS: Table = Table("privacy_lists");
/// `app, owner` (likewise) -> name of the default list.
const DEFAULTS: Table = Table("privacy_defaults");
/// More than a user can have: lists are bounded.
const ALL: usize = 10_000;

pub(crate) struct Embedded {
    db: Kv,
}

impl Embedded {
    pub fn new(db: Kv) -> Embedded {
        Embedded { db }
    }

    async fn default_name(&self, owner: UserKey) -> Result<Option<String>, Error> {
        self.db.get(DEFAULTS, &owner_key(owner)).await?.as_deref().map(text).transpose()
    }
}

impl Lists for Embedded {
    fn names(&self, owner: UserKey) -> BoxFuture<'_, Result<Names, Error>> {
        async move {
            let rows = self.db.scan(LISTS, KeyRange::prefix(owner_key(owner)), ALL).await?;
            let all = rows.iter().map(|(key, _)| text(key.get(16..).unwrap_or_default())).collect::<Result<_, _>>()?;
            Ok(Names { all, default: self.default_name(owner).await? })
        }
        .boxed()
    }

    fn get(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<Option<List>, Error>> {
        async move {
            let row = self.db.get(LISTS, &key(owner, &name)).await?;
            row.map(|row| PrivacyRow::decode(row).map(|row| List::kept(row.items)).map_err(|_| corrupt())).transpose()
        }
        .boxed()
    }

    fn default(&self, owner: UserKey) -> BoxFuture<'_, Result<Option<List>, Error>> {
        async move {
            match self.default_name(owner).await? {
                Some(name) => self.get(owner, name).await,
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn put(&self, owner: UserKey, name: String, list: List) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let row = PrivacyRow { items: list.items().to_vec() };
            let mut batch = Batch::new();
            batch.put(LISTS, key(owner, &name), row.encode_to_vec());
            self.db.commit(batch).await
        }
        .boxed()
    }

    fn delete(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let mut batch = Batch::new();
            batch.delete(LISTS, key(owner, &name));
            if self.default_name(owner).await? == Some(name) {
                batch.delete(DEFAULTS, owner_key(owner));
            }
            self.db.commit(batch).await
        }
        .boxed()
    }

    fn set_default(&self, owner: UserKey, name: Option<String>) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let mut batch = Batch::new();
            match name {
                Some(name) => batch.put(DEFAULTS, owner_key(owner), name.into_bytes()),
                None => batch.delete(DEFAULTS, owner_key(owner)),
            }
            self.db.commit(batch).await
        }
        .boxed()
    }

    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>> {
        async move {
            // A default without its list decides nothing; a list without its default stays in sight.
            self.db.clear(DEFAULTS, KeyRange::prefix(scope.prefix()), limit).await?;
            self.db.clear(LISTS, KeyRange::prefix(scope.prefix()), limit).await
        }
        .boxed()
    }
}

fn owner_key(owner: UserKey) -> Vec<u8> {
    [owner.app.0, owner.user.0].map(u64::to_be_bytes).concat()
}

fn key(owner: UserKey, name: &str) -> Vec<u8> {
    [&owner_key(owner), name.as_bytes()].concat()
}

fn text(bytes: &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes.to_vec()).map_err(|_| corrupt())
}

fn corrupt() -> Error {
    Error::Corrupt("a row of privacy_lists or privacy_defaults cannot be decoded".into())
}
