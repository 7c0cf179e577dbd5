//! `natter doctor`: looks at what an operator would look at.

use anyhow::{Result, bail};

use crate::command::admin::print_json;
use crate::config::Loaded;
use crate::doctor::examine;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints a line per check. An error if one of them failed.
#[allow(clippy::print_stdout)]
pub async fn run(arguments: &Arguments, loaded: Result<Loaded>) -> Result<()> {
    let settings = loaded.as_ref().map(|loaded| &loaded.config).map_err(|error| format!("{error:#}").replace('\n', " "));
    let mut report = examine(settings).await;
    if let Ok(loaded) = &loaded {
        report = report.with_servers(&loaded.config).await;
    }
    match arguments.json {
        true => print_json(&report.to_json())?,
        false => print!("{report}"),
    }
    match report.failed() {
        0 => Ok(()),
        1 => bail!("a check failed"),
        failed => bail!("{failed} checks failed"),
    }
}
