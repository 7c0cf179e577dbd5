//! `natter app identity`: how the users of an app prove who they are besides a password, shown or set from a file.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::admin::print_json;
use crate::admin::Admin;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[arg(long, default_value_t = 1)]
    app: u64,
    /// Settings that take the place of those in force, as TOML or (a name that ends in .json) JSON. Without it they are shown.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs it.
pub async fn run(admin: &Admin, arguments: &Arguments) -> Result<()> {
    let path = format!("/apps/{}/identity", arguments.app);
    let Some(file) = &arguments.file else { return print_json(&admin.get(&path).await?) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let settings: Value = match file.extension().is_some_and(|extension| extension == "json") {
        true => serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?,
        false => toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))?,
    };
    print_json(&admin.put(&path, &settings).await?)
}
