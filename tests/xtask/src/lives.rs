//! `cargo xtask lives`: the simulation of a cluster with many seeds, a thousand if nothing else is said. It says how long they took and
//! what befell them; a seed that fails is named.

use anyhow::{Context, Result};

use crate::command::{cargo, run};

const LIVES: &str = "1000";
const TEST: &str = "simulation::cluster::whatever_befalls_a_cluster";

/// Lives so many lives.
pub fn live(lives: Option<&str>) -> Result<()> {
    let lives: u64 = lives.unwrap_or(LIVES).parse().context("the number of lives is none")?;
    let mut test = cargo();
    test.args(["test", "--release", "--locked", "-p", "natter-tests", "--test", "it", TEST, "--", "--nocapture"]);
    run(test.env("NATTER_SEEDS", lives.to_string()))
}
