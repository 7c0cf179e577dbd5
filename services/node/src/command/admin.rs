//! `natter app ...` and `natter user ...`: the admin API from the shell. Answers are JSON on stdout.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{alerts, apply, identity, push, user};
use crate::admin::Admin;

/// Between two looks at an erasure that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Subcommand, Debug)]
pub enum AppCommand {
    /// Makes an app; keys that are not given are chosen.
    Create {
        /// The app's id, as credentials.appId.
        #[arg(long)]
        id: Option<u64>,
        #[arg(long)]
        auth_key: Option<String>,
        #[arg(long)]
        auth_secret: Option<String>,
        #[arg(long)]
        title: Option<String>,
    },
    /// Lists the apps.
    List,
    /// Makes the app that a file describes, or changes what of it is different, and says what. The same again changes nothing.
    Apply(apply::Arguments),
    /// Gives an app names of its own, which serve that app only, or takes them away.
    Names {
        id: u64,
        /// At the chat door; empty: none.
        #[arg(long, value_name = "NAME")]
        chat: Option<String>,
        /// At the REST door; empty: none. It may be the same name.
        #[arg(long, value_name = "NAME")]
        api: Option<String>,
    },
    /// Says of which origins web pages may use an app. Native apps name none and are let in.
    Origins {
        id: u64,
        /// As https://app.example.org or http://localhost:3000. They replace those that were listed.
        #[arg(value_name = "ORIGIN", required_unless_present = "any")]
        origins: Vec<String>,
        /// Pages of any origin.
        #[arg(long, conflicts_with = "origins")]
        any: bool,
    },
    /// Gives an app another auth key and secret. Those it had hold beside them for a day, or as long as is said.
    RotateKey {
        id: u64,
        #[arg(long, value_name = "HOURS", conflicts_with = "end")]
        overlap_hours: Option<u64>,
        /// Makes none, but ends those that were rotated before.
        #[arg(long)]
        end: bool,
    },
    /// Closes an app: its sessions end and nobody gets in. What is kept stays.
    Suspend { id: u64 },
    /// Opens a suspended app again.
    Resume { id: u64 },
    /// Ends a suspended app for good, with all that is kept of it. Its id is never given again.
    Delete {
        id: u64,
        /// Says that it is meant: nothing brings it back.
        #[arg(long)]
        yes: bool,
        /// Waits until all is gone, and prints what went.
        #[arg(long)]
        wait: bool,
    },
    /// Shows or sets how the users of an app prove who they are besides a password.
    Identity(identity::Arguments),
    /// Who an app is to the push providers: keys and certificates from Apple and Google, and its pair for Web Push.
    #[command(subcommand)]
    Push(push::PushCommand),
    /// Shows, sets or tries how the alerts of an app look.
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
}

#[derive(clap::Subcommand, Debug)]
pub enum UserCommand {
    /// Makes a user of an app.
    Create {
        #[arg(long, default_value_t = 1)]
        app: u64,
        #[arg(long)]
        id: Option<u64>,
        #[arg(long)]
        login: Option<String>,
        #[arg(long)]
        email: Option<String>,
        #[arg(long)]
        full_name: Option<String>,
        /// The password; without this flag it is read from the variable NATTER_USER_PASSWORD.
        #[arg(long)]
        password: Option<String>,
    },
    /// Ends a user for good, with all that is kept of him but his messages in dialogs of others.
    Delete {
        #[arg(long, default_value_t = 1)]
        app: u64,
        id: u64,
        /// Waits until all is gone, and prints what went.
        #[arg(long)]
        wait: bool,
    },
    /// Prints a user's devices for alerts, why his badge is what it is, and what became of his alerts.
    Push(alerts::PushArguments),
    /// Prints a user's sessions at both doors, by the ids that `end-session` takes.
    Sessions(user::Whose),
    /// Ends a session of a user, or all. It is no ban: with a good password he signs in again.
    EndSession(user::EndArguments),
    /// Prints a user's contacts and privacy lists.
    Contacts(user::Whose),
    /// Writes all that is kept of a user to stdout, as lines of JSON. Fails if the export is not whole.
    Export(user::Whose),
}

