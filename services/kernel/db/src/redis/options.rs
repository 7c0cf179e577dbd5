//! Settings of the connection to Redis or Valkey.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the servers are, and how long they are waited for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisOptions {
    /// `HOST:PORT`; of a cluster some of them.
    pub nodes: Vec<String>,
    /// What all keys begin with, so that several installations can share servers. Empty: nothing.
    pub prefix: String,
    /// Whether the servers are a cluster.
    pub cluster: bool,
    /// Who connects (ACL). Empty: the default user.
    pub user: String,
    /// The password of that user.
    pub password: String,
    /// A PEM file of the authorities that sign the servers' certificates. Empty: no TLS.
    pub ca: PathBuf,
    /// Milliseconds that a call waits. Over it a read has failed, and what became of a write is not known.
    pub deadline_ms: u64,
}

impl Default for RedisOptions {
    fn default() -> Self {
        RedisOptions {
            nodes: Vec::new(),
            prefix: String::new(),
            cluster: false,
            user: String::new(),
            password: String::new(),
            ca: PathBuf::new(),
            deadline_ms: 1_000,
        }
    }
}

impl RedisOptions {
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}
