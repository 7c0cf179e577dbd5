//! Settings of the connection to ScyllaDB or Cassandra.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the servers are, and how long they are waited for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CqlOptions {
    /// Some of the servers, `HOST:PORT`; they tell of the others.
    pub nodes: Vec<String>,
    /// The keyspace. Lower-case letters, digits and `_`.
    pub keyspace: String,
    /// The data centre whose servers are asked. Empty: of any.
    pub datacenter: String,
    /// Copies of each row in every data centre, when `natter migrate` makes the keyspace.
    pub replicas: u32,
    /// Who connects. Empty: nobody is named.
    pub user: String,
    /// The password of that user.
    pub password: String,
    /// A PEM file of the authorities that sign the servers' certificates. Empty: no TLS.
    pub ca: PathBuf,
    /// Milliseconds that a request waits. Over it a read has failed, and what became of a write is not known.
    pub deadline_ms: u64,
    /// Milliseconds after which a read is sent to another server as well.
    pub speculate_ms: u64,
}

impl Default for CqlOptions {
    fn default() -> Self {
        CqlOptions {
            nodes: Vec::new(),
            keyspace: "natter".into(),
            datacenter: String::new(),
            replicas: 3,
            user: String::new(),
            password: String::new(),
            ca: PathBuf::new(),
            deadline_ms: 2_000,
            speculate_ms: 200,
        }
    }
}

impl CqlOptions {
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(super) fn speculate_after(&self) -> Duration {
        Duration::from_millis(self.speculate_ms)
    }

    /// The keyspace, if it can stand in a statement as it is.
    pub(super) fn keyspace(&self) -> Option<&str> {
        let is_name = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let name = self.keyspace.as_str();
        (name.starts_with(|first: char| first.is_ascii_lowercase()) && name.len() <= 48 && is_name(name)).then_some(name)
    }
}
