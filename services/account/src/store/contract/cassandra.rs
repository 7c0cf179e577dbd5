//! The suites of users, tokens, reports and erasures on Cassandra, in one keyspace that is emptied before each case.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::cql::testing::on_cassandra;
use natter_db::cql::{Cql, Statement};

use super::{Store, erasures, on_memory, reports, tokens, users};
use crate::store::cql::{OnCql, TABLES};

const EMPTY: [Statement; 17] = [
    Statement::write("TRUNCATE users"),
    Statement::write("TRUNCATE users_of_app"),
    Statement::write("TRUNCATE slices_of_app"),
    Statement::write("TRUNCATE user_names"),
    Statement::write("TRUNCATE names_of_user"),
    Statement::write("TRUNCATE guests"),
    Statement::write("TRUNCATE guest_hours"),
    Statement::write("TRUNCATE verifiers"),
    Statement::write("TRUNCATE resets"),
    Statement::write("TRUNCATE last_requests"),
    Statement::write("TRUNCATE tokens"),
    Statement::write("TRUNCATE tokens_of_user"),
    Statement::write("TRUNCATE reports"),
    Statement::write("TRUNCATE reports_of_app"),
    Statement::write("TRUNCATE report_days"),
    Statement::write("TRUNCATE erasures"),
    Statement::write("TRUNCATE erasing"),
];

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn users_tokens_reports_and_erasures() {
    on_cassandra(&TABLES, async |cql| {
        let empty = async || emptied(&cql).await;
        users::on_cassandra(empty).await;
        tokens::on_cassandra(empty).await;
        reports::on_cassandra(empty).await;
        erasures::on_cassandra(empty).await;
    })
    .await;
}

async fn emptied(cql: &Cql) -> Store {
    for table in EMPTY {
        cql.write(table, ()).await.unwrap();
    }
    let engine = Arc::new(OnCql { cql: cql.clone() });
    Store { users: engine.clone(), tokens: engine.clone(), reports: engine.clone(), erasures: engine, ..on_memory() }
}
