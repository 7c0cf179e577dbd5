//! `cargo xtask test`.

use std::process::Command;

use anyhow::{Result, bail};
use natter_servers::{Servers, cql_version};

use crate::command::{cargo, run, target};
use crate::{chart, faults, report, tools};

/// Tests that need a server process, the SDK packages or another language. Cargo runs them only when they are named.
const WITH_PROCESSES: [&str; 6] = ["console", "doors", "interop", "kill", "plays", "sdk"];

/// Builds of the SDK that run in Chromium.
const IN_BROWSER: [&str; 2] = ["browser_1_7_3", "browser_6_1_2"];

/// The whole suite.
pub fn all() -> Result<()> {
    let sdk = tools::sdk()?;
    let console = tools::console()?;
    let python = tools::python()?;
    fast()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut tests = nextest()?;
    for name in WITH_PROCESSES {
        tests.args(["--test", name]);
    }
    match Servers::install(&target()?) {
        Ok(()) => {
            with_servers()?;
            faults::some(&sdk)?;
        }
        Err(error) => println!("xtask: NOT RUN, the tests that need Cassandra, NATS, Redis or S3: {error:#}"),
    }
    if let Err(error) = tools::chromium() {
        println!("xtask: NOT RUN, the console and the SDK in a browser ({}): {error}", IN_BROWSER.join(", "));
        let builds = IN_BROWSER.map(|build| format!("test(/::{build}::/)")).join(" or ");
        tests.args(["-E", &format!("not (binary(console) or {builds})")]);
    }
    // Those tests wait for clients most of the time: meanwhile what judges the chart is built.
    let tools = std::thread::spawn(chart::Tools::install);
    report::begin()?;
    let outcome = run(tests
        .env("NATTER_BINARY", target()?.join("debug/natter"))
        .env("NATTER_SDK_MODULES", sdk.join("package.json"))
        .env("NATTER_CONSOLE_MODULES", console.join("package.json"))
        .env("NATTER_PYTHON", python));
    report::end("sdk")?;
    match tools.join() {
        Ok(Ok(tools)) => chart::check(&tools)?,
        Ok(Err(error)) => println!("xtask: NOT RUN, the checks of the Helm chart: {error:#}"),
        Err(_) => bail!("what judges the chart was not brought"),
    }
    outcome
}

/// What a cluster stands on, against real servers: one of each kind, which stand only for so long. These tests are marked `ignore`, so
/// that who runs the others by hand sees that they are there.
pub fn with_servers() -> Result<()> {
    let folder = target()?.join("tmp/servers");
    let servers = Servers::start(&target()?, &folder, 1)?;
    let mut tests = nextest()?;
    tests.args(["--run-ignored", "only"]);
    let outcome = run(tests.envs(servers.environment()));
    servers.wipe()?;
    outcome
}

/// Of the tests that need real servers, those that need CQL and nothing else. `it/` checks that none is left out.
const ON_CQL: &str = "binary(cql) or test(cassandra) or test(/(^|::)cql::/)";

/// The CQL suites alone, on servers that run somewhere: `HOST:PORT`, several separated by commas. Every test makes a keyspace of its own
/// there and removes it.
pub fn on_cql(addresses: &str) -> Result<()> {
    for address in addresses.split(',') {
        println!("xtask: {} answers at {address}", cql_version(address)?);
    }
    let mut tests = nextest()?;
    tests.args(["--run-ignored", "only", "-E", ON_CQL]);
    run(tests.env("NATTER_TEST_CQL", addresses))
}

/// The SDK checks alone, with every build.
pub fn matrix() -> Result<()> {
    let sdk = tools::sdk()?;
    tools::chromium()?;
    run(cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut tests = nextest()?;
    tests.args(["--test", "sdk"]);
    report::begin()?;
    let outcome =
        run(tests.env("NATTER_BINARY", target()?.join("debug/natter")).env("NATTER_SDK_MODULES", sdk.join("package.json")));
    report::end("sdk")?;
    outcome
}

/// What needs neither network nor servers.
pub fn fast() -> Result<()> {
    run(&mut nextest()?)
}

fn nextest() -> Result<Command> {
    let mut command = Command::new(tools::nextest()?);
    command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    Ok(command)
}
