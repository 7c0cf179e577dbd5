//! What attackers of other chat servers did, tried here. `attacks/attacks.table` says line by line which test shows it, these or
//! others; `it/attacks.rs` sees to it that none is missing. Each says what must happen, and what it may cost.

mod operators;
mod sessions;
mod strangers;
mod websockets;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use natter_tests::process::Natter;

use crate::limits::metrics;

/// Ten times what anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// How often strangers come and go, unless `NATTER_CYCLES` says so.
const CYCLES: usize = 3_000;

fn cycles() -> usize {
    std::env::var("NATTER_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(CYCLES)
}

/// Waits until the server counts this.
async fn counted(natter: &Natter, line: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let text = metrics(natter).await?;
        if text.lines().any(|found| found == line) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            let (name, _) = line.split_once(' ').unwrap_or((line, ""));
            bail!("not {line:?} but {:?}", text.lines().find(|found| found.starts_with(name)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
