//! `cargo xtask faults`: what breaks under traffic in a cluster on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run, target};
use crate::tools;

/// Those that run with the suite, by a seed that stays.
const IN_SUITE: [&str; 3] = ["edge killed", "dialog killed", "presence killed"];

/// The faults of these names, all if none; `nodes` of each server that comes in sets.
pub fn all(nodes: &str, names: &[&str]) -> Result<()> {
    let sdk = tools::sdk()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    run(program(&sdk, names)?.env("NATTER_NODES", nodes))
}

/// A few of them, for the suite.
pub fn some(sdk: &Path) -> Result<()> {
    run(program(sdk, &IN_SUITE)?.env("NATTER_SEED", "1"))
}

fn program(sdk: &Path, names: &[&str]) -> Result<Command> {
    let mut tests = cargo();
    tests
        .args(["test", "--workspace", "--test", "faults", "--locked", "--", "--nocapture"])
        .env("NATTER_BINARY", target()?.join("debug/natter"))
        .env("NATTER_SDK_MODULES", sdk.join("package.json"))
        .env("NATTER_TARGET", target()?)
        .env("NATTER_FAULTS", names.join(","));
    Ok(tests)
}
