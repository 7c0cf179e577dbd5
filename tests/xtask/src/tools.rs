//! What the suite needs beside the toolchain, installed under `target/` at fixed versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{answers, cargo, run, target};

const NEXTEST: &str = "0.9.143";
const FUZZ: &str = "0.13.2";
const DENY: &str = "0.20.2";
const SLIXMPP: &str = "slixmpp==1.8.6";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// The test runner: the one on the PATH, else one built under `target/tools`.
pub fn nextest() -> Result<PathBuf> {
    cargo_tool("cargo-nextest", NEXTEST)
}

/// The gate for licences and fences.
pub fn deny() -> Result<PathBuf> {
    cargo_tool("cargo-deny", DENY)
}

/// What runs the fuzz targets.
pub fn fuzz() -> Result<PathBuf> {
    cargo_tool("cargo-fuzz", FUZZ)
}

/// The SDK packages, as `tests/sdk/package-lock.json` names them: the folder that Node resolves them from.
pub fn sdk() -> Result<PathBuf> {
    packages("sdk", &["reconnect-core/package.json", "reconnect-core/index.js"])
}

/// What drives a browser over the console's pages and judges them, as `tests/console/package-lock.json` names it.
pub fn console() -> Result<PathBuf> {
    packages("console", &[])
}

// Installs the packages of a folder of tests. `beside`: what its `package.json` names by path.
fn packages(tests: &str, beside: &[&str]) -> Result<PathBuf> {
    if !answers("node", "--version") || !answers("npm", "--version") {
        bail!("the tests in tests/{tests} need Node.js 20 with npm on the PATH (Debian: apt-get install nodejs npm)");
    }
    let (source, folder) = (Path::new("tests").join(tests), target()?.join(tests));
    let lock_path = source.join("package-lock.json");
    let lock = std::fs::read(&lock_path).with_context(|| format!("cannot read {}", lock_path.display()))?;
    let installed = folder.join("installed-lock.json");
    for name in ["package.json", "package-lock.json"].iter().chain(beside) {
        let copy = folder.join(name);
        std::fs::create_dir_all(copy.parent().context("it lies in a folder")?)?;
        std::fs::copy(source.join(name), copy)?;
    }
    if std::fs::read(&installed).is_ok_and(|there| there == lock) {
        return Ok(folder);
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder))?;
    std::fs::write(installed, lock)?;
    Ok(folder)
}

/// Chromium, which the SDK's browser bundles and the console's pages run in. Installed by the system's packages, where that may be done.
pub fn chromium() -> Result<()> {
    if answers("chromium", "--version") {
        return Ok(());
    }
    let installed = answers("apt-get", "--version")
        && run(Command::new("apt-get").args(["update", "-qq"])).is_ok()
        && run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "chromium"])).is_ok();
    if !installed || !answers("chromium", "--version") {
        bail!("the tests in a browser need Chromium on the PATH (Debian, as root: apt-get install chromium)");
    }
    Ok(())
}

/// A Python with slixmpp, the independent XMPP client: the interpreter of a virtual environment.
pub fn python() -> Result<PathBuf> {
    let folder = target()?.join("python");
    let python = folder.join("bin/python");
    let import = |python: &Path| {
        Command::new(python).args(["-c", "import schemathesis, slixmpp"]).output().is_ok_and(|out| out.status.success())
    };
    if import(&python) {
        return Ok(python);
    }
    if !answers("python3", "--version") {
        bail!("the interoperability tests need Python 3 with venv on the PATH (Debian: apt-get install python3-venv)");
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SLIXMPP, SCHEMATHESIS]))?;
    if !import(&python) {
        bail!("{SLIXMPP} and {SCHEMATHESIS} were installed but cannot be imported");
    }
    Ok(python)
}

fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    if answers(name, "--version") {
        return Ok(name.into());
    }
    let root = target()?.join("tools");
    let tool = root.join("bin").join(name);
    if !answers(&tool, "--version") {
        let build = target()?.join("tools-build");
        run(cargo()
            .args(["install", name, "--version", version, "--locked", "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(build))?;
    }
    Ok(tool)
}
