//! Running other programs, visibly, from the root of the tree.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Makes the root of the workspace the current directory.
pub fn go_to_root() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask lives in tests/xtask")?;
    std::env::set_current_dir(root).with_context(|| format!("cannot enter {}", root.display()))
}

/// The build directory, absolute.
pub fn target() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    std::fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    target.canonicalize().with_context(|| format!("cannot find {}", target.display()))
}

/// Runs a program to its end; fails when it fails. Says what it runs and how long it took.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line_of(command);
    println!("xtask: {line}");
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run {line}"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    println!("xtask: {:.1} s for {line}", started.elapsed().as_secs_f64());
    Ok(())
}

/// Whether a program answers `--version` (or the argument given) at all.
pub fn answers(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// `cargo`, the one that runs this.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
