//! `cargo xtask chart`: the Helm chart, judged without a cluster. It is installed for real elsewhere.

mod checks;
mod generated;
pub mod image;
#[cfg(test)]
mod metrics;
mod refused;
mod schema;
mod tools;
mod values;
#[cfg(test)]
mod watched;

use std::path::Path;

use anyhow::{Result, bail};

pub use tools::Tools;

use crate::command::target;

/// Where the chart lies.
const CHART: &str = "helm/natter";

/// `chart`, `chart --write` and `chart image`.
pub fn run_words(words: &[&str]) -> Result<()> {
    match words {
        [] => check(&Tools::install()?),
        ["--write"] => generated::write(Path::new(".")),
        ["image"] => image::build_and_start(&target()?, "dev"),
        ["image", "--release"] => image::build_and_start(&target()?, "release"),
        ["image", "--dist"] => image::build_and_start(&target()?, "dist"),
        _ => bail!("usage: cargo xtask chart [--write | image [--release | --dist]]"),
    }
}

/// Everything that can be said of the chart from its files.
pub fn check(tools: &Tools) -> Result<()> {
    let (profiles, binary) = (checks::profiles()?, target()?.join("debug/natter"));
    for profile in &profiles {
        checks::lint(tools, profile)?;
        let rendered = checks::render(tools, profile)?;
        checks::schemas(tools, &rendered)?;
        match binary.exists() {
            true => checks::settings(tools, &rendered, &binary)?,
            false => println!("xtask: NOT RUN, natter on the settings of {}: it is not built", profile.display()),
        }
    }
    checks::unit_tests(tools)?;
    refused::all(tools)?;
    checks::alerts(tools)?;
    checks::compose(tools)?;
    println!("xtask: the chart holds, in {} profiles", profiles.len());
    Ok(())
}
