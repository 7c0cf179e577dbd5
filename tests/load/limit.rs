//! The yardstick: a bare group commit with `fdatasync`, beside which the durable figures stand.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::report::Report;

/// Runs `natter-db`'s example `limit`.
pub fn run(report: &mut Report) -> Result<()> {
    let program = std::env::var_os("NATTER_LIMIT").context("NATTER_LIMIT names the yardstick: run `cargo xtask bench`")?;
    let output = Command::new(program).output()?;
    ensure!(output.status.success(), "the yardstick failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    // A line is figures with their units, separated by commas: "34359 records/s, 705 fdatasync/s, 64 writers".
    for line in text.lines() {
        let Some((figure, rest)) = line.split_once(" records/s, ") else { continue };
        if let Ok(figure) = figure.parse() {
            report.add(&format!("limit: bare group commit, 300-byte records ({rest})"), figure, "records/s", "");
        }
    }
    Ok(())
}
