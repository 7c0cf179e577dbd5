//! A real cluster on this machine, traffic that remembers what it was told, and something that breaks: processes of the binary and servers
//! killed or held still. For each: how long nobody was answered, and that nothing answered is lost, doubled or out of order.
//!
//! `cargo xtask faults` runs it. `NATTER_FAULTS` names the ones to run, separated by commas; `NATTER_SEED` replays the choices.
#![allow(clippy::unwrap_used)]

mod fault;
mod probe;
mod report;
mod stage;

use natter_actor::Chance;

use fault::FAULTS;
use report::Report;
use stage::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_that_was_answered_is_lost() {
    let seed = number("NATTER_SEED").unwrap_or_else(|| Chance::system().u64() >> 16);
    let wanted = std::env::var("NATTER_FAULTS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let nodes = number("NATTER_NODES").map_or(1, |nodes| nodes as usize);
    let scene = Scene::start(nodes).unwrap();
    let mut report = Report::new(seed, nodes);
    for fault in FAULTS.iter().filter(|fault| wanted.is_empty() || wanted.contains(&fault.name)) {
        if fault.nodes > nodes {
            report.left_out(fault, "needs servers in sets of three");
            continue;
        }
        println!("{} ...", fault.name);
        let outcome = scene.play(fault, seed).await;
        println!("{}: {outcome:?}", fault.name);
        report.add(fault, outcome);
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
