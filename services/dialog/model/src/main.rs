//! `cargo xtask model segments [NAME...] [WORLDS]`: searches scopes (all, if none is named), each until it has seen so many worlds;
//! with the name of a clause, or `clauses`, shows what breaks without it.
#![allow(clippy::print_stdout)] // a command line tool

use std::process::ExitCode;
use std::time::Instant;

use natter_model::{CLAUSES, LARGE_SCOPES, Refuted, SMALL_SCOPES, Scope, named, search};

fn main() -> ExitCode {
    let (limits, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.parse::<usize>().is_ok());
    let worlds_max = limits.first().and_then(|limit| limit.parse().ok());
    let names = if names.is_empty() { all().map(str::to_owned).collect() } else { names };
    let fine: Vec<bool> = names.iter().map(|name| run(name, worlds_max)).collect();
    if fine.iter().all(|fine| *fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all() -> impl Iterator<Item = &'static str> {
    SMALL_SCOPES.into_iter().chain(LARGE_SCOPES).map(|scope| scope.name)
}

fn run(name: &str, worlds_max: Option<usize>) -> bool {
    if let Some(scope) = named(name) {
        return show(&Scope { worlds_max: worlds_max.unwrap_or(scope.worlds_max), ..scope });
    }
    let clauses = CLAUSES.iter().filter(|refuted| name == "clauses" || format!("{:?}", refuted.clause) == name);
    let clauses: Vec<&Refuted> = clauses.collect();
    if clauses.is_empty() {
        let scopes: Vec<&str> = all().collect();
        println!("no scope and no clause is called {name}; scopes: {}; or: clauses", scopes.join(", "));
    }
    for refuted in &clauses {
        let Some(scope) = named(refuted.scope) else { return false };
        println!("without {:?}, expected: {}", refuted.clause, refuted.broken);
        show(&Scope { dropped: Some(refuted.clause), ..scope });
    }
    !clauses.is_empty()
}

fn show(scope: &Scope) -> bool {
    let started = Instant::now();
    let found = search(scope);
    let end = if found.complete { "complete" } else { "not complete" };
    let seconds = started.elapsed().as_secs_f64();
    let (worlds, steps, depth) = (found.worlds, found.steps, found.depth);
    let (processor, memory) = (processor_seconds(), memory_max());
    println!(
        "{}: {worlds} worlds, {steps} steps, depth {depth}, {seconds:.1} s ({processor:.1} s of a core so far), {memory} MiB, {end}",
        scope.name
    );
    if let Some((broken, way)) = &found.broken {
        println!("  broken after {} steps: {broken}", way.len());
        way.iter().for_each(|step| println!("    {step}"));
    }
    found.broken.is_none()
}

/// What this process has used of a core, in seconds, where the system tells (Linux: ticks of 10 ms, field 14 of the line).
fn processor_seconds() -> f64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = line.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)).and_then(|ticks| ticks.parse().ok());
    ticks.unwrap_or(0.0) / 100.0
}

/// The most memory that this process had, in MiB, where the system tells.
fn memory_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).map_or(0, |kib: u64| kib / 1024)
}
