//! Getting the servers from the registries.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A Go program at a fixed version, built into `folder`.
pub fn go(folder: &Path, package: &str, version: &str) -> Result<()> {
    if !answers("go", "version") {
        bail!("building {package} needs Go 1.24 or later on the PATH");
    }
    let at = format!("{package}@{version}");
    run(Command::new("go").args(["install", &at]).env("GOBIN", folder).env("CGO_ENABLED", "0"))
}

/// A package of the system, where that may be installed.
pub fn system(program: &str, argument: &str, package: &str) -> Result<()> {
    if answers(program, argument) {
        return Ok(());
    }
    let installed = answers("apt-get", "--version")
        && run(Command::new("apt-get").args(["update", "-qq"])).is_ok()
        && run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", package])).is_ok();
    if !installed || !answers(program, argument) {
        bail!("the tests of a cluster need {program} on the PATH (Debian, as root: apt-get install {package})");
    }
    Ok(())
}

/// Runs it to its end; an error has its last words.
pub fn run(command: &mut Command) -> Result<()> {
    let line = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {line}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    bail!("{line}: {}: {}", output.status, last.into_iter().rev().collect::<Vec<_>>().join(" | "))
}

fn answers(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
