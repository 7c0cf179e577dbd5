//! Who should have presence of an app, as far as this process believes. What follows from it is in `ownership.rs`.

use std::sync::Arc;

use natter_cluster::{Cluster, Shard, View};
use tokio::sync::watch;

/// The role of members that serve presence.
const ROLE: &str = "presence";

/// Where presence of apps lives.
#[derive(Clone)]
pub enum Placement {
    /// All of them here: there is no other process.
    Always,
    /// Each with the member of the cluster that its shard falls to.
    Cluster(Cluster),
}

impl Placement {
    /// Whether the apps of a shard should be here.
    pub(crate) fn is_here(&self, shard: Shard) -> bool {
        match self {
            Placement::Always => true,
            Placement::Cluster(cluster) => cluster.is_mine(ROLE, shard),
        }
    }

    /// Names this run of the process.
    pub(crate) fn name(&self) -> String {
        match self {
            Placement::Always => "always".to_owned(),
            Placement::Cluster(cluster) => {
                let me = cluster.me();
                format!("{}/{}", me.name, me.boot)
            }
        }
    }

    /// Tells when something else is believed; nothing if that never happens.
    pub(crate) fn changes(&self) -> Option<watch::Receiver<Arc<View>>> {
        match self {
            Placement::Always => None,
            Placement::Cluster(cluster) => Some(cluster.changes()),
        }
    }
}
