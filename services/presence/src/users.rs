//! Of whom something is kept on ScyllaDB, by app: rows lie with their user, and the end of an app has to find them all.
//!
//! A user is put here before anything is kept of him, and taken out after all of it is gone: what dies between leaves a name without
//! rows, which the next walk takes out.

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::{AppId, UserId};

use crate::session::UserKey;

/// `kind`: what is kept. The users of an app lie in [`BUCKETS`] partitions.
pub(crate) const TABLES: Migration = Migration {
    name: "presence/001-users",
    statements: &["CREATE TABLE IF NOT EXISTS presence_users (app bigint, kind text, bucket int, user_id bigint, \
         PRIMARY KEY ((app, kind, bucket), user_id))"],
};

const BUCKETS: u64 = 64;
/// Users whose rows are removed at the same time.
const TOGETHER: usize = 16;

const PUT: Statement = Statement::write("INSERT INTO presence_users (app, kind, bucket, user_id) VALUES (?, ?, ?, ?)");
const REMOVE: Statement =
    Statement::write("DELETE FROM presence_users WHERE app = ? AND kind = ? AND bucket = ? AND user_id = ?");
const PAGE: Statement = Statement::read("SELECT user_id FROM presence_users WHERE app = ? AND kind = ? AND bucket = ? LIMIT ?");

/// The users of whom one kind of rows is kept.
pub(crate) struct Users {
    cql: Cql,
    kind: &'static str,
}

impl Users {
    pub fn new(cql: Cql, kind: &'static str) -> Users {
        Users { cql, kind }
    }

    /// Something will be kept of the user.
    pub async fn put(&self, user: UserKey) -> Result<(), Error> {
        self.cql.write(PUT, (user.app.0 as i64, self.kind, bucket(user.user.0), user.user.0 as i64)).await
    }

    /// Nothing is kept of the user.
    pub async fn remove(&self, user: UserKey) -> Result<(), Error> {
        self.cql.write(REMOVE, (user.app.0 as i64, self.kind, bucket(user.user.0), user.user.0 as i64)).await
    }

    /// Removes what is kept of the users of an app, by `erase`, which gives how many rows went. Fewer than `limit`: nothing is left.
    pub async fn erase<'a>(
        &'a self,
        app: AppId,
        limit: usize,
        erase: impl Fn(UserKey) -> BoxFuture<'a, Result<usize, Error>> + Copy + 'a,
    ) -> Result<usize, Error> {
        let mut gone = 0;
        for bucket in 0..BUCKETS as i32 {
            while gone < limit {
                let most = i32::try_from(limit - gone).unwrap_or(i32::MAX);
                let page = self.cql.rows::<(i64,)>(PAGE, (app.0 as i64, self.kind, bucket, most)).await?;
                if page.is_empty() {
                    break;
                }
                let erase = |(user,): (i64,)| async move {
                    let user = UserKey { app, user: UserId(user as u64) };
                    let rows = erase(user).await?;
                    self.remove(user).await?;
                    // A name counts, so that a walk over names alone ends too.
                    Ok::<usize, Error>(rows.max(1))
                };
                let rows: Vec<usize> = stream::iter(page).map(erase).buffer_unordered(TOGETHER).try_collect().await?;
                gone += rows.iter().sum::<usize>();
            }
        }
        Ok(gone)
    }
}

fn bucket(user: u64) -> i32 {
    (user % BUCKETS) as i32
}
