//! `natter app ...`, `natter user ...` and `natter operator ...`: the admin API from the shell. Answers are JSON on stdout.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::identity;
use crate::admin::Admin;

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
    /// Shows or sets how the users of an app prove who they are besides a password.
    Identity(identity::Arguments),
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
}

#[derive(clap::Subcommand, Debug)]
pub enum OperatorCommand {
    /// Gives an operator a new password and prints it, this once. The old one opens nothing any more.
    Password {
        /// The operator's name.
        #[arg(long, default_value = "admin")]
        name: String,
    },
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
        AppCommand::List => print_json(&admin.get("/apps").await?),
    }
}

/// Runs one of the user commands.
pub async fn user(admin: &Admin, command: &UserCommand) -> Result<()> {
    let UserCommand::Create { app, id, login, email, full_name, password } = command;
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

/// Runs one of the operator commands.
pub async fn operator(admin: &Admin, command: &OperatorCommand) -> Result<()> {
    let OperatorCommand::Password { name } = command;
    // The name becomes a part of a path: what does not fit there is nobody's name.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        bail!("there is no operator called {name:?}");
    }
    print_json(&admin.post(&format!("/operators/{name}/password"), &json!({})).await?)
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
