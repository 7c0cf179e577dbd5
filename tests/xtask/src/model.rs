//! `cargo xtask model`: random programs of users' actions on the reference model and on the services, for long; and the search
//! of the protocol by which segments of a log are owned.

use anyhow::{Context, Result};

use crate::command::{cargo, run};

const STEPS: &str = "1000000";

/// Runs at least so many steps, a million if nothing else is said. A failure says how to replay it.
pub fn run_steps(steps: Option<&str>) -> Result<()> {
    let steps: u64 = steps.unwrap_or(STEPS).parse().context("the number of steps is none")?;
    let mut test = cargo();
    test.args(["test", "--release", "--locked", "-p", "natter-tests", "--test", "it", "model", "--", "--nocapture"]);
    run(test.env("NATTER_STEPS", steps.to_string()))
}

/// Searches these scopes of `services/dialog/model` to their end, or all of them; the name of a clause shows what breaks without it.
pub fn search_segments(names: &[&str]) -> Result<()> {
    let mut search = cargo();
    search.args(["run", "--release", "--locked", "-p", "natter-model", "--"]);
    run(search.args(names))
}
