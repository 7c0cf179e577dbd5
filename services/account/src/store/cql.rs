//! The ports on ScyllaDB: tables, statements and conditions, a file per noun. Knows no rule of the noun. Numbers are kept as
//! `bigint`, with the same bits.

#[cfg(test)]
mod app_crashes;
mod app_names;
mod apps;
mod audit;
mod ids;
mod operators;
mod sign_ins;

use natter_db::Cql;
use natter_db::cql::Migration;

pub use apps::AppsOnCql;

/// The tables of these ports, in the order in which they are made.
pub const TABLES: [Migration; 5] = [apps::TABLES, ids::TABLES, operators::TABLES, sign_ins::TABLES, audit::TABLES];

/// How often a step that met another writer is tried before it is given up.
const TRIES: usize = 16;

/// The engine of all ports but that of apps, which is [`AppsOnCql`].
#[derive(Clone)]
pub struct OnCql {
    pub(super) cql: Cql,
}
