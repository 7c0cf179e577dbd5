//! What is said to ScyllaDB alone: Apache Cassandra refuses the words. What a server is, it says itself, in a column of `system.local` that
//! Cassandra has not. No statement on rows is here: those are the same for both.

use std::collections::BTreeSet;

use scylla::client::session::Session;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;

use super::rows_of;
use crate::error::Error;

/// Asked first, of a table that both have: who has not the column refuses a question for it.
const TELLS: &str = "SELECT column_name FROM system_schema.columns \
                     WHERE keyspace_name = 'system' AND table_name = 'local' AND column_name = 'supported_features'";
const FEATURES: &str = "SELECT supported_features FROM system.local WHERE key = 'local'";

/// What a server of ScyllaDB says that it can. Cassandra says nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Features(BTreeSet<String>);

impl Features {
    /// Of the servers of a session.
    pub async fn of(session: &Session) -> Result<Features, Error> {
        if asked(session, TELLS, ()).await?.rows_num() == 0 {
            return Ok(Features::default());
        }
        let rows = asked(session, FEATURES, ()).await?;
        let (features,) = rows.first_row::<(Option<String>,)>().map_err(|error| Error::Corrupt(error.to_string()))?;
        Ok(Features::read(&features.unwrap_or_default()))
    }

    /// Of names that are separated by commas.
    pub fn read(text: &str) -> Features {
        Features(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// What stands at the end of the statement that makes the keyspace. Where ScyllaDB spreads rows as tablets, releases before 2025.4
    /// take no condition (`IF`), and most of the tables have some: so the keyspace has none.
    pub fn of_keyspace(&self) -> &'static str {
        if self.0.contains("TABLETS") { " AND tablets = {'enabled': false}" } else { "" }
    }
}

async fn asked(session: &Session, question: &str, values: impl SerializeRow) -> Result<QueryRowsResult, Error> {
    rows_of(session.query_unpaged(question, values).await.map_err(|error| Error::NotStored(error.to_string()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_tablets_is_told_to_use_none() {
        let told = |text: &str| Features::read(text).of_keyspace();
        assert_eq!(told("AGGREGATE_STORAGE_OPTIONS,CDC,TABLETS,UDA"), " AND tablets = {'enabled': false}");
        assert_eq!(told("CDC, TABLETS"), " AND tablets = {'enabled': false}");
        // ScyllaDB before tablets, one whose features are not known yet, and Cassandra.
        assert_eq!(told("CDC,LWT,TABLET_OPTIONS"), "");
        assert_eq!(told(""), "");
        assert_eq!(Features::default().of_keyspace(), "");
    }
}
