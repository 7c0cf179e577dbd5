//! `cargo xtask fuzz`: every fuzz target for a while, from the seeds of the suite.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{answers, run, target};
use crate::tools;

/// The targets of `tests/fuzz`.
const TARGETS: [&str; 5] = ["stream", "jid", "decoder", "filter", "upload"];
/// Bytes of an input.
const INPUT_BYTES_MAX: usize = 4_096;

/// Runs each target for so many seconds. What it found to be new is kept under `target/fuzz/corpus`, what broke under
/// `target/fuzz/artifacts`.
pub fn all(seconds: &str) -> Result<()> {
    if !answers("rustup", "--version") {
        bail!("fuzzing needs rustup, for a nightly toolchain");
    }
    let program = tools::fuzz()?;
    let build = target()?.join("fuzz");
    for name in TARGETS {
        let (kept, broke) = (build.join("corpus").join(name), build.join("artifacts").join(name));
        fs::create_dir_all(&kept)?;
        fs::create_dir_all(&broke)?;
        let mut command = Command::new(&program);
        // What it calls cargo is to be the nightly one, not the one that runs this.
        command.env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO");
        command.args(["run", "--fuzz-dir", "tests/fuzz", "--target-dir"]).arg(&build).arg(name);
        command.arg(&kept).arg(format!("tests/fuzz/corpus/{name}")).arg("--");
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        command.arg(format!("-artifact_prefix={}/", broke.display()));
        run(&mut command)?;
    }
    Ok(())
}
