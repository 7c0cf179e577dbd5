//! A real cluster on this machine, traffic that remembers what it was told, and something that breaks: processes of the binary and servers
//! killed or held still. For each: how long nobody was answered, and that nothing answered is lost, doubled or out of order.
//!
//! `cargo xtask faults` runs it. `NATTER_FAULTS` names the ones to run, separated by commas, all if none; `mixture` among
//! them is several at once, for the seconds of `NATTER_MIXTURE`; `app moved in and out` is no fault, but killed under. `NATTER_SEED` replays the choices.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test that says how far it is

mod certificate;
mod fault;
mod happen;
mod mixture;
mod moving;
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

/// Among the names of faults: several at once.
const MIXTURE: &str = "mixture";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_that_was_answered_is_lost() {
    let seed = number("NATTER_SEED").unwrap_or_else(|| Chance::system().u64() >> 16);
    let wanted = std::env::var("NATTER_FAULTS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let nodes = number("NATTER_NODES").map_or(1, |nodes| nodes as usize);
    let faults = faults(&wanted);
    let scene = Arc::new(Scene::start(nodes, &faults).await.unwrap());
    let mut report = Report::new(seed, nodes);
    if wanted.contains(&MIXTURE) {
        let lasts = Duration::from_secs(number("NATTER_MIXTURE").unwrap_or(60));
        let mixture = Trial::mixed(seed, lasts, nodes, |fault| scene.hinders(fault).is_none());
        report.add(&mixture, scene.play(&mixture, seed).await);
    }
    for fault in faults {
        match scene.hinders(&fault) {
            Some(why) => report.left_out(fault.name, why),
            None => {
                let trial = Trial::of(fault);
                report.add(&trial, scene.play(&trial, seed).await);
            }
        }
        // Whoever ends it early has what was found.
        report.write().unwrap();
    }
    if wanted.is_empty() || wanted.contains(&moving::NAME) {
        report.add_moving(moving::play(&scene).await);
    }
    println!("{}", report.write().unwrap());
    match report.has_failed() {
        true => {
            panic!("something that was answered is not so; the cluster is left in {} with its logs", scene.folder().display())
        }
        false => scene.wipe().unwrap(),
    }
}

/// Those of these names, in their order; all if none is named.
fn faults(names: &[&str]) -> Vec<Fault> {
    let of_name = |name: &&str| {
        let found = FAULTS.iter().find(|fault| fault.name == *name);
        *found.unwrap_or_else(|| panic!("there is no fault {name:?}"))
    };
    match names {
        [] => FAULTS.to_vec(),
        names => names.iter().filter(|name| ![MIXTURE, moving::NAME].contains(*name)).map(of_name).collect(),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
