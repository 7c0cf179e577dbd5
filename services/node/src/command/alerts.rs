//! `natter app alerts ...` and `natter user push`: how the alerts of an app look, and what a user's devices are sent.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::admin::print_json;
use crate::admin::Admin;

#[derive(clap::Subcommand, Debug)]
pub enum AlertsCommand {
    /// Shows the settings: whether there are alerts, what they may tell, and their templates.
    Get {
        #[arg(long, default_value_t = 1)]
        app: u64,
    },
    /// Puts settings from a JSON file in place of those in force. A template that breaks on a sample is refused with its line.
    Set {
        #[arg(long, default_value_t = 1)]
        app: u64,
        /// What `get` shows.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints what APNs, FCM and Web Push would carry, and how much of their limits it takes.
    Preview {
        #[arg(long, default_value_t = 1)]
        app: u64,
        /// Settings to try, as JSON. Without it those in force are.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The message, as JSON: content, dialog, sender, sender_name, dialog_name, text, attachments, unread, extension, call.
        #[arg(long, value_name = "FILE")]
        sample: Option<PathBuf>,
    },
}

/// A user of an app.
#[derive(clap::Args, Debug)]
pub struct PushArguments {
    #[arg(long, default_value_t = 1)]
    app: u64,
    id: u64,
    /// Lines of the journal.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

/// Runs one of the commands about alerts.
pub async fn run(admin: &Admin, command: &AlertsCommand) -> Result<()> {
    match command {
        AlertsCommand::Get { app } => print_json(&admin.get(&format!("/apps/{app}/alerts")).await?),
        AlertsCommand::Set { app, file } => {
            print_json(&admin.put(&format!("/apps/{app}/alerts"), &settings(&read(file)?)).await?)
        }
        AlertsCommand::Preview { app, file, sample } => {
            let mut body = json!({});
            if let Some(file) = file {
                body["alerts"] = settings(&read(file)?);
            }
            if let Some(sample) = sample {
                body["sample"] = read(sample)?;
            }
            print_json(&admin.post(&format!("/apps/{app}/alerts/preview"), &body).await?)
        }
    }
}

/// Prints a user's devices, what he has not read, and what was decided and tried of late.
pub async fn push(admin: &Admin, PushArguments { app, id, limit }: &PushArguments) -> Result<()> {
    let subscriptions = admin.get(&format!("/apps/{app}/users/{id}/subscriptions")).await?;
    let unread = admin.get(&format!("/apps/{app}/users/{id}/unread")).await?;
    let journal = admin.get(&format!("/apps/{app}/alerts/journal?user={id}&limit={limit}")).await?;
    print_json(&json!({
        "subscriptions": subscriptions["subscriptions"],
        "unread": unread["unread"],
        "dialogs": unread["dialogs"],
        "notes": journal["notes"],
    }))
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// What `get` shows has them under a name.
fn settings(file: &Value) -> Value {
    file.get("alerts").unwrap_or(file).clone()
}
