//! Settings of the console.

use serde::{Deserialize, Serialize};

/// Where the admin API listens, under which names, and its limits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address of the admin API. Plain HTTP: keep it on this machine or inside the cluster.
    pub address: String,
    /// Port of the admin API.
    pub port: u16,
    /// Host names that requests may carry, beside `localhost` and bare addresses. Others are refused (DNS rebinding).
    pub hosts: Vec<String>,
    /// Most bytes of a request's body.
    pub body_bytes_max: usize,
    /// Most connections at once.
    pub connections_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { address: "127.0.0.1".into(), port: 8090, hosts: Vec::new(), body_bytes_max: 64 * 1024, connections_max: 256 }
    }
}
