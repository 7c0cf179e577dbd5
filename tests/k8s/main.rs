//! The chart on a real cluster of Kubernetes: one process, then a whole installation on real servers, with two hundred clients who chat
//! while it is upgraded, evicted, killed, spoiled and scaled. How long each was away, and that nothing answered is lost or doubled.
//!
//! `cargo xtask k8s` runs it. `NATTER_K8S_STEPS` names what to do, separated by commas, all if none.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test that says how far it is

mod all;
mod crowd;
mod kube;
mod release;
mod report;
mod steps;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crowd::Crowd;
use kube::Kube;
use release::{Place, Release};
use report::{LATE, Report, SOON};
use steps::Step;

/// Among the names of steps: the single process.
const ALL: &str = "mode all";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_what_is_done_to_a_release() {
    let wanted = std::env::var("NATTER_K8S_STEPS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let known = |name: &&str| *name == ALL || Step::ALL.iter().any(|step| step.name() == *name);
    assert!(wanted.iter().all(known), "one of {wanted:?} is no step");
    let place = Place::of_environment().unwrap();
    let mut report = Report::default();
    if is_wanted(ALL) {
        println!("{ALL} ...");
        report.installed.push(("`mode: all`", all::try_out(&place).await));
    }
    let steps: Vec<Step> = Step::ALL.into_iter().filter(|step| is_wanted(step.name())).collect();
    if !steps.is_empty()
        && let Err(error) = in_a_cluster(&place, &steps, &mut report).await
    {
        report.failures.push(format!("{error:#}"));
    }
    println!("{}", report.write(&place.target, &cluster().await).unwrap());
    assert!(!report.has_failed(), "something was noticed");
}

async fn in_a_cluster(place: &Place, steps: &[Step], report: &mut Report) -> Result<()> {
    println!("mode cluster ...");
    let kube = Kube::begin("natter-cluster").await?;
    let (release, [installed, tested]) = Release::install(place, kube).await.context("mode cluster is not installed")?;
    let said = format!(
        "migrated and installed in {installed:.0} s, `helm test` {tested:.0} s; no warning of Pod Security \"restricted\""
    );
    report.installed.push(("`mode: cluster`", Ok(said)));
    let chatted = chat(place, &release, steps, report).await;
    if chatted.is_ok() && !report.has_failed() {
        release.kube.remove().await?;
        release.servers.wipe()?;
    }
    chatted
}

async fn chat(place: &Place, release: &Release, steps: &[Step], report: &mut Report) -> Result<()> {
    println!("the crowd gathers ...");
    let crowd = Crowd::gather(release).await.context("the crowd does not gather")?;
    let mut during = Vec::new();
    for step in steps {
        println!("{} ...", step.name());
        let (was, came) = step.take(place, release, &crowd).await;
        println!("  {came:?}");
        during.push(was);
        report.steps.push((step.name(), came));
    }
    report.found = crowd.end(release, &during).await?;
    for (step, found) in steps.iter().zip(&report.found) {
        let [told, cut] = found.back.each_ref().map(|back| back.concat());
        let over = |bound: Duration| told.iter().filter(|back| **back > bound).count();
        let late = |count, bound: Duration| {
            format!("{}: {count} of {} that were told where to go needed over {bound:?}", found.name, told.len())
        };
        if !told.is_empty() {
            report.remarks.push(late(over(SOON), SOON));
        }
        if over(LATE) * 100 > told.len() {
            report.failures.push(late(over(LATE), LATE));
        }
        if step.is_planned() && (!cut.is_empty() || found.again > 0) {
            let noticed = format!("{}: {} were not told where to go, {} messages came again", found.name, cut.len(), found.again);
            report.failures.push(noticed);
        }
    }
    Ok(())
}

// What it ran on, for the report.
async fn cluster() -> String {
    let said = Command::new("kubectl").args(["get", "nodes", "-o", "wide", "--no-headers"]).output().await;
    let nodes = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    let nodes = nodes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Nodes: {nodes}. Cassandra, NATS, Redis and S3, one of each, and the clients on a machine of {cores} cores, beside the node or the node itself."
    )
}
