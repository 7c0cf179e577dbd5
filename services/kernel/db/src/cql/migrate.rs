//! Bringing a keyspace to the tables of this version.
//!
//! A migration is a name and statements that may run again: `CREATE TABLE IF NOT EXISTS`, `ALTER TABLE ... ADD IF NOT EXISTS`. What was
//! done stands in the table `migrations`, each when all its statements were. So one that was cut off goes on where it was. First a
//! release adds what it needs (expand), a later one drops what nobody uses any more (contract).
//!
//! Servers do not bear two who change tables at once, so only who holds the row of `migrating` does; it ends by itself soon after who
//! holds it has gone.

use std::collections::HashSet;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::value::Row;
use tokio::time::{Instant, sleep};

use super::connect;
use super::options::CqlOptions;
use super::scylladb::Features;
use super::{Cql, held};
use crate::error::Error;

/// Statements that make a part of the schema, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// `OWNER/NUMBER-WHAT`; never changed once released.
    pub name: &'static str,
    pub statements: &'static [&'static str],
}

/// What became of a migration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    Before,
    Now,
    /// Not done, since nobody wanted it done yet.
    Not,
}

/// Seconds after which the row of who changes tables ends by itself: longer than one statement may take until all servers know it.
const HELD_S: i32 = 180;
/// Longest wait for another who changes tables.
const PATIENCE: Duration = Duration::from_secs(300);
const STEP: Duration = Duration::from_millis(500);

const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamp)",
    "CREATE TABLE IF NOT EXISTS migrating (id int PRIMARY KEY, holder uuid)",
];

impl Cql {
    /// Makes the keyspace if it is not there, and applies what was not applied, in order. `dry`: only says what would be.
    pub async fn migrate(
        options: &CqlOptions,
        migrations: &[Migration],
        dry: bool,
    ) -> Result<Vec<(&'static str, Applied)>, Error> {
        let session = connect::to_servers(options).await?;
        let keyspace = options.keyspace().ok_or_else(|| Error::NotStored("the name of the keyspace is not a name".into()))?;
        if dry {
            let done = if is_begun(&session, keyspace).await? { done_in(&session, keyspace).await? } else { HashSet::new() };
            let told = |one: &Migration| if done.contains(one.name) { Applied::Before } else { Applied::Not };
            return Ok(migrations.iter().map(|one| (one.name, told(one))).collect());
        }
        let features = Features::of(&session).await?;
        run(&session, &keyspace_statement(keyspace, options.replicas, &features)).await?;
        session.use_keyspace(keyspace, false).await.map_err(|error| Error::NotStored(error.to_string()))?;
        for table in TABLES {
            run(&session, table).await?;
        }
        let lease = Lease::take(&session).await?;
        let applied = apply(&session, keyspace, migrations, &lease).await;
        // It ends by itself too.
        if let Err(error) = lease.end().await {
            tracing::warn!(%error, "the right to change tables was not given back");
        }
        applied
    }
}

#[cfg(feature = "testing")]
impl Cql {
    /// Removes a keyspace with all that is in it.
    pub async fn drop_keyspace(options: &CqlOptions) -> Result<(), Error> {
        let session = connect::to_servers(options).await?;
        let keyspace = options.keyspace().ok_or_else(|| Error::NotStored("the name of the keyspace is not a name".into()))?;
        run(&session, &format!("DROP KEYSPACE IF EXISTS {keyspace}")).await
    }
}

async fn apply(
    session: &Session,
    keyspace: &str,
    migrations: &[Migration],
    lease: &Lease<'_>,
) -> Result<Vec<(&'static str, Applied)>, Error> {
    let done = done_in(session, keyspace).await?;
    let mut told = Vec::new();
    for migration in migrations {
        if done.contains(migration.name) {
            told.push((migration.name, Applied::Before));
            continue;
        }
        for statement in migration.statements {
            lease.renew().await?;
            run(session, statement).await.map_err(|error| Error::NotStored(format!("{}: {error}", migration.name)))?;
        }
        let noted = "INSERT INTO migrations (name, applied_at) VALUES (?, toTimestamp(now()))";
        session.query_unpaged(noted, (migration.name,)).await.map_err(|error| Error::Unknown(error.to_string()))?;
        told.push((migration.name, Applied::Now));
    }
    Ok(told)
}

