//! `cargo xtask faults`: what breaks under traffic in a cluster on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run, target};
use crate::tools;

/// Those that run with the suite, by a seed that stays, and how long the mixture among them is.
const IN_SUITE: [&str; 4] = ["mixture", "edge killed", "dialog killed", "presence killed"];
const MIXED_S: &str = "20";

/// The faults of these names, all if none; `nodes` of each server that comes in sets.
pub fn all(nodes: &str, names: &[&str]) -> Result<()> {
    let sdk = tools::sdk()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    run(program(&sdk, names)?.env("NATTER_NODES", nodes))
}

/// Several at once, for some minutes, of this seed; of a new one, for three minutes, if not said.
pub fn mixture(nodes: &str, words: &[&str]) -> Result<()> {
    let (seed, minutes) = match words {
        [] => (None, "3"),
        [seed] => (Some(seed), "3"),
        [seed, minutes] => (Some(seed), *minutes),
        _ => bail!("usage: cargo xtask faults [--nodes 3] mixture [SEED] [MINUTES]"),
    };
    let minutes: u64 = minutes.parse().with_context(|| format!("{minutes:?} is no number of minutes"))?;
    let sdk = tools::sdk()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut program = program(&sdk, &["mixture"])?;
    program.env("NATTER_NODES", nodes).env("NATTER_MIXTURE", (minutes * 60).to_string());
    if let Some(seed) = seed {
        seed.parse::<u64>().with_context(|| format!("{seed:?} is no seed"))?;
        program.env("NATTER_SEED", seed);
    }
    run(&mut program)
}

/// A few of them, and a short mixture, for the suite.
pub fn some(sdk: &Path) -> Result<()> {
    run(program(sdk, &IN_SUITE)?.env("NATTER_SEED", "1").env("NATTER_MIXTURE", MIXED_S))
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
