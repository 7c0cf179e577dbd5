//! `natter sdk-config`: what `ConnectyCube.init` takes.

use anyhow::Result;
use natter_console::snippet;

use crate::admin::Admin;
use crate::command::admin::print_json;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Whose credentials.
    #[arg(long, default_value_t = 1)]
    app: u64,
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// Adds `api_url` and `chat_url` over plain HTTP and WebSocket on this machine (SDK 6.x).
    #[arg(long)]
    plain: bool,
}

/// Prints the block for `init`, or its parts as JSON.
#[allow(clippy::print_stdout)]
pub async fn run(admin: &Admin, arguments: &Arguments) -> Result<()> {
    let plain = if arguments.plain { "?plain=1" } else { "" };
    let config = admin.get(&format!("/apps/{}/sdk-config{plain}", arguments.app)).await?;
    if arguments.json {
        return print_json(&config);
    }
    println!("{}", snippet::init(&config));
    Ok(())
}
