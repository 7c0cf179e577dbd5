//! What every engine of the message log must do: plain, with delays, with a store that fails by seed, with a crash between
//! two writes.

#![allow(clippy::unwrap_used)]

mod cases;
mod faults;
mod programs;
mod reads;

use std::sync::Arc;

use natter_actor::Clock;
use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Cql, Faults, Kv, KvOptions, Table};
use natter_proto::{AppId, DialogId};
use std::time::Duration;

use super::cql::{OnCql, Setup, TABLES, Told};
use super::embedded::EmbeddedLog;
use super::segment::Boot;
use super::{DialogKey, MessageLog};

#[tokio::test(start_paused = true)]
async fn the_embedded_log_keeps_the_contract_in_memory() {
    cases::all(|| embedded(Kv::memory())).await;
}

#[tokio::test(start_paused = true)]
async fn the_embedded_log_keeps_the_contract_on_a_slow_store() {
    cases::all(|| embedded(Kv::memory_with(slow(7)))).await;
}

#[tokio::test]
async fn the_embedded_log_keeps_the_contract_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Kv::open(directory.path(), KvOptions::default()).unwrap();
    cases::all(|| embedded(kv.clone())).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn the_log_on_cassandra_keeps_the_contract() {
    on_cassandra(&[TABLES], async |cql| cases::all(|| on_cql(cql.clone())).await).await;
}

/// A log that keeps few dialogs in memory, so that others are taken over from itself again and again.
fn on_cql(cql: Cql) -> Arc<dyn MessageLog> {
    let posted = Log::embedded(Kv::memory(), Table("posted"), 1_000);
    let setup = Setup { boot: Boot(1), segment_rows: 150, dialogs_max: 2, changes_kept: 5 };
    Arc::new(OnCql::new(cql.clone(), setup, Told::new(cql, posted), Clock::paused(1_800_000_000_000)))
}

/// A log that keeps one dialog in memory, so that others have to be loaded again and again.
fn embedded(kv: Kv) -> Arc<dyn MessageLog> {
    let posted = Log::embedded(kv.clone(), Table("posted"), 3);
    Arc::new(EmbeddedLog::new(kv, 1, 5, posted))
}

fn slow(seed: u64) -> Faults {
    Faults { seed, delay_min: Duration::from_millis(1), delay_max: Duration::from_millis(9), ..Faults::default() }
}

fn key(n: u8) -> DialogKey {
    DialogKey { app: AppId(5), dialog: DialogId([n; 12]) }
}