fn keyspace_statement(keyspace: &str, replicas: u32, features: &Features) -> String {
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', \
         'replication_factor': {replicas}}}{}",
        features.of_keyspace()
    )
}

// Whether anything was ever applied there.
async fn is_begun(session: &Session, keyspace: &str) -> Result<bool, Error> {
    let asked = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'migrations'";
    let answer = session.query_unpaged(asked, (keyspace,)).await.map_err(|error| Error::NotStored(error.to_string()))?;
    let rows = answer.into_rows_result().map_err(|error| Error::Corrupt(error.to_string()))?;
    Ok(rows.rows_num() > 0)
}

async fn done_in(session: &Session, keyspace: &str) -> Result<HashSet<String>, Error> {
    let answer = session.query_unpaged(format!("SELECT name FROM {keyspace}.migrations"), ()).await;
    let rows = answer.map_err(|error| Error::NotStored(error.to_string()))?.into_rows_result();
    let rows = rows.map_err(|error| Error::Corrupt(error.to_string()))?;
    let names = rows.rows::<(String,)>().map_err(|error| Error::Corrupt(error.to_string()))?;
    names.map(|name| name.map(|(name,)| name).map_err(|error| Error::Corrupt(error.to_string()))).collect()
}

// A change of the schema, known to all servers when it returns.
async fn run(session: &Session, statement: &str) -> Result<(), Error> {
    let mut statement = scylla::statement::unprepared::Statement::new(statement);
    statement.set_request_timeout(Some(Duration::from_secs(60)));
    session.query_unpaged(statement, ()).await.map_err(|error| Error::NotStored(error.to_string()))?;
    session.await_schema_agreement().await.map_err(|error| Error::NotStored(error.to_string())).map(drop)
}

// The right to change tables.
struct Lease<'a> {
    session: &'a Session,
    holder: scylla::value::CqlValue,
}

impl Lease<'_> {
    async fn take(session: &Session) -> Result<Lease<'_>, Error> {
        let holder = session.query_unpaged("SELECT uuid() FROM system.local", ()).await;
        let rows = holder.map_err(|error| Error::NotStored(error.to_string()))?.into_rows_result();
        let rows = rows.map_err(|error| Error::Corrupt(error.to_string()))?;
        let mut row = rows.first_row::<Row>().map_err(|error| Error::Corrupt(error.to_string()))?;
        let holder = row.columns.pop().flatten().ok_or_else(|| Error::Corrupt("no name of a holder".into()))?;
        let lease = Lease { session, holder };
        let end = Instant::now() + PATIENCE;
        while !lease.change(&format!("INSERT INTO migrating (id, holder) VALUES (0, ?) IF NOT EXISTS USING TTL {HELD_S}")).await?
        {
            if Instant::now() > end {
                return Err(Error::NotStored("another process changes the tables, and does not end".into()));
            }
            sleep(STEP).await;
        }
        Ok(lease)
    }

    async fn renew(&self) -> Result<(), Error> {
        let text = format!("UPDATE migrating USING TTL {HELD_S} SET holder = ? WHERE id = 0 IF holder = ?");
        let answer = self.session.query_unpaged(text, (&self.holder, &self.holder)).await;
        match held(answer.map_err(|error| Error::Unknown(error.to_string()))?)? {
            true => Ok(()),
            false => Err(Error::NotStored("the right to change the tables was lost; another may change them".into())),
        }
    }

    async fn end(&self) -> Result<(), Error> {
        self.change("DELETE FROM migrating WHERE id = 0 IF holder = ?").await.map(drop)
    }

    async fn change(&self, text: &str) -> Result<bool, Error> {
        let answer = self.session.query_unpaged(text, (&self.holder,)).await;
        held(answer.map_err(|error| Error::Unknown(error.to_string()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_is_made_with_words_that_both_servers_know() {
        let made = keyspace_statement("natter", 3, &Features::default());
        let expected = "CREATE KEYSPACE IF NOT EXISTS natter WITH replication = \
                        {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}";
        assert_eq!(made, expected);
    }

    #[test]
    fn on_scylladb_a_keyspace_has_no_tablets() {
        let made = keyspace_statement("natter", 1, &Features::read("CDC,TABLETS"));
        let expected = "CREATE KEYSPACE IF NOT EXISTS natter WITH replication = \
                        {'class': 'NetworkTopologyStrategy', 'replication_factor': 1} AND tablets = {'enabled': false}";
        assert_eq!(made, expected);
    }
}
