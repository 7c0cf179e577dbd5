//! Durable 1-1 messages: as fast as they go, then latencies at half of that, of both places in turns; and what a bare program writes to
//! the same CQL servers.

use anyhow::Result;

use super::chat::{Chat, Seen, millis};
use super::{Scale, add_spent, bare, idle};
use crate::place::Place;
use crate::report::Report;

const SECONDS: u64 = 10;
/// One message of a dialog is on its way at a time, so the most depends on how many dialogs there are.
const PAIRS: [usize; 2] = [16, 128];
const TURNS: usize = 2;

pub async fn run(report: &mut Report, places: [&Place; 2], scale: Scale) -> Result<()> {
    for place in places {
        let (clock, time) = idle(place, scale).await?;
        for (kind, spent) in clock.kinds() {
            let percent = 100.0 * spent.as_secs_f64() / time.as_secs_f64();
            report.add(&format!("{}, asked nothing: {kind}", place.name), percent, "% of a core", "");
        }
    }
    for pairs in PAIRS {
        let mut most = [0.0; 2];
        let mut costs = [0.0; 2];
        let chats = [
            Chat::of(places[0], &format!("most{pairs}"), pairs, &places[0].edges()).await?,
            Chat::of(places[1], &format!("most{pairs}"), pairs, &places[1].edges()).await?,
        ];
        let limit = bare::run(report, places[1], pairs, scale).await?;
        for turn in 1..=TURNS {
            for ((chat, most), cost) in chats.iter().zip(&mut most).zip(&mut costs) {
                let seen = chat.run(None, scale.time(SECONDS)).await?;
                let what = format!("{}, {pairs} pairs, turn {turn}", chat.place.name);
                report.add(&format!("{what}: as fast as they go"), seen.per_second, "msg/s", "");
                add(report, &what, &seen, "");
                *most += seen.per_second / TURNS as f64;
                *cost += seen.spent.per(seen.count()).0 / TURNS as f64;
            }
        }
        report.add(&format!("{pairs} pairs: cluster to bare program"), most[1] / limit, "", "0.5");
        report.add(&format!("{pairs} pairs: cluster to embedded, rate"), most[1] / most[0], "", "");
        report.add(&format!("{pairs} pairs: cluster to embedded, our time on a core per message"), costs[1] / costs[0], "", "2");
        // Each at half of its own, the one process and the bare program at that of the cluster too.
        bare::at(report, places[1], pairs, (most[1] / 2.0).round().max(1.0), scale).await?;
        for (chat, rate) in [(&chats[1], most[1] / 2.0), (&chats[0], most[1] / 2.0), (&chats[0], most[0] / 2.0)] {
            let target = if chat.place.name == "cluster" { "20 ms" } else { "" };
            paced(report, chat, pairs, rate, target, scale).await?;
        }
        // How much of it can be asked of the cluster before messages wait for one another.
        for part in [4.0, 8.0, 16.0] {
            paced(report, &chats[1], pairs, most[1] / part, "", scale).await?;
        }
    }
    Ok(())
}

async fn paced(report: &mut Report, chat: &Chat<'_>, pairs: usize, rate: f64, target: &str, scale: Scale) -> Result<()> {
    let rate = rate.round().max(1.0);
    let seen = chat.run(Some(rate), scale.time(SECONDS)).await?;
    let what = format!("{}, {pairs} pairs, at {rate}/s", chat.place.name);
    report.add(&format!("{what}: reached"), seen.per_second, "msg/s", "");
    add(report, &what, &seen, target);
    Ok(())
}

fn add(report: &mut Report, what: &str, seen: &Seen, target: &str) {
    for (name, quantile, target) in [("p50", 0.5, ""), ("p95", 0.95, ""), ("p99", 0.99, target)] {
        report.add(&format!("{what}: {name} until the ack"), millis(&seen.acks, quantile), "ms", target);
    }
    report.add(&format!("{what}: p50 until it is heard"), millis(&seen.heard, 0.5), "ms", "");
    report.add(&format!("{what}: p99 until it is heard"), millis(&seen.heard, 0.99), "ms", "");
    add_spent(report, what, &seen.spent, seen.count());
    report.add(&format!("{what}: on a core for each, generator"), seen.generator_us(), "us", "");
}
