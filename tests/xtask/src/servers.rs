//! `cargo xtask servers`: the servers that a cluster stands on, for a developer to look at and for the tests that need them.

use std::path::Path;

use anyhow::{Result, bail};
use natter_servers::Servers;

use crate::command::target;

/// `start DIR [NODES]` and `stop DIR`.
pub fn run(words: &[&str]) -> Result<()> {
    match words {
        ["start", folder] => say(&Servers::start(&target()?, Path::new(folder), 1)?),
        ["start", folder, nodes] => say(&Servers::start(&target()?, Path::new(folder), nodes.parse()?)?),
        ["stop", folder] => return Servers::open(&target()?, Path::new(folder))?.wipe(),
        _ => bail!("usage: cargo xtask servers start DIR [NODES] | stop DIR"),
    }
    Ok(())
}

fn say(servers: &Servers) {
    for (name, value) in servers.environment() {
        println!("export {name}={value}");
    }
}
