//! `cargo xtask check`: what must hold before a change is handed in, tests apart.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run};
use crate::tools;

/// Format, lints, licences and fences. `tidy` is a test and runs with the suite.
pub fn all() -> Result<()> {
    toolchain()?;
    run(cargo().args(["fmt", "--all", "--", "--check"]))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    run(Command::new(tools::deny()?).args(["--config", ".deny.toml", "check", "bans", "licenses", "sources"]))
}

// Formats and lints differ between compilers, so this command wants the one that CI uses (decision 0007).
fn toolchain() -> Result<()> {
    let manifest = std::fs::read_to_string("Cargo.toml").context("cannot read Cargo.toml")?;
    let pinned = manifest.lines().find_map(|line| line.strip_prefix("toolchain = ")).context("Cargo.toml pins no toolchain")?;
    let pinned = pinned.trim_matches('"');
    let output = Command::new("rustc").arg("--version").output().context("cannot run rustc")?;
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.contains(&format!(" {pinned} ")) {
        bail!("check wants rustc {pinned}, this is {}: rustup toolchain install {pinned}", version.trim());
    }
    Ok(())
}
