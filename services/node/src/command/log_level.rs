//! `natter log-level`: what every process logs, shown, set for a while, or taken back.

use anyhow::Result;
use serde_json::json;

use super::admin::print_json;
use crate::admin::Admin;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// A level, or levels by crate: `debug`, `info,natter_edge=debug`. Without it what is logged is shown.
    #[arg(conflicts_with = "reset")]
    filter: Option<String>,
    /// Minutes after which every process logs as its settings say, a day at most. Without it until it is taken back.
    #[arg(long, requires = "filter")]
    minutes: Option<u64>,
    /// Every process logs as its settings say.
    #[arg(long)]
    reset: bool,
}

/// Runs it.
pub async fn run(admin: &Admin, arguments: &Arguments) -> Result<()> {
    let path = "/log-level";
    let answer = match &arguments.filter {
        Some(filter) => admin.put(path, &json!({ "filter": filter, "minutes": arguments.minutes })).await?,
        None if arguments.reset => admin.delete(path).await?,
        None => admin.get(path).await?,
    };
    print_json(&answer)
}
