//! The engine on ScyllaDB: the views of a user are one partition, with the revision of his list beside them. Both change in one
//! conditional batch, which holds if neither was changed by somebody else: the revision since it was read, the view since the step was
//! decided.
//!
//! The two views of a pair lie in two partitions, so they are written one after the other: the view of who takes the step last, and of a
//! request the view of who is asked. Until the last one is written, the step is taken when it is repeated, as its client does that
//! was not answered:
//!
//! | what dies after | leaves | and the step again |
//! |---|---|---|
//! | a request: the own view | `ask` without `asked`: the list says that it is asked, and nobody was | asks, tells the durable log |
//! | the durable log was told | the same, and an alert, which is true: the list says that he asks | the log has it twice: one alert by its collapse id |
//! | an answer: the other's view | he has it granted, and the request waits yet | grants it once more |
//! | a removal, a cancellation: the other's view | he has lost it, the own view has it | takes it away, and tells of it |
//! | the vanishing of a user: the other's view | the own view, by which the walk of his erasure finds the pair | nothing of either is left |
//! | the name in `roster_owners` | a name without a view, of which the walk finds nothing | is the same |
//!
//! Invariant: whoever has a view of somebody is in `roster_owners` of him. A name is put before each writing of a view, and taken out
//! after the view, at the time before that was begun: of two who do both at once the name stays.

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_actor::Clock;
use natter_bus::Log;
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement, Write};
use natter_proto::UserId;
use natter_proto::event::v1::{Posted, PostedRequest};
use natter_proto::presence::v1::ContactRow;
use prost::Message;

use super::{Owners, Rosters, View};
use crate::roster;
use crate::session::{Scope, UserKey};
use crate::users::Users;

/// `rosters.row`: `ContactRow`. `revision`: of the owner's list. `roster_owners`: who has a view of `other`.
pub(crate) const TABLES: Migration = Migration {
    name: "presence/004-rosters",
    statements: &[
        "CREATE TABLE IF NOT EXISTS rosters (app bigint, owner bigint, other bigint, revision bigint STATIC, row blob, \
         PRIMARY KEY ((app, owner), other))",
        "CREATE TABLE IF NOT EXISTS roster_owners (app bigint, other bigint, owner bigint, PRIMARY KEY ((app, other), owner))",
    ],
};

const ALL: Statement = Statement::read("SELECT other, row FROM rosters WHERE app = ? AND owner = ?");
const REVISION: Statement = Statement::read("SELECT revision FROM rosters WHERE app = ? AND owner = ? LIMIT 1");
const GET: Statement = Statement::read("SELECT row FROM rosters WHERE app = ? AND owner = ? AND other = ?");
const SET_REVISION: Statement = Statement::change("UPDATE rosters SET revision = ? WHERE app = ? AND owner = ? IF revision = ?");
const SET_ROW: Statement = Statement::change("UPDATE rosters SET row = ? WHERE app = ? AND owner = ? AND other = ? IF row = ?");
const PUT_OWNER: Statement = Statement::write("INSERT INTO roster_owners (app, other, owner) VALUES (?, ?, ?) USING TIMESTAMP ?");
const REMOVE_OWNER: Statement =
    Statement::write("DELETE FROM roster_owners USING TIMESTAMP ? WHERE app = ? AND other = ? AND owner = ?");
const OWNERS: Statement = Statement::read("SELECT owner FROM roster_owners WHERE app = ? AND other = ? AND owner > ? LIMIT ?");

/// Attempts of a change that another one of the same owner came before.
const TRIES: usize = 8;
/// Views removed in one batch.
const TOGETHER: usize = 50;

pub(crate) struct OnCql {
    cql: Cql,
    users: Users,
    posted: Log,
    clock: Clock,
}

impl OnCql {
    pub fn new(cql: Cql, posted: Log, clock: Clock) -> OnCql {
        OnCql { users: Users::new(cql.clone(), "rosters"), cql, posted, clock }
    }

    /// Keeps one view, and gives the new revision of its owner's list.
    async fn put_one(&self, view: &View) -> Result<u64, Error> {
        let ((app, owner), other) = (ids(view.owner), view.of.0 as i64);
        let begun = self.clock.now_ms();
        let (was, row) = (row_of(&view.was), row_of(&view.row));
        for _ in 0..TRIES {
            let before = self.revision_of(view.owner).await?;
            if before.is_none() {
                self.users.put(view.owner).await?;
            }
            if row.is_some() {
                self.cql.write(PUT_OWNER, (app, other, owner, microseconds(self.clock.now_ms()) + 1)).await?;
            }
            let revision = before.unwrap_or(0) + 1;
            let changes: Vec<Write> = vec![
                (SET_REVISION, Box::new((revision, app, owner, before))),
                (SET_ROW, Box::new((row.clone(), app, owner, other, was.clone()))),
            ];
            if self.cql.change_all(changes).await? {
                if row.is_none() {
                    self.cql.write(REMOVE_OWNER, (microseconds(begun), app, other, owner)).await?;
                }
                return Ok(revision as u64);
            }
            if self.row(view.owner, view.of).await? != was {
                return Err(Error::Condition);
            }
        }
        Err(Error::Condition)
    }

    async fn revision_of(&self, owner: UserKey) -> Result<Option<i64>, Error> {
        Ok(self.cql.row::<(Option<i64>,)>(REVISION, ids(owner)).await?.and_then(|(revision,)| revision))
    }

