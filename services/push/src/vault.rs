//! What is kept of credentials: those of each app together, sealed, as `by_app.rs` keeps them. `vault/contract.rs` runs on each engine.

use natter_db::Table;
use natter_db::cql::{Migration, Statement};
use natter_proto::push::v1::{CredentialRow, CredentialRows};
use prost::{DecodeError, Message};

use crate::by_app::{self, ByApp, Row, Statements};

#[cfg(test)]
mod contract;

pub use by_app::Error;

/// Credentials of all apps.
pub type Vault = dyn ByApp<CredentialRow>;
/// Those of an app.
pub type Kept = by_app::Kept<CredentialRow>;

/// `row`: `push.v1.CredentialRows`, all of the app; `stamp`: of who wrote it.
pub const TABLES: Migration = Migration {
    name: "push/003-credentials",
    statements: &["CREATE TABLE IF NOT EXISTS push_credentials (part int, app bigint, row blob, stamp bigint, \
                   PRIMARY KEY (part, app))"],
};

impl Row for CredentialRow {
    const TABLE: Table = Table("push_credentials");
    const STATEMENTS: Statements = Statements {
        of_app: Statement::read("SELECT row, stamp FROM push_credentials WHERE part = ? AND app = ?"),
        page: Statement::read("SELECT app, row, stamp FROM push_credentials WHERE part = ? AND app > ? LIMIT ?"),
        add: Statement::change("INSERT INTO push_credentials (row, stamp, part, app) VALUES (?, ?, ?, ?) IF NOT EXISTS"),
        replace: Statement::change("UPDATE push_credentials SET row = ?, stamp = ? WHERE part = ? AND app = ? IF stamp = ?"),
        remove: Statement::change("DELETE FROM push_credentials WHERE part = ? AND app = ? IF stamp = ?"),
    };
    const PARTS: u64 = 64;

    fn write(rows: Vec<CredentialRow>) -> Vec<u8> {
        CredentialRows { rows }.encode_to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Vec<CredentialRow>, DecodeError> {
        Ok(CredentialRows::decode(bytes)?.rows)
    }
}
