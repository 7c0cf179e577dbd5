//! The ports on a key-value store: keys, rows and conditions. Knows no rule of the noun. Numbers in keys are big-endian, so
//! that scans run by id.

mod apps;
mod audit;
mod erasures;
mod operators;
mod overrides;
mod reports;
mod sign_ins;
mod tokens;
mod users;

use natter_db::{Batch, Error as DbError, Kv, Table};
use prost::Message;

use super::{Result, Stamp};

const APPS: Table = Table("apps");
const APP_KEYS: Table = Table("app_keys");
const AUDIT: Table = Table("audit");
const APP_HOSTS: Table = Table("app_hosts");
const USERS: Table = Table("users");
const USER_BY_LOGIN: Table = Table("user_by_login");
const USER_BY_EMAIL: Table = Table("user_by_email");
const USER_BY_PHONE: Table = Table("user_by_phone");
const USER_BY_EXTERNAL: Table = Table("user_by_external");
const ERASURES: Table = Table("erasures");
/// Those that go on.
const ERASING: Table = Table("erasing");
const GUESTS: Table = Table("guests");
const LAST_REQUESTS: Table = Table("last_requests");
const ID_BLOCKS: Table = Table("id_blocks");
const OPERATORS: Table = Table("operators");
const OVERRIDES: Table = Table("overrides");
const REPORTS: Table = Table("reports");
const REPORTS_OF_USER: Table = Table("reports_of_user");
const RESETS: Table = Table("resets");
const SIGN_INS: Table = Table("sign_ins");
const SIGN_INS_OF: Table = Table("sign_ins_of");
const TOKENS: Table = Table("tokens");
const TOKENS_OF: Table = Table("tokens_of");
const VERIFIERS: Table = Table("verifiers");

/// How often a step that met another writer is tried before it is given up.
const TRIES: usize = 16;

/// The engine.
pub struct Embedded {
    kv: Kv,
}

impl Embedded {
    pub fn new(kv: Kv) -> Embedded {
        Embedded { kv }
    }

    async fn number(&self, table: Table, key: &[u8]) -> Result<Option<u64>> {
        let row = self.kv.get(table, key).await?;
        Ok(row.map(|row| number_of(table, &row)).transpose()?)
    }

    /// Takes `length` numbers of a counter that begins at 1. Durable before it is answered.
    async fn advance(&self, counter: &[u8], length: u64) -> Result<u64> {
        for _ in 0..TRIES {
            let next = self.number(ID_BLOCKS, counter).await?;
            let first = next.unwrap_or(1);
            let mut batch = Batch::new();
            require_number(&mut batch, ID_BLOCKS, counter, next);
            batch.put(ID_BLOCKS, counter, (first + length).to_be_bytes().to_vec());
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome.map(|()| first)?),
            }
        }
        Err(super::Error::Changed)
    }
}

fn require_number(batch: &mut Batch, table: Table, key: &[u8], expected: Option<u64>) {
    match expected {
        Some(number) => batch.require_equal(table, key, number.to_be_bytes().to_vec()),
        None => batch.require_absent(table, key),
    }
}

fn number_of(table: Table, row: &[u8]) -> std::result::Result<u64, DbError> {
    row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt(table))
}

fn decode<M: Message + Default>(table: Table, row: &[u8]) -> std::result::Result<M, DbError> {
    M::decode(row).map_err(|_| corrupt(table))
}

fn corrupt(table: Table) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", table.0))
}

/// Key of what belongs to one user of one app, or to one app with a number.
fn pair(app: u64, number: u64) -> Vec<u8> {
    [app.to_be_bytes(), number.to_be_bytes()].concat()
}

/// The engine's mark is the row's bytes: a row that a later version wrote is compared whole, fields unknown here included.
fn stamp(bytes: &[u8]) -> Stamp {
    Stamp(bytes::Bytes::copy_from_slice(bytes))
}
