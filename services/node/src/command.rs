//! The command line: what it takes, one file per command.

pub mod admin;
pub mod alerts;
pub mod apply;
pub mod config;
pub mod doctor;
pub mod identity;
pub mod operator;
pub mod push;
pub mod sdk_config;
pub mod user;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::{Loaded, load};

/// Natter, a self-hosted chat back end for the ConnectyCube SDK.
#[derive(Parser, Debug)]
#[command(name = "natter", version, about, args_conflicts_with_subcommands = false)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Args, Debug)]
pub struct Settings {
    /// Directory of everything that is kept.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A further name or address of this host for the first-start certificate; may be given several times.
    #[arg(long = "host", global = true, value_name = "NAME|IP")]
    hosts: Vec<String>,
    /// Settings file.
    #[arg(long, global = true, env = "NATTER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting by its path, as in `--set edge.tls_port=15223`; may be given several times.
    #[arg(long = "set", global = true, value_name = "PATH=VALUE", value_parser = path_and_value)]
    set: Vec<(String, String)>,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs every role in this process (the default).
    All,
    /// Prints what ConnectyCube.init takes.
    SdkConfig(sdk_config::Arguments),
    /// Prints the settings in force, secrets masked.
    Config(config::Arguments),
    /// Looks at settings, data, certificates, limits, ports and the server, and says what to do.
    Doctor(doctor::Arguments),
    /// Apps of this installation.
    #[command(subcommand)]
    App(admin::AppCommand),
    /// Users of an app.
    #[command(subcommand)]
    User(admin::UserCommand),
    /// Operators: who opens the admin API by name and password.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Roles by name, separated by commas.
    #[command(external_subcommand)]
    Roles(Vec<String>),
}

impl Settings {
    /// What is in force with these flags.
    pub fn load(&self) -> Result<Loaded> {
        let mut flags = self.set.clone();
        if let Some(data) = &self.data {
            flags.push(("data".into(), toml::Value::String(data.display().to_string()).to_string()));
        }
        if !self.hosts.is_empty() {
            let hosts = self.hosts.iter().map(|host| toml::Value::String(host.clone())).collect();
            flags.push(("hosts".into(), toml::Value::Array(hosts).to_string()));
        }
        load(self.config.as_deref(), std::env::vars(), &flags)
    }
}

fn path_and_value(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}
