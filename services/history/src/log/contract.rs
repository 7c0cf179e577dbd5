//! What every engine of the message log must do: plain, with delays, with a store that fails by seed, with a crash between
//! two writes.

#![allow(clippy::unwrap_used)]

mod cases;
mod faults;
mod programs;
mod reads;

use std::sync::Arc;

use natter_bus::Log;
use natter_db::{Faults, Kv, KvOptions, Table};
use natter_proto::{AppId, DialogId};
use std::time::Duration;

use super::embedded::EmbeddedLog;
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
