//! `natter config`: what is in force, and what could be.

use anyhow::Result;

use crate::config::Loaded;
use crate::reference::reference;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only says whether the settings can be read.
    #[arg(long)]
    check: bool,
    /// Prints every setting with its default and what it means, as a file to start from; whatever is in force.
    #[arg(long, conflicts_with = "check")]
    reference: bool,
}

/// Prints the settings as TOML, each that is no default with its origin; or the reference.
#[allow(clippy::print_stdout)]
pub fn run(arguments: &Arguments, loaded: Result<Loaded>) -> Result<()> {
    if arguments.reference {
        print!("{}", reference()?);
        return Ok(());
    }
    let text = loaded?.to_toml()?;
    if !arguments.check {
        print!("{text}");
    }
    Ok(())
}
