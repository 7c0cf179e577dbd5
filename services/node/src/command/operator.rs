//! `natter operator ...`: who opens the admin API by name and password, and what they may do. Answers are JSON on stdout.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::admin::print_json;
use crate::admin::Admin;

#[derive(clap::Subcommand, Debug)]
pub enum OperatorCommand {
    /// Makes an operator and prints the password, this once.
    Add {
        name: String,
        #[command(flatten)]
        grant: Grant,
    },
    /// Lists the operators.
    List,
    /// Changes what an operator may do. It holds at once.
    Set {
        name: String,
        /// viewer, moderator, operator or owner; without it the role stays.
        #[arg(long)]
        role: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Prints what was changed, the newest first.
    Log {
        /// By this operator only.
        #[arg(long)]
        name: Option<String>,
        /// Where to go on: `next` of the page before.
        #[arg(long)]
        before: Option<String>,
    },
    /// Removes an operator, and ends its sign-ins at the console.
    Remove { name: String },
    /// Gives an operator a new password and prints it, this once. The old one opens nothing any more.
    Password {
        /// The operator's name.
        #[arg(long, default_value = "admin")]
        name: String,
    },
}

/// What a new operator may do.
#[derive(clap::Args, Debug)]
pub struct Grant {
    /// viewer, moderator, operator or owner: each may what those before it may.
    #[arg(long)]
    role: String,
    #[command(flatten)]
    place: Place,
}

/// Where.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// In this app; may be given several times.
    #[arg(long = "app", value_name = "ID", conflicts_with = "all_apps")]
    apps: Vec<u64>,
    /// In the whole installation.
    #[arg(long)]
    all_apps: bool,
}

impl Place {
    // None: nothing was said.
    fn shown(&self) -> Option<Value> {
        match (self.all_apps, self.apps.is_empty()) {
            (true, _) => Some(json!("all")),
            (false, true) => None,
            (false, false) => Some(json!(self.apps)),
        }
    }
}

/// Runs one of them.
pub async fn run(admin: &Admin, command: &OperatorCommand) -> Result<()> {
    let answer = match command {
        OperatorCommand::List => admin.get("/operators").await?,
        OperatorCommand::Add { name, grant } => {
            let Some(apps) = grant.place.shown() else { bail!("say where: --app ID, or --all-apps") };
            admin.post("/operators", &json!({ "name": name, "role": grant.role, "apps": apps })).await?
        }
        OperatorCommand::Set { name, role, place } => {
            let (role, apps) = (role.as_deref(), place.shown());
            if role.is_none() && apps.is_none() {
                bail!("say what is to change: --role ROLE, --app ID or --all-apps");
            }
            admin.put(&path(name)?, &json!({ "role": role, "apps": apps })).await?
        }
        OperatorCommand::Log { name, before } => {
            let name = name.as_deref().map(checked).transpose()?.map(|name| format!("&operator={name}"));
            let before = before.as_deref().map(checked).transpose()?.map(|before| format!("&before={before}"));
            admin.get(&format!("/audit?limit=200{}{}", name.unwrap_or_default(), before.unwrap_or_default())).await?
        }
        OperatorCommand::Remove { name } => admin.delete(&path(name)?).await?,
        OperatorCommand::Password { name } => admin.post(&format!("{}/password", path(name)?), &json!({})).await?,
    };
    print_json(&answer)
}

fn path(name: &str) -> Result<String> {
    Ok(format!("/operators/{}", checked(name)?))
}

// The name becomes a part of an address: what does not fit there is nobody's name.
fn checked(name: &str) -> Result<&str> {
    if matches!(name, "" | "." | "..") || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        bail!("there is no operator called {name:?}");
    }
    Ok(name)
}
