//! `natter config`: what is in force.

use anyhow::Result;

use crate::config::Loaded;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only says whether the settings can be read.
    #[arg(long)]
    check: bool,
}

/// Prints the settings as TOML, each that is no default with its origin.
#[allow(clippy::print_stdout)]
pub fn run(arguments: &Arguments, loaded: &Loaded) -> Result<()> {
    let text = loaded.to_toml()?;
    if !arguments.check {
        print!("{text}");
    }
    Ok(())
}
