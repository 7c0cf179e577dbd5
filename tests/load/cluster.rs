//! The measurements of `cargo xtask bench --cluster`: one process and a cluster side by side, in turns, in one run. Generator, processes
//! and servers share this machine, and the cluster stands idle while the other is measured.

mod bare;
mod chat;
mod dialogs;
mod edges;
mod hops;
mod length;
mod members;
mod messages;
mod post;
mod storm;

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::runtime::Runtime;

use crate::place::{Clock, Place};
use crate::report::Report;

const ALL: [&str; 7] = ["messages", "hops", "edges", "members", "dialogs", "length", "storm"];

/// How much of a full measurement is taken, of times and of numbers: to see that it works.
#[derive(Clone, Copy)]
pub struct Scale(f64);

impl Scale {
    pub fn time(self, seconds: u64) -> Duration {
        Duration::from_secs_f64(seconds as f64 * self.0)
    }

    /// At least `least`.
    pub fn count(self, count: usize, least: usize) -> usize {
        ((count as f64 * self.0) as usize).max(least)
    }
}

/// The named measurements, or all of them. `messages=20` takes a fifth of the time of `messages`, in percent.
pub fn run(runtime: &Runtime, report: &mut Report, names: &[&str]) -> Result<()> {
    let names = if names.is_empty() { &ALL[..] } else { names };
    let mut planned = Vec::new();
    for name in names {
        let (name, percent) = name.split_once('=').unwrap_or((name, "100"));
        let Some(name) = ALL.iter().find(|known| **known == name) else {
            bail!("no measurement of the cluster is called {name:?}; there are {}", ALL.join(", "));
        };
        planned.push((*name, Scale(percent.parse::<u32>()?.clamp(1, 1_000) as f64 / 100.0)));
    }
    let (one, many) = (runtime.block_on(Place::embedded())?, Place::cluster(EDGES)?);
    let places = [&one, &many];
    for (name, scale) in planned {
        println!("--- {name}");
        runtime.block_on(async {
            match name {
                "messages" => messages::run(report, places, scale).await,
                "hops" => hops::run(report, &many, scale).await,
                "edges" => edges::run(report, &many, scale).await,
                "members" => members::run(report, places, scale).await,
                "dialogs" => dialogs::run(report, places, scale).await,
                "length" => length::run(report, places, scale).await,
                _ => storm::run(report, &many, scale).await,
            }
        })?;
    }
    Ok(())
}

const EDGES: usize = 3;
/// How long it is looked what a place does when it is asked nothing.
const IDLE: u64 = 5;

/// What passes on cores where nobody asks anything, and in which time.
async fn idle(place: &Place, scale: Scale) -> Result<(Clock, Duration)> {
    let (before, time) = (place.clock()?, scale.time(IDLE).max(Duration::from_secs(2)));
    tokio::time::sleep(time).await;
    Ok((place.clock()?.since(&before), time))
}

/// A row for each kind of process: microseconds on a core for each of `count`.
fn add_spent(report: &mut Report, what: &str, spent: &Clock, count: u64) {
    let (ours, servers) = spent.per(count);
    let kinds = spent.kinds();
    report.add(&format!("{what}: on a core for each, our processes"), ours, "us", "");
    if kinds.len() == 1 {
        return;
    }
    report.add(&format!("{what}: on a core for each, servers"), servers, "us", "");
    for (kind, of_kind) in kinds {
        let of_each = of_kind.as_secs_f64() * 1e6 / count.max(1) as f64;
        if of_each >= 0.5 {
            report.add(&format!("  {kind}"), of_each, "us", "");
        }
    }
}
