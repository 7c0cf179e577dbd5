//! One, two, three edges at the same load for each of them: pairs of its own write at each edge, and their readers are at the next one.
//! All edges run from the start; those that are not used stand idle.

use anyhow::Result;

use super::chat::{Chat, millis};
use super::{Scale, add_spent, idle};
use crate::place::Place;
use crate::report::Report;

const PAIRS: usize = 8;
/// Messages a second at each edge; with all of them it is below what this machine takes.
const RATE: f64 = 40.0;
const SECONDS: u64 = 10;

pub async fn run(report: &mut Report, place: &Place, scale: Scale) -> Result<()> {
    let edges = place.edges();
    let idle = idle(place, scale).await?;
    for count in 1..=edges.len() {
        let chat = Chat::of(place, &format!("edges{count}"), PAIRS * count, &edges[..count]).await?;
        let seen = chat.run(Some(RATE * count as f64), scale.time(SECONDS)).await?;
        let what = format!("{count} edges at {RATE}/s each");
        report.add(&format!("{what}: reached"), seen.per_second, "msg/s", "");
        report.add(&format!("{what}: p50 until the ack"), millis(&seen.acks, 0.5), "ms", "");
        report.add(&format!("{what}: p99 until the ack"), millis(&seen.acks, 0.99), "ms", "");
        report.add(&format!("{what}: p99 until it is heard"), millis(&seen.heard, 0.99), "ms", "");
        let spent = seen.spent.without_idle(seen.took, &idle);
        add_spent(report, &what, &spent, seen.count());
    }
    Ok(())
}
