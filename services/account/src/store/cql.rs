//! The ports on ScyllaDB: tables, statements and the order of steps, a file per noun. Knows no rule of the noun. Numbers are kept as
//! `bigint`, with the same bits.
//!
//! What one batch does on a key-value store is here a row of steps, each durable before the next. The file of each noun says what a
//! crash after each of them leaves, and who repairs it. A call that is dropped half way is such a crash.

#[cfg(test)]
mod app_crashes;
mod app_names;
mod apps;
mod audit;
mod beside;
mod conditions;
mod erasing;
mod erasures;
mod guests;
mod ids;
mod names;
mod operators;
mod overrides;
mod reports;
mod sign_ins;
mod tokens;
#[cfg(test)]
mod user_crashes;
#[cfg(test)]
mod user_races;
mod users;

use natter_db::Cql;
use natter_db::cql::Migration;

pub use apps::AppsOnCql;
use conditions::TRIES;

/// The tables of these ports, in the order in which they are made.
pub const TABLES: [Migration; 13] = [
    apps::TABLES,
    ids::TABLES,
    operators::TABLES,
    sign_ins::TABLES,
    audit::TABLES,
    users::TABLES,
    names::TABLES,
    guests::TABLES,
    beside::TABLES,
    tokens::TABLES,
    reports::TABLES,
    erasures::TABLES,
    overrides::TABLES,
];

/// The engine of all ports but that of apps, which is [`AppsOnCql`].
#[derive(Clone)]
pub struct OnCql {
    pub(super) cql: Cql,
}
