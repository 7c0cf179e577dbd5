//! `cargo xtask faults`: what breaks under traffic in a cluster on this machine.

use anyhow::Result;

use crate::command::{cargo, run, target};
use crate::tools;

/// The faults of these names, all if none; `nodes` of each server that comes in sets.
pub fn all(nodes: &str, names: &[&str]) -> Result<()> {
    let sdk = tools::sdk()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    run(cargo()
        .args(["test", "--workspace", "--test", "faults", "--locked", "--", "--nocapture"])
        .env("NATTER_BINARY", target()?.join("debug/natter"))
        .env("NATTER_SDK_MODULES", sdk.join("package.json"))
        .env("NATTER_TARGET", target()?)
        .env("NATTER_NODES", nodes)
        .env("NATTER_FAULTS", names.join(",")))
}
