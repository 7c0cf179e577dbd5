//! The engine on ScyllaDB: a user's lists are one partition, with the name of the default beside them.
//!
//! All writes are plain ones in that partition, and verbs that write for an owner come one after another in the process that has his
//! app. Where two believe that they have it, the later write of a row stands. A default whose list is gone is none.

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement, Write};
use natter_proto::presence::v1::PrivacyRow;
use prost::Message;

use super::{Lists, Names};
use crate::privacy::List;
use crate::session::{Scope, UserKey};
use crate::users::Users;

/// `row`: `PrivacyRow`. `default_name`: of the owner, not of a list.
pub(crate) const TABLES: Migration = Migration {
    name: "presence/002-privacy-lists",
    statements: &[
        "CREATE TABLE IF NOT EXISTS privacy_lists (app bigint, owner bigint, name text, default_name text STATIC, row blob, \
         PRIMARY KEY ((app, owner), name))",
    ],
};

const NAMES: Statement = Statement::read("SELECT name, default_name FROM privacy_lists WHERE app = ? AND owner = ?");
const DEFAULT: Statement = Statement::read("SELECT default_name FROM privacy_lists WHERE app = ? AND owner = ? LIMIT 1");
const GET: Statement = Statement::read("SELECT row FROM privacy_lists WHERE app = ? AND owner = ? AND name = ?");
const PUT: Statement = Statement::write("INSERT INTO privacy_lists (app, owner, name, row) VALUES (?, ?, ?, ?)");
const DELETE: Statement = Statement::write("DELETE FROM privacy_lists WHERE app = ? AND owner = ? AND name = ?");
const SET_DEFAULT: Statement = Statement::write("UPDATE privacy_lists SET default_name = ? WHERE app = ? AND owner = ?");
const ERASE: Statement = Statement::write("DELETE FROM privacy_lists WHERE app = ? AND owner = ?");

pub(crate) struct OnCql {
    cql: Cql,
    users: Users,
}

impl OnCql {
    pub fn new(cql: Cql) -> OnCql {
        OnCql { users: Users::new(cql.clone(), "lists"), cql }
    }

    async fn erase_owner(&self, owner: UserKey) -> Result<usize, Error> {
        let (app, user) = ids(owner);
        let lists = self.names(owner).await?.all.len();
        self.cql.write(ERASE, (app, user)).await?;
        Ok(lists)
    }
}

impl Lists for OnCql {
    fn names(&self, owner: UserKey) -> BoxFuture<'_, Result<Names, Error>> {
        async move {
            let rows = self.cql.rows::<(Option<String>, Option<String>)>(NAMES, ids(owner)).await?;
            let default = rows.first().and_then(|(_, default)| default.clone());
            // An owner without a list has one row without a name.
            let all: Vec<String> = rows.into_iter().filter_map(|(name, _)| name).collect();
            Ok(Names { default: default.filter(|default| all.contains(default)), all })
        }
        .boxed()
    }

    fn get(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<Option<List>, Error>> {
        async move {
            let (app, user) = ids(owner);
            let row = self.cql.row::<(Vec<u8>,)>(GET, (app, user, name)).await?;
            let list = row.map(|(row,)| PrivacyRow::decode(&row[..]).map(|row| List::kept(row.items))).transpose();
            list.map_err(|_| Error::Corrupt("a row of privacy_lists cannot be decoded".into()))
        }
        .boxed()
    }

    fn default(&self, owner: UserKey) -> BoxFuture<'_, Result<Option<List>, Error>> {
        async move {
            match self.cql.row::<(Option<String>,)>(DEFAULT, ids(owner)).await? {
                Some((Some(name),)) => self.get(owner, name).await,
                _ => Ok(None),
            }
        }
        .boxed()
    }

    fn put(&self, owner: UserKey, name: String, list: List) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let (app, user) = ids(owner);
            let row = PrivacyRow { items: list.items().to_vec() };
            self.users.put(owner).await?;
            self.cql.write(PUT, (app, user, name, row.encode_to_vec())).await
        }
        .boxed()
    }

    fn delete(&self, owner: UserKey, name: String) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let (app, user) = ids(owner);
            let default = self.cql.row::<(Option<String>,)>(DEFAULT, ids(owner)).await?;
            let was_default = default.is_some_and(|(default,)| default.as_ref() == Some(&name));
            let mut writes: Vec<Write> = vec![(DELETE, Box::new((app, user, name)))];
            if was_default {
                writes.push((SET_DEFAULT, Box::new((None::<String>, app, user))));
            }
            self.cql.write_all(writes).await
        }
        .boxed()
    }

    fn set_default(&self, owner: UserKey, name: Option<String>) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let (app, user) = ids(owner);
            self.cql.write(SET_DEFAULT, (name, app, user)).await
        }
        .boxed()
    }

    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>> {
        async move {
            let Some(user) = scope.user else {
                return self.users.erase(scope.app, limit, |owner| self.erase_owner(owner).boxed()).await;
            };
            let owner = UserKey { app: scope.app, user };
            let gone = self.erase_owner(owner).await?;
            self.users.remove(owner).await?;
            Ok(gone)
        }
        .boxed()
    }
}

fn ids(owner: UserKey) -> (i64, i64) {
    (owner.app.0 as i64, owner.user.0 as i64)
}
