//! `natter migrate`: brings the tables of a cluster to those of this version.

use anyhow::{Context, Result, bail};
use natter_db::Cql;
use natter_db::cql::{Applied, Migration};

use crate::config::Config;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only says what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Every migration of every service, in order.
pub fn migrations() -> Vec<Migration> {
    let of_services: [&[Migration]; 6] = [
        &natter_account::TABLES,
        natter_dialog::TABLES,
        natter_history::TABLES,
        natter_presence::TABLES,
        natter_push::TABLES,
        &natter_storage::TABLES,
    ];
    of_services.concat()
}

/// Prints each migration, and whether it was done before, is done now, or waits.
#[allow(clippy::print_stdout)]
pub async fn run(config: &Config, arguments: &Arguments) -> Result<()> {
    let options = &config.cluster.cql;
    if options.nodes.is_empty() {
        bail!("cluster.cql.nodes names no server: only a cluster has tables to migrate");
    }
    let applied = Cql::migrate(options, &migrations(), arguments.dry_run).await;
    for (name, applied) in applied.context("cannot migrate; what was done stays done, run it again")? {
        let word = match applied {
            Applied::Before => "done before",
            Applied::Now => "done",
            Applied::Not => "waits",
        };
        println!("{word:<12} {name}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_migration_has_a_name_of_its_own_and_can_be_applied_twice() {
        let all = migrations();
        let names: BTreeSet<&str> = all.iter().map(|one| one.name).collect();
        assert!(names.len() == all.len() && !all.is_empty());
        for statement in all.iter().flat_map(|one| one.statements) {
            assert!(statement.contains("IF NOT EXISTS"), "{statement}");
        }
    }
    // What one of them alone knows, or does badly; what is for ScyllaDB alone stands in natter-db's `cql/scylladb.rs`.
    #[test]
    fn every_migration_is_for_both_servers() {
        let foreign = [
            "tablets",
            "tombstone_gc",
            "paxos_grace_seconds",
            "per_partition_rate_limit",
            "synchronous_updates",
            "cdc",
            "sstable_compression",
            "incrementalcompactionstrategy",
            "bypass cache",
            "using timeout",
            "materialized view",
            "create index",
            "counter",
            "allow filtering",
        ];
        for statement in migrations().iter().flat_map(|one| one.statements) {
            let found = foreign.iter().find(|word| statement.to_lowercase().contains(*word));
            assert!(found.is_none(), "{found:?} is not for both servers: {statement}");
        }
    }
}
