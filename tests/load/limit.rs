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
    for line in text.lines() {
        let Some((what, figure)) = line.rsplit_once(' ') else { continue };
        if let Ok(figure) = figure.parse() {
            report.add(&format!("limit: {what}"), figure, "records/s", "");
        }
    }
    Ok(())
}
