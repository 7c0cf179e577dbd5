//! `cargo xtask test`.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run, target};
use crate::tools;

/// Tests that need a server process, the SDK packages or another language. Cargo runs them only when they are named.
const WITH_PROCESSES: [&str; 5] = ["doors", "interop", "kill", "plays", "sdk"];

/// The whole suite.
pub fn all() -> Result<()> {
    let sdk = tools::sdk()?;
    let python = tools::python()?;
    fast()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut tests = nextest()?;
    for name in WITH_PROCESSES {
        tests.args(["--test", name]);
    }
    run(tests
        .env("NATTER_BINARY", target()?.join("debug/natter"))
        .env("NATTER_SDK_MODULES", sdk.join("package.json"))
        .env("NATTER_PYTHON", python))
}

/// What needs neither network nor servers.
pub fn fast() -> Result<()> {
    run(&mut nextest()?)
}

fn nextest() -> Result<Command> {
    let mut command = Command::new(tools::nextest()?);
    command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    Ok(command)
}
