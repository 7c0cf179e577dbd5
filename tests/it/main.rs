//! Tests that need neither network nor servers: the tree's own rules, the simulation, the reference model, and that no right
//! and no verdict on who is blocked is missing in the tables.
#![allow(clippy::unwrap_used)]

mod attacks;
mod blocked;
mod edges;
mod fuzz;
mod model;
mod requests;
mod rights;
mod simulation;
mod tidy;
mod world;

use tokio::task::LocalSet;

/// Lives on one thread, in time that moves only when everybody waits.
fn in_one_thread<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, life)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
