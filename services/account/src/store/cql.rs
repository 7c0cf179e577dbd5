//! The ports on ScyllaDB: tables, statements and the order of steps. Knows no rule of the noun.
//!
//! What one batch does on a key-value store is here a row of steps, each durable before the next. The file of each noun says what a
//! crash after each of them leaves, and who repairs it. A call that is dropped half way is such a crash.

mod beside;
mod conditions;
mod erasing;
mod erasures;
mod guests;
mod names;
mod reports;
mod tokens;
#[cfg(test)]
mod user_crashes;
#[cfg(test)]
mod user_races;
mod users;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use natter_db::cql::{Cql, Migration};

use super::Result;

/// Of users, tokens, reports and erasures.
pub const TABLES: [Migration; 7] =
    [users::TABLES, names::TABLES, guests::TABLES, beside::TABLES, tokens::TABLES, reports::TABLES, erasures::TABLES];

/// The engine.
#[derive(Clone)]
pub struct OnCql {
    pub(super) cql: Cql,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl OnCql {
    pub(super) async fn take_ids(&self, _kind: &str, length: u64) -> Result<Range<u64>> {
        let first = NEXT.fetch_add(length, Ordering::Relaxed);
        Ok(first..first + length)
    }
}
