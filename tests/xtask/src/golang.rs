//! Programs of Go at fixed versions, from its registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;

/// A module and its version.
pub type Module<'a> = (&'a str, &'a str);

/// Go, which puts what it installs into a folder, the same on every machine.
pub fn go(binaries: &Path) -> Command {
    let mut go = Command::new("go");
    go.env("GOBIN", binaries).env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
    go.env("GOFLAGS", "-buildvcs=false -trimpath");
    go
}

/// Installs a program of a package, if it is not there.
pub fn install(binaries: &Path, name: &str, (package, version): Module) -> Result<()> {
    match binaries.join(name).exists() {
        true => Ok(()),
        false => run(go(binaries).args(["install", "-ldflags", "-s -w", &format!("{package}@{version}")])),
    }
}

/// A module of our own in a folder, with the requirements of another one and a requirement of it: `go install` refuses a module with
/// `replace` directives, and this one may have them. `manifest`: what becomes of the lines of the other's `go.mod`.
pub fn wrap(folder: &Path, (module, version): Module, manifest: impl Fn(&str) -> Vec<String>) -> Result<()> {
    let (others, source) = find((module, version))?;
    fs::create_dir_all(folder)?;
    let text = fs::read_to_string(others)?;
    let name = folder.file_name().context("a folder has a name")?.to_string_lossy();
    let lines = [vec![format!("module local/{name}")], manifest(&text), vec![format!("require {module} {version}\n")]].concat();
    fs::write(folder.join("go.mod"), lines.join("\n"))?;
    Ok(fs::write(folder.join("go.sum"), fs::read(source.join("go.sum"))?)?)
}

/// Where Go keeps the sources of a module: the path of its `go.mod`, and its folder.
pub fn find((module, version): Module) -> Result<(PathBuf, PathBuf)> {
    let said =
        go(Path::new("")).env_remove("GOBIN").args(["mod", "download", "-json", &format!("{module}@{version}")]).output()?;
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).context("go did not say where a module is")?;
    match (said["GoMod"].as_str(), said["Dir"].as_str()) {
        (Some(manifest), Some(source)) => Ok((manifest.into(), source.into())),
        _ => bail!("{module} cannot be downloaded: {}", said["Error"]),
    }
}
