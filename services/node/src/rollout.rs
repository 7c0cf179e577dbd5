//! Edges that are replaced together: each keeps its clients until all of them end, so that whoever is moved is moved once (decision 0045).

use std::time::Duration;

use natter_cluster::Cluster;
use tokio::time::timeout;

use crate::roles::Role;

/// Longest wait for the others. The process has half a minute to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Resolves when no client that leaves this edge would have to leave the next one as well, as far as is known, or after a while.
pub async fn others_are_told(cluster: &Cluster) {
    let me = cluster.me();
    let told = async { cluster.changes().until(|view| !view.would_leave_again(&me, Role::Edge.name())).await };
    if timeout(PATIENCE, told).await.is_err() {
        tracing::info!("other edges of this generation are not told to end: clients may have to move twice");
    }
}
