//! A real cluster on this machine, traffic that remembers what it was told, and something that breaks: processes of the binary and servers
//! killed or held still. For each: how long nobody was answered, and that nothing answered is lost, doubled or out of order.
//!
//! `cargo xtask faults` runs it. `NATTER_FAULTS` names the ones to run, separated by commas, all if none; `NATTER_MIXTURE` says for how
//! many seconds several of them go on at once; `NATTER_SEED` replays the choices.
#![allow(clippy::unwrap_used)]

mod fault;
mod happen;
mod mixture;
mod network;
mod noise;
mod probe;
mod report;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use natter_actor::Chance;

use fault::{FAULTS, Fault};
use mixture::Trial;
use report::Report;
use stage::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_that_was_answered_is_lost() {
    let seed = number("NATTER_SEED").unwrap_or_else(|| Chance::system().u64() >> 16);
    let wanted = std::env::var("NATTER_FAULTS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let nodes = number("NATTER_NODES").map_or(1, |nodes| nodes as usize);
    let is_wanted = |fault: &&Fault| wanted.is_empty() || wanted.contains(&fault.name);
    let faults: Vec<Fault> = FAULTS.iter().filter(is_wanted).copied().collect();
    let scene = Arc::new(Scene::start(nodes, &faults).await.unwrap());
    let mut report = Report::new(seed, nodes);
    let mut trials = Vec::new();
    for fault in faults {
        match scene.hinders(&fault) {
            Some(why) => report.left_out(fault.name, why),
            None => trials.push(Trial::of(fault)),
        }
    }
    if let Some(lasts) = number("NATTER_MIXTURE") {
        trials.push(Trial::mixed(seed, Duration::from_secs(lasts), |fault| scene.hinders(fault).is_none()));
    }
    for trial in &trials {
        println!("{} ...", trial.name);
        let outcome = scene.play(trial, seed).await;
        println!("{}: {outcome:?}", trial.name);
        report.add(trial, outcome);
    }
    report.write().unwrap();
    match report.has_failed() {
        true => {
            panic!("something that was answered is not so; the cluster is left in {} with its logs", scene.folder().display())
        }
        false => scene.wipe().unwrap(),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
