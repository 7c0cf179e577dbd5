//! `cargo xtask mixed`: the edge of an earlier release beside today's cluster, as in an upgrade that is half done.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run, target};
use crate::tools;

/// Builds the binary of that revision in a tree of its own under the build directory, and chats through both. Without a revision: of the
/// last release below this commit.
pub fn run_beside(revision: Option<&str>) -> Result<()> {
    let revision = match revision {
        Some(revision) => revision.to_owned(),
        None => last_release()?,
    };
    let commit = git(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
        .with_context(|| format!("{revision} is no tag, branch or commit here"))?;
    let sdk = tools::sdk()?;
    let tree = tree_of(&commit)?;
    // What is said to be broken needs no trial.
    let mut compared = cargo();
    compared.args(["test", "--locked", "-p", "natter-proto", "--test", "compatibility", "the_release_before"]);
    run(compared.env("NATTER_PROTO_BEFORE", tree.join("proto")))?;
    let builds = target()?.join("mixed/target");
    run(cargo().args(["build", "-p", "natter-node", "--bins", "--locked"]).current_dir(&tree).env("CARGO_TARGET_DIR", &builds))?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut tests = cargo();
    tests
        .args(["test", "--workspace", "--test", "mixed", "--locked", "--", "--nocapture"])
        .env("NATTER_BINARY", target()?.join("debug/natter"))
        .env("NATTER_BINARY_BEFORE", builds.join("debug/natter"))
        .env("NATTER_BEFORE", format!("{revision} ({})", &commit[..commit.len().min(10)]))
        .env("NATTER_SDK_MODULES", sdk.join("package.json"))
        .env("NATTER_TARGET", target()?);
    run(&mut tests)
}

// Of this commit itself, if it is a release, the one before it is meant.
fn last_release() -> Result<String> {
    git(&["describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"]).ok().with_context(|| {
        "there is no release below this commit (no tag v*): name what to run beside it, a tag, branch or commit: cargo xtask mixed REV"
    })
}

// One tree for all revisions, so that the next one builds only what is different.
fn tree_of(commit: &str) -> Result<PathBuf> {
    let tree = target()?.join("mixed/tree");
    let path = tree.to_str().context("the build directory is no text")?;
    git(&["worktree", "prune"])?;
    if !tree.join(".git").exists() {
        git(&["worktree", "add", "--force", "--detach", path, commit])?;
    } else if git(&["-C", path, "rev-parse", "HEAD"])? != commit {
        git(&["-C", path, "checkout", "--quiet", "--force", "--detach", commit])?;
    }
    Ok(tree)
}

// What it prints, without its end of line.
fn git(words: &[&str]) -> Result<String> {
    let output = Command::new("git").args(words).stdin(Stdio::null()).output().context("cannot run git")?;
    if !output.status.success() {
        bail!("git {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
