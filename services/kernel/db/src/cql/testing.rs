//! A keyspace for one test.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Cql, CqlOptions, Migration};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Where the servers are that `NATTER_TEST_CQL` names, and a keyspace that nobody else uses.
///
/// # Panics
/// The variable is not set.
pub fn options() -> CqlOptions {
    let nodes = std::env::var("NATTER_TEST_CQL").expect("NATTER_TEST_CQL names a server: cargo xtask test --servers");
    let nodes: Vec<String> = nodes.split(',').map(str::to_owned).collect();
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    CqlOptions {
        replicas: nodes.len().min(3) as u32,
        nodes,
        keyspace: format!("test_{}_{number}", std::process::id()),
        // The machine is busy: a test waits longer than a user.
        deadline_ms: 20_000,
        ..CqlOptions::default()
    }
}

/// Runs a case on a keyspace of its own, with these tables, which goes with it.
///
/// # Panics
/// There is no server.
pub async fn on_cassandra(migrations: &[Migration], case: impl AsyncFnOnce(Cql)) {
    let options = options();
    Cql::migrate(&options, migrations, false).await.unwrap();
    let cql = Cql::connect(&options).await.unwrap();
    case(cql).await;
    Cql::drop_keyspace(&options).await.unwrap();
}
