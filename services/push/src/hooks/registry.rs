//! What is kept of webhooks: those of each app together, secrets sealed, as `by_app.rs` keeps them; and how each of them goes, which is written
//! by whoever sends for it, and the last word counts. Engines of that lie in `registry/`, and `registry/contract.rs` runs on each of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_db::cql::{Migration, Statement};
use natter_db::{Db, Error, Table};
use natter_proto::push::v1::{WebhookRow, WebhookRows, WebhookState};
use natter_rpc::async_trait;
use prost::{DecodeError, Message};

use crate::by_app::{self, ByApp, Row, Statements};
use crate::stamps::Stamps;

#[cfg(test)]
mod contract;
mod cql;
mod embedded;

/// `row`: `push.v1.WebhookRows`, all of the app, or `push.v1.WebhookState`; `stamp`: of who wrote it.
pub const TABLES: Migration = Migration {
    name: "push/007-webhooks",
    statements: &[
        "CREATE TABLE IF NOT EXISTS webhooks (part int, app bigint, row blob, stamp bigint, PRIMARY KEY (part, app))",
        "CREATE TABLE IF NOT EXISTS webhook_states (app bigint, id bigint, row blob, PRIMARY KEY (app, id))",
    ],
};

/// Those of an app.
pub type Kept = by_app::Kept<WebhookRow>;

/// Webhooks of all apps.
pub struct Registry {
    pub rows: Box<dyn ByApp<WebhookRow>>,
    pub states: Box<dyn States>,
}

impl Registry {
    /// On the engine for where rows are kept.
    pub fn open(db: &Db, stamps: &Arc<Stamps>) -> Registry {
        let states: Box<dyn States> = match db {
            Db::Kv(kv) => Box::new(embedded::Embedded::new(kv.clone())),
            Db::Cql(cql) => Box::new(cql::OnCql::new(cql.clone())),
        };
        Registry { rows: by_app::open(db, stamps), states }
    }
}

/// How webhooks go.
#[async_trait]
pub trait States: Send + Sync {
    /// Those of an app of which something was noted, by id.
    async fn of_app(&self, app: u64) -> Result<BTreeMap<u64, WebhookState>, Error>;
    async fn note(&self, app: u64, id: u64, state: &WebhookState) -> Result<(), Error>;
    /// Forgets how one goes.
    async fn forget(&self, app: u64, id: u64) -> Result<(), Error>;
}

impl Row for WebhookRow {
    const TABLE: Table = Table("webhooks");
    const STATEMENTS: Statements = Statements {
        of_app: Statement::read("SELECT row, stamp FROM webhooks WHERE part = ? AND app = ?"),
        page: Statement::read("SELECT app, row, stamp FROM webhooks WHERE part = ? AND app > ? LIMIT ?"),
        add: Statement::change("INSERT INTO webhooks (row, stamp, part, app) VALUES (?, ?, ?, ?) IF NOT EXISTS"),
        replace: Statement::change("UPDATE webhooks SET row = ?, stamp = ? WHERE part = ? AND app = ? IF stamp = ?"),
        remove: Statement::change("DELETE FROM webhooks WHERE part = ? AND app = ? IF stamp = ?"),
    };
    const PARTS: u64 = 16;

    fn write(rows: Vec<WebhookRow>) -> Vec<u8> {
        WebhookRows { rows }.encode_to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Vec<WebhookRow>, DecodeError> {
        Ok(WebhookRows::decode(bytes)?.rows)
    }
}
