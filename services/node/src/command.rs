//! The command line: what it takes, one file per command.

pub mod admin;
pub mod alerts;
pub mod apply;
pub mod archive;
pub mod backup;
pub mod config;
pub mod doctor;
pub mod identity;
pub mod log_level;
pub mod migrate;
pub mod operator;
pub mod push;
pub mod sdk_config;
pub mod secrets;
pub mod trial;
pub mod user;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::{Loaded, load};
use crate::roles::Role;

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
    /// Brings the tables of a cluster to those of this version.
    Migrate(migrate::Arguments),
    /// Makes the secrets that the processes of a cluster share.
    Secrets(secrets::Arguments),
    /// Lets two users of an app write to each other through both doors.
    Try(trial::Arguments),
    /// What every process logs, while it runs.
    LogLevel(log_level::Arguments),
    /// Apps of this installation.
    #[command(subcommand)]
    App(admin::AppCommand),
    /// Users of an app.
    #[command(subcommand)]
    User(admin::UserCommand),
    /// Writes an app, or all of them, to a file: users, dialogs, messages, files. Ids and dates are kept.
    Export(archive::Export),
    /// Takes over what such a file holds and is not there. The same file again changes nothing.
    Import(archive::Import),
    /// Writes all that an installation of one process keeps to a folder, while it runs or not: rows of one moment, files, secrets.
    Backup(backup::Backup),
    /// Fills a data directory that is empty with such a folder.
    Restore(backup::Restore),
    /// Operators: who opens the admin API by name and password.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Runs some roles as one process of a cluster; what `natter dialog,history` stands for.
    #[command(hide = true)]
    Run {
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Neither a command nor a role.
    #[command(external_subcommand)]
    Unknown(Vec<String>),
}

/// The arguments with the command that names of roles stand for: `natter edge --data DIR` is `natter run edge --data DIR`.
pub fn spelled_out(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_value = |before: &OsString| ["--data", "--host", "--config", "--set"].iter().any(|flag| before == flag);
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        let is_flag = argument.to_string_lossy().starts_with('-');
        if !is_flag && !is_value(&arguments[at - 1]) {
            if is_roles(&argument.to_string_lossy()) {
                arguments.insert(at, "run".into());
            }
            break;
        }
        at += 1;
    }
    arguments
}

fn is_roles(argument: &str) -> bool {
    let mut names = argument.split(',').filter(|name| !name.is_empty()).peekable();
    names.peek().is_some() && names.all(|name| Role::ALL.iter().any(|role| role.name() == name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_stand_for_a_command_with_the_flags_around_them() {
        for line in [
            "natter edge,push --data d",
            "natter --data d edge,push",
            "natter edge --data d push",
            "natter run edge push --data d",
        ] {
            let cli = Cli::try_parse_from(spelled_out(line.split(' ').map(OsString::from))).unwrap();
            let Some(Command::Run { roles }) = cli.command else { panic!("{line}") };
            assert_eq!(roles.join(",").replace(' ', ","), "edge,push", "{line}");
            assert_eq!(cli.settings.data, Some("d".into()), "{line}");
        }
        let all = Cli::try_parse_from(spelled_out(["natter", "--data", "edge"].map(OsString::from))).unwrap();
        assert!(all.command.is_none() && all.settings.data == Some("edge".into()), "the value of a flag is none");
        let typo = Cli::try_parse_from(spelled_out(["natter", "egde"].map(OsString::from))).unwrap();
        assert!(matches!(typo.command, Some(Command::Unknown(_))));
    }
}
