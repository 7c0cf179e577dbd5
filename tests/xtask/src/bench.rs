//! `cargo xtask bench`: builds the server and the load generator in release and runs the measurements.

use anyhow::Result;

use crate::command::{self, cargo, target};

/// Runs the named measurements, or all of them.
pub fn run(names: &[&str]) -> Result<()> {
    command::run(cargo().args([
        "build",
        "--release",
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
    let release = target()?.join("release");
    let mut load = std::process::Command::new(release.join("examples/load"));
    load.args(names).env("NATTER_BINARY", release.join("natter")).env("NATTER_LIMIT", release.join("examples/limit"));
    command::run(load.env("NATTER_BENCH_OUT", target()?.join("bench")))
}
