//! `cargo xtask cluster`: a whole cluster on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use natter_servers::{Cluster, Plan};

use crate::command::{cargo, run, target};
use crate::{report, tools};

/// `start DIR [--edges N] [--nodes N] [--presences N]`, `stop DIR` and `sdk [FILTER]`.
pub fn run_words(words: &[&str]) -> Result<()> {
    match words {
        ["start", folder, flags @ ..] => {
            let plan = plan(flags)?;
            run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
            let cluster = Cluster::start(Path::new(folder), &binary()?, &target()?, plan)?;
            for part in cluster.parts() {
                let ports: Vec<String> = part.ports.iter().map(|(setting, port)| format!("{setting}={port}")).collect();
                println!("{:<12} {}", part.name, ports.join(" "));
            }
            println!("what the SDK takes: {folder}/sdk.json; processes: {folder}/pids; logs: {folder}/*/log");
            Ok(())
        }
        ["stop", folder] => Cluster::open(Path::new(folder), &binary()?, &target()?)?.wipe(),
        ["sdk", filter @ ..] => matrix(filter),
        _ => bail!("usage: cargo xtask cluster start DIR [--edges N] [--nodes N] [--presences N] | stop DIR | sdk [FILTER]"),
    }
}

/// The SDK checks, all of them in one cluster, each with apps of its own: `target/reports/sdk-cluster.md`.
fn matrix(filter: &[&str]) -> Result<()> {
    let sdk = tools::sdk()?;
    tools::chromium()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let (binary, target) = (binary()?, target()?);
    let folder = target.join("tmp/sdk-cluster");
    let cluster = Cluster::start(&folder, &binary, &target, Plan::default())?;
    report::begin()?;
    let outcome = run(cargo()
        .args(["test", "--workspace", "--test", "sdk", "--locked", "--"])
        .args(filter)
        // Names that the settings of a process give an app.
        .args(["--skip", "names::"])
        .env("NATTER_CLUSTERED", &folder)
        .env("NATTER_TARGET", &target)
        .env("NATTER_BINARY", binary)
        .env("NATTER_SDK_MODULES", sdk.join("package.json")));
    report::end("sdk-cluster")?;
    // Of what failed the logs are left.
    outcome?;
    cluster.wipe()
}

fn binary() -> Result<PathBuf> {
    Ok(target()?.join("debug/natter"))
}

fn plan(flags: &[&str]) -> Result<Plan> {
    let mut plan = Plan::default();
    for pair in flags.chunks(2) {
        let [flag, count] = pair else { bail!("{} wants a number", pair[0]) };
        let count: usize = count.parse().with_context(|| format!("{flag} wants a number, not {count:?}"))?;
        match *flag {
            "--edges" => plan.edges = count.max(1),
            "--nodes" => plan.nodes = count.max(1),
            "--presences" => plan.presences = count.max(1),
            _ => bail!("there is no flag {flag}"),
        }
    }
    Ok(plan)
}
