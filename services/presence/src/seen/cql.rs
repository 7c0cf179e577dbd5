//! The engine on ScyllaDB: a row per user, in buckets of each app. Plain writes, each at the time that it tells of: whichever comes
//! last, the later word stands, and two processes that believe they have an app may both write.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::{AppId, UserId};
use parking_lot::Mutex;

use super::Seen;
use crate::debts::Stored;
use crate::session::{Scope, UserKey};

/// `at`: when he came or left, unix milliseconds. `process`: where he was from then on; null: he left. `presence_alive`: until when a
/// process lived, a row for each start.
pub(crate) const TABLES: Migration = Migration {
    name: "presence/003-last-seen",
    statements: &[
        "CREATE TABLE IF NOT EXISTS last_seen (app bigint, bucket int, user_id bigint, at bigint, process text, \
         PRIMARY KEY ((app, bucket), user_id))",
        "CREATE TABLE IF NOT EXISTS presence_alive (process text PRIMARY KEY, until bigint)",
    ],
};

/// Partitions of an app.
const BUCKETS: u64 = 256;

const PUT: Statement =
    Statement::write("INSERT INTO last_seen (app, bucket, user_id, at, process) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?");
const GET: Statement = Statement::read("SELECT at, process FROM last_seen WHERE app = ? AND bucket = ? AND user_id = ?");
const PAGE: Statement = Statement::read("SELECT user_id, at FROM last_seen WHERE app = ? AND bucket = ? LIMIT ?");
const REMOVE: Statement =
    Statement::write("DELETE FROM last_seen USING TIMESTAMP ? WHERE app = ? AND bucket = ? AND user_id = ?");
const SET_ALIVE: Statement = Statement::write("INSERT INTO presence_alive (process, until) VALUES (?, ?)");
const ALIVE: Statement = Statement::read("SELECT until FROM presence_alive WHERE process = ?");

pub(crate) struct OnCql {
    cql: Cql,
    process: String,
    /// Users who left, until that can be read.
    leaving: Arc<Mutex<BTreeMap<UserKey, i64>>>,
}

impl OnCql {
    /// `process`: names this run of it.
    pub fn new(cql: Cql, process: String) -> OnCql {
        OnCql { cql, process, leaving: Arc::default() }
    }

    /// Begun at once, whether or not anybody waits for it.
    fn put(&self, user: UserKey, at: i64, process: Option<String>) -> Stored {
        let (cql, (app, bucket, id)) = (self.cql.clone(), place(user));
        let timestamp = microseconds(at) + i64::from(process.is_none());
        begun(async move { cql.write(PUT, (app, bucket, id, at, process, timestamp)).await })
    }

    async fn remove(&self, user: UserKey, at: i64) -> Result<(), Error> {
        let (app, bucket, id) = place(user);
        self.cql.write(REMOVE, (microseconds(at) + 1, app, bucket, id)).await
    }

    async fn erase_user(&self, user: UserKey) -> Result<usize, Error> {
        let Some((at, _)) = self.cql.row::<(i64, Option<String>)>(GET, place(user)).await? else { return Ok(0) };
        self.remove(user, at).await.map(|()| 1)
    }

    async fn erase_app(&self, app: AppId, limit: usize) -> Result<usize, Error> {
        let mut gone = 0;
        for bucket in 0..BUCKETS as i32 {
            while gone < limit {
                let most = i32::try_from(limit - gone).unwrap_or(i32::MAX);
                let page = self.cql.rows::<(i64, i64)>(PAGE, (app.0 as i64, bucket, most)).await?;
                if page.is_empty() {
                    break;
                }
                gone += page.len();
                let remove = |(user, at): (i64, i64)| self.remove(UserKey { app, user: UserId(user as u64) }, at);
                futures::future::try_join_all(page.into_iter().map(remove)).await?;
            }
        }
        Ok(gone)
    }
}

impl Seen for OnCql {
    fn came(&self, user: UserKey, at: i64) -> Stored {
        self.leaving.lock().remove(&user);
        self.put(user, at, Some(self.process.clone()))
    }

    fn left(&self, user: UserKey, at: i64) -> Stored {
        self.leaving.lock().insert(user, at);
        let (stored, leaving) = (self.put(user, at, None), Arc::clone(&self.leaving));
        begun(async move {
            stored.await?;
            let mut leaving = leaving.lock();
            if leaving.get(&user) == Some(&at) {
                leaving.remove(&user);
            }
            Ok(())
        })
    }

    fn alive(&self, at: i64) -> Stored {
        let (cql, process) = (self.cql.clone(), self.process.clone());
        begun(async move { cql.write(SET_ALIVE, (process, at)).await })
    }

    fn last(&self, user: UserKey) -> BoxFuture<'_, Result<Option<i64>, Error>> {
        async move {
            if let Some(at) = self.leaving.lock().get(&user) {
                return Ok(Some(*at));
            }
            match self.cql.row::<(i64, Option<String>)>(GET, place(user)).await? {
                Some((at, None)) => Ok(Some(at)),
                // He was there when the process died.
                Some((at, Some(process))) => {
                    let until = self.cql.row::<(i64,)>(ALIVE, (process,)).await?;
                    Ok(Some(until.map_or(at, |(until,)| at.max(until))))
                }
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn erase(&self, scope: Scope, limit: usize) -> BoxFuture<'_, Result<usize, Error>> {
        async move {
            self.leaving.lock().retain(|user, _| !scope.holds(*user));
            match scope.user {
                Some(user) => self.erase_user(UserKey { app: scope.app, user }).await,
                None => self.erase_app(scope.app, limit).await,
            }
        }
        .boxed()
    }
}

/// Runs to its end by itself.
fn begun(work: impl Future<Output = Result<(), Error>> + Send + 'static) -> Stored {
    let running = tokio::spawn(work);
    async move { running.await.unwrap_or_else(|_| Err(Error::Unknown("the process ends".into()))) }.boxed()
}

fn place(user: UserKey) -> (i64, i32, i64) {
    (user.app.0 as i64, (user.user.0 % BUCKETS) as i32, user.user.0 as i64)
}

fn microseconds(at: i64) -> i64 {
    at.saturating_mul(1_000)
}
