//! `natter`, the one binary: reads arguments and settings, runs a command or the roles, says on one line why it ended.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use natter_node::admin::Admin;
use natter_node::command::{self, Cli, Command};
use natter_node::{limits, roles, stop};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse_from(command::spelled_out(std::env::args_os()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', " ");
            eprintln!("natter: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let roles = match &cli.command {
        None | Some(Command::All) => roles::parse("all")?,
        Some(Command::Run { roles }) => roles::parse(&roles.join(" "))?,
        Some(Command::Unknown(words)) => bail!("there is no command or role called {:?}; see `natter --help`", words[0]),
        Some(command) => return answer(command, &cli),
    };
    let loaded = cli.settings.load()?;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        // The exporter's connection lives on this runtime, from its first span to what is sent when the guard is dropped.
        let telemetry = natter_telemetry::init(&loaded.config.telemetry, &roles.process(&loaded.config))?;
        limits::raise_open_files();
        Box::pin(roles::run(roles, loaded, telemetry.logs(), stop::signals()?)).await
    });
    // Blocking work that still runs has nothing to say to anybody.
    runtime.shutdown_background();
    ended
}

// The commands that only ask a running process, or nobody.
fn answer(command: &Command, cli: &Cli) -> Result<()> {
    let loaded = cli.settings.load();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Command::Doctor(arguments) = command {
        return runtime.block_on(command::doctor::run(arguments, loaded));
    }
    if let Command::Config(arguments) = command {
        return command::config::run(arguments, loaded);
    }
    let loaded = loaded?;
    match command {
        Command::Migrate(arguments) => return runtime.block_on(command::migrate::run(&loaded.config, arguments)),
        Command::Try(arguments) => return runtime.block_on(command::trial::run(&loaded.config, arguments)),
        Command::Backup(arguments) => return runtime.block_on(command::backup::backup(&loaded.config, arguments)),
        Command::Restore(arguments) => return runtime.block_on(command::backup::restore(&loaded.config, arguments)),
        Command::Secrets(arguments) => return command::secrets::run(arguments, &loaded.config.hosts),
        _ => {}
    }
    let admin = Admin::of(&loaded.config)?;
    runtime.block_on(async {
        match command {
            Command::SdkConfig(arguments) => command::sdk_config::run(&admin, arguments).await,
            Command::LogLevel(arguments) => command::log_level::run(&admin, arguments).await,
            Command::App(inner) => command::admin::app(&admin, inner).await,
            Command::User(inner) => command::admin::user(&admin, inner).await,
            Command::Export(arguments) => command::archive::export(&admin, arguments).await,
            Command::Import(arguments) => command::archive::import(&admin, arguments).await,
            Command::Operator(inner) => command::operator::run(&admin, inner).await,
            _ => unreachable!("answered above"),
        }
    })
}
