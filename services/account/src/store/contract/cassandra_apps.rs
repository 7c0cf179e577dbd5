//! The suites of apps, operators, sign-ins, the audit log and overrides on Cassandra, in one keyspace that is emptied before each case.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_actor::Clock;
use natter_db::cql::testing::on_cassandra;
use natter_db::cql::{Cql, Statement};

use super::{Store, apps, audit, on_memory, operators, overrides, sign_ins};
use crate::store::cql::{AppsOnCql, OnCql, TABLES};

const EMPTY: [Statement; 9] = [
    Statement::write("TRUNCATE apps"),
    Statement::write("TRUNCATE app_names"),
    Statement::write("TRUNCATE id_blocks"),
    Statement::write("TRUNCATE operators"),
    Statement::write("TRUNCATE sign_ins"),
    Statement::write("TRUNCATE sign_ins_of"),
    Statement::write("TRUNCATE audit"),
    Statement::write("TRUNCATE audit_days"),
    Statement::write("TRUNCATE overrides"),
];

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn apps_operators_sign_ins_and_audit() {
    on_cassandra(&TABLES, async |cql| {
        let empty = async || emptied(&cql).await;
        apps::on_cassandra(empty).await;
        operators::on_cassandra(empty).await;
        sign_ins::on_cassandra(empty).await;
        audit::on_cassandra(empty).await;
        overrides::on_cassandra(empty).await;
    })
    .await;
}

async fn emptied(cql: &Cql) -> Store {
    for table in EMPTY {
        cql.write(table, ()).await.unwrap();
    }
    let rest = on_memory();
    let engine = OnCql { cql: cql.clone() };
    let apps = Arc::new(AppsOnCql::new(engine.clone(), rest.erasures.clone(), Clock::system()));
    let engine = Arc::new(engine);
    Store { apps, operators: engine.clone(), sign_ins: engine.clone(), audit: engine.clone(), overrides: engine, ..rest }
}
