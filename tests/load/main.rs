//! The measurements of `cargo xtask bench`: a table on stdout, JSON in `$NATTER_BENCH_OUT`. Server and generator share the
//! machine, and every figure stands beside the limit measured in the same run.
#![allow(clippy::print_stdout)]

mod admin;
mod alerts;
mod apps;
mod cluster;
mod fair;
mod fixture;
mod groups;
mod hanging;
mod idle;
mod limit;
mod logins;
mod messages;
mod place;
mod reads;
mod report;
mod start;
mod stream;

use anyhow::{Result, bail};
use report::Report;

const ALL: [&str; 11] = ["limit", "messages", "groups", "reads", "logins", "idle", "start", "fair", "apps", "alerts", "hanging"];

fn main() -> Result<()> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<&str> = if named.is_empty() { ALL.to_vec() } else { named.iter().map(String::as_str).collect() };
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::default();
    if let ["--cluster", names @ ..] = named.as_slice() {
        let measured = cluster::run(&runtime, &mut report, names);
        // What was measured before something failed is a measurement too.
        report.finish()?;
        return measured;
    }
    for name in named {
        // `idle=20` is the measurement with 20 users, `reads=100000` with so many messages, `apps=20` with so many apps,
        // `alerts=20` with so many readers: to see that they work.
        let (name, size) = name.split_once('=').map_or((name, None), |(name, size)| (name, Some(size)));
        let size: Option<usize> = size.map(str::parse).transpose()?;
        match name {
            name if size.is_some() && !matches!(name, "idle" | "reads" | "apps" | "alerts") => bail!("{name} has one size"),
            "limit" => limit::run(&mut report)?,
            "messages" => runtime.block_on(messages::run(&mut report))?,
            "groups" => runtime.block_on(groups::run(&mut report))?,
            "reads" => runtime.block_on(reads::run(&mut report, size.unwrap_or(reads::MESSAGES) as u64))?,
            "logins" => runtime.block_on(logins::run(&mut report))?,
            "idle" => runtime.block_on(idle::run(&mut report, size.unwrap_or(idle::USERS)))?,
            "start" => runtime.block_on(start::run(&mut report))?,
            "fair" => runtime.block_on(fair::run(&mut report))?,
            "apps" => runtime.block_on(apps::run(&mut report, size.unwrap_or(apps::APPS)))?,
            "alerts" => runtime.block_on(alerts::run(&mut report, size.unwrap_or(alerts::USERS)))?,
            "hanging" => runtime.block_on(hanging::run(&mut report))?,
            other => bail!("no measurement is called {other:?}; there are {}", ALL.join(", ")),
        }
    }
    report.finish()
}
