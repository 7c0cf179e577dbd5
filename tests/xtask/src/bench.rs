//! `cargo xtask bench`: builds the server as it is shipped, and the load generator, and runs the measurements.

use anyhow::Result;

use crate::command::{self, cargo, target};

/// Runs the named measurements, or all of them.
pub fn run(names: &[&str]) -> Result<()> {
    command::run(&mut built(names)?)
}

/// Those of a cluster of servers and processes, with `nodes` of each server that comes in sets, beside one process.
pub fn run_cluster(nodes: &str, names: &[&str]) -> Result<()> {
    let mut load = built(&[&["--cluster"], names].concat())?;
    command::run(load.env("NATTER_NODES", nodes))
}

fn built(words: &[&str]) -> Result<std::process::Command> {
    command::run(cargo().args([
        "build",
        // What is measured is what is shipped: with optimisation across crates a message costs a third less than in `release`.
        "--profile",
        "dist",
        "--locked",
        "-p",
        "natter-node",
        "-p",
        "natter-tests",
        "-p",
        "natter-db",
        "--bins",
        "--examples",
    ]))?;
    let dist = target()?.join("dist");
    let mut load = std::process::Command::new(dist.join("examples/load"));
    load.args(words).env("NATTER_BINARY", dist.join("natter")).env("NATTER_LIMIT", dist.join("examples/limit"));
    load.env("NATTER_QUORUM", dist.join("examples/quorum")).env("NATTER_TARGET", target()?);
    load.env("NATTER_BENCH_OUT", target()?.join("bench"));
    Ok(load)
}