/// Runs one of the app commands.
pub async fn app(admin: &Admin, command: &AppCommand) -> Result<()> {
    match command {
        AppCommand::Create { id, auth_key, auth_secret, title } => {
            let body = given([
                ("id", id.map(Value::from)),
                ("auth_key", auth_key.as_deref().map(Value::from)),
                ("auth_secret", auth_secret.as_deref().map(Value::from)),
                ("title", title.as_deref().map(Value::from)),
            ]);
            print_json(&admin.post("/apps", &body).await?)
        }
        AppCommand::Identity(arguments) => identity::run(admin, arguments).await,
        AppCommand::Push(command) => push::run(admin, command).await,
        AppCommand::Alerts(command) => alerts::run(admin, command).await,
        AppCommand::List => print_json(&admin.get("/apps").await?),
        AppCommand::Apply(arguments) => apply::run(admin, arguments).await,
        AppCommand::Names { id, chat, api } => {
            // What is applied to an app that is not there would make it.
            admin.get(&format!("/apps/{id}")).await?;
            let names = [("chat_host", chat), ("api_host", api)];
            let body = given(names.map(|(field, name)| (field, name.as_deref().map(Value::from))));
            print_json(&admin.put(&format!("/apps/{id}"), &body).await?)
        }
        AppCommand::Origins { id, origins, any: _ } => {
            admin.get(&format!("/apps/{id}")).await?;
            print_json(&admin.put(&format!("/apps/{id}"), &json!({ "origins": origins })).await?)
        }
        AppCommand::RotateKey { id, end: true, .. } => print_json(&admin.delete(&format!("/apps/{id}/keys/previous")).await?),
        AppCommand::RotateKey { id, overlap_hours, end: false } => {
            let seconds = overlap_hours.map(|hours| Value::from(hours.saturating_mul(60 * 60)));
            print_json(&admin.post(&format!("/apps/{id}/keys"), &given([("overlap_s", seconds)])).await?)
        }
        AppCommand::Suspend { id } => print_json(&admin.post(&format!("/apps/{id}/suspend"), &json!({})).await?),
        AppCommand::Resume { id } => print_json(&admin.post(&format!("/apps/{id}/resume"), &json!({})).await?),
        AppCommand::Delete { id, yes: false, .. } => {
            bail!("app {id} would be gone for good, with its users, messages and files: say so with --yes")
        }
        AppCommand::Delete { id, yes: true, wait } => {
            let begun = admin.delete(&format!("/apps/{id}")).await?;
            report(admin, &format!("/apps/{id}/erasure"), begun, *wait).await
        }
    }
}

/// Runs one of the user commands.
pub async fn user(admin: &Admin, command: &UserCommand) -> Result<()> {
    let (app, id, login, email, full_name, password) = match command {
        UserCommand::Create { app, id, login, email, full_name, password } => (app, id, login, email, full_name, password),
        UserCommand::Delete { app, id, wait } => {
            let begun = admin.delete(&format!("/apps/{app}/users/{id}")).await?;
            return report(admin, &format!("/apps/{app}/erasures/{id}"), begun, *wait).await;
        }
        UserCommand::Push(arguments) => return alerts::push(admin, arguments).await,
        UserCommand::Sessions(whose) => return user::sessions(admin, whose).await,
        UserCommand::EndSession(arguments) => return user::end_session(admin, arguments).await,
        UserCommand::Contacts(whose) => return user::contacts(admin, whose).await,
        UserCommand::Export(whose) => return user::export(admin, whose).await,
    };
    let password = password.clone().or_else(|| std::env::var("NATTER_USER_PASSWORD").ok());
    let body = given([
        ("id", id.map(Value::from)),
        ("login", login.as_deref().map(Value::from)),
        ("email", email.as_deref().map(Value::from)),
        ("full_name", full_name.as_deref().map(Value::from)),
        ("password", password.map(Value::from)),
    ]);
    print_json(&admin.post(&format!("/apps/{app}/users"), &body).await?)
}

/// Prints what went with a user or an app: so far, or when all is gone.
async fn report(admin: &Admin, path: &str, begun: Value, wait: bool) -> Result<()> {
    let mut report = begun;
    while wait && report["erasure"]["state"] == "running" {
        tokio::time::sleep(LOOK_EVERY).await;
        report = admin.get(path).await?;
    }
    print_json(&report)
}

/// Prints an answer for people and programs.
#[allow(clippy::print_stdout)]
pub fn print_json(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let mut object = json!({});
    for (name, value) in fields {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    object
}