    async fn row(&self, owner: UserKey, of: UserId) -> Result<Option<Vec<u8>>, Error> {
        let (app, user) = ids(owner);
        let found = self.cql.row::<(Option<Vec<u8>>,)>(GET, (app, user, of.0 as i64)).await?;
        Ok(found.and_then(|(row,)| row))
    }

    /// An entry of the durable log; told twice, it is alerted once.
    async fn tell(&self, app: u64, asked: PostedRequest) -> Result<(), Error> {
        let entry = Posted { contact_request: Some(asked), ..Posted::default() };
        let id = format!("contact:{}:{}:{}", asked.from, asked.to, asked.at);
        self.posted.tell(app, &id, entry.encode_to_vec()).await
    }

    /// Conditional as all writes of these cells are. How many rows went.
    async fn erase_owner(&self, owner: UserKey) -> Result<usize, Error> {
        let (app, user) = ids(owner);
        let begun = microseconds(self.clock.now_ms());
        let rows = self.cql.rows::<(Option<i64>, Option<Vec<u8>>)>(ALL, ids(owner)).await?;
        let rows: Vec<(i64, Vec<u8>)> = rows.into_iter().filter_map(|(other, row)| Some((other?, row?))).collect();
        for rows in rows.chunks(TOGETHER) {
            let change = |(other, row): &(i64, Vec<u8>)| -> Write {
                (SET_ROW, Box::new((None::<Vec<u8>>, app, user, *other, Some(row.clone()))))
            };
            if !self.cql.change_all(rows.iter().map(change).collect()).await? {
                return Err(Error::Condition);
            }
            for (other, _) in rows {
                self.cql.write(REMOVE_OWNER, (begun, app, *other, user)).await?;
            }
        }
        let Some(revision) = self.revision_of(owner).await? else { return Ok(rows.len()) };
        match self.cql.change(SET_REVISION, (None::<i64>, app, user, Some(revision))).await? {
            true => Ok(rows.len() + 1),
            false => Err(Error::Condition),
        }
    }
}

impl Rosters for OnCql {
    fn all(&self, owner: UserKey) -> BoxFuture<'_, Result<Vec<(UserId, ContactRow)>, Error>> {
        async move {
            let rows = self.cql.rows::<(Option<i64>, Option<Vec<u8>>)>(ALL, ids(owner)).await?;
            // An owner without a view has one row, of his revision.
            let rows = rows.into_iter().filter_map(|(other, row)| Some((other? as u64, row?)));
            rows.map(|(other, row)| Ok((UserId(other), decode(&row)?))).collect()
        }
        .boxed()
    }

    fn revision(&self, owner: UserKey) -> BoxFuture<'_, Result<u64, Error>> {
        async move { Ok(self.revision_of(owner).await?.unwrap_or(0) as u64) }.boxed()
    }

    fn get(&self, owner: UserKey, of: UserId) -> BoxFuture<'_, Result<ContactRow, Error>> {
        async move { self.row(owner, of).await?.map_or_else(|| Ok(ContactRow::default()), |row| decode(&row)) }.boxed()
    }

    fn put(&self, views: Vec<View>, asked: Option<PostedRequest>) -> BoxFuture<'_, Result<Vec<u64>, Error>> {
        async move {
            let Some((first, last)) = views.first().zip(views.last()) else { return Ok(Vec::new()) };
            let is_pair = views.len() > 1;
            let (first_revision, last_revision) = match asked {
                Some(asked) => {
                    let first_revision = if is_pair { Some(self.put_one(first).await?) } else { None };
                    self.tell(first.owner.app.0, asked).await?;
                    (first_revision, self.put_one(last).await?)
                }
                None => {
                    let last_revision = self.put_one(last).await?;
                    (if is_pair { Some(self.put_one(first).await?) } else { None }, last_revision)
                }
            };
            Ok(first_revision.into_iter().chain([last_revision]).collect())
        }
        .boxed()
    }

    fn owners(&self, of: UserKey, after: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Owners, Error>> {
        async move {
            let above = if after.is_empty() { i64::MIN } else { number(&after)? };
            let (app, other) = ids(of);
            let most = i32::try_from(limit).unwrap_or(i32::MAX);
            let owners: Vec<(i64,)> = self.cql.rows(OWNERS, (app, other, above, most)).await?;
            let next = owners.last().filter(|_| owners.len() >= limit).map(|(owner,)| owner.to_be_bytes().to_vec());
            Ok((owners.into_iter().map(|(owner,)| UserId(owner as u64)).collect(), next.unwrap_or_default()))
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

/// What is empty is not kept.
fn row_of(row: &ContactRow) -> Option<Vec<u8>> {
    (!roster::is_empty(row)).then(|| row.encode_to_vec())
}

fn ids(owner: UserKey) -> (i64, i64) {
    (owner.app.0 as i64, owner.user.0 as i64)
}

fn number(bytes: &[u8]) -> Result<i64, Error> {
    bytes.try_into().map(i64::from_be_bytes).map_err(|_| Error::Corrupt("where an erasure goes on cannot be read".into()))
}

fn decode(row: &[u8]) -> Result<ContactRow, Error> {
    ContactRow::decode(row).map_err(|_| Error::Corrupt("a row of rosters cannot be decoded".into()))
}

fn microseconds(at: i64) -> i64 {
    at.saturating_mul(1_000)
}
