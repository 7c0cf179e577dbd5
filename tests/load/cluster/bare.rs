//! The yardstick of the cluster: a program that does nothing but write the row and its id row at LOCAL_QUORUM to the CQL servers of the
//! place, as many dialogs at a time as there are pairs.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Scale;
use crate::place::Place;
use crate::report::Report;

const SECONDS: u64 = 10;

/// Runs `natter-db`'s example `quorum` with so many dialogs: rows alone, then with all that the log asks for a row; then rows alone at half of
/// what they made. The rows per second of the first.
pub async fn run(report: &mut Report, place: &Place, dialogs: usize, scale: Scale) -> Result<f64> {
    let mut limit = 0.0;
    for what in ["rows", "rows-look", "rows-look-put", "rows-look-member"] {
        let per_second = measure(report, place, dialogs, what, None, scale).await?;
        if what == "rows" {
            limit = per_second;
        }
    }
    measure(report, place, dialogs, "rows", Some((limit / 2.0).round().max(1.0)), scale).await?;
    Ok(limit)
}

/// Rows alone at the rate that the cluster is measured at.
pub async fn at(report: &mut Report, place: &Place, dialogs: usize, rate: f64, scale: Scale) -> Result<()> {
    measure(report, place, dialogs, "rows", Some(rate), scale).await.map(drop)
}

async fn measure(report: &mut Report, place: &Place, dialogs: usize, what: &str, rate: Option<f64>, scale: Scale) -> Result<f64> {
    let program = std::env::var_os("NATTER_QUORUM").context("NATTER_QUORUM names the yardstick: run `cargo xtask bench`")?;
    let servers = &place.of_cluster()?.servers.cassandra;
    let nodes: Vec<String> = servers.seats().iter().map(|seat| seat.address().to_string()).collect();
    let mut command = Command::new(program);
    let seconds = scale.time(SECONDS).as_secs().max(1);
    command.args([nodes.join(","), dialogs.to_string(), seconds.to_string(), what.to_owned()]);
    command.args(rate.map(|rate| rate.to_string()));
    let before = place.clock()?;
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "the yardstick failed: {}", String::from_utf8_lossy(&output.stderr));
    let spent = place.clock()?.since(&before);
    // "4711 rows/s, 3.2 ms p50, 9.1 ms p99, 41 us, 190 and 70 bytes"
    let text = String::from_utf8(output.stdout)?;
    let figures: Vec<f64> = text.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [per_second, p50, p99, own, row, id] = figures[..] else { anyhow::bail!("the yardstick says {text:?}") };
    let pace = rate.map_or_else(String::new, |rate| format!(" at {rate}/s"));
    let name = format!("bare program, {dialogs} dialogs, {what}{pace}");
    report.add(&format!("{name} ({row} and {id} bytes)"), per_second, "rows/s", "");
    report.add("  p50", p50, "ms", "");
    report.add("  p99", p99, "ms", "");
    report.add("  on a core per row, itself", own, "us", "");
    let servers = spent.kinds().get("Cassandra").map_or(0.0, |spent| spent.as_secs_f64());
    report.add("  on a core per row, Cassandra", servers * 1e6 / (per_second * seconds as f64).max(1.0), "us", "");
    Ok(per_second)
}
