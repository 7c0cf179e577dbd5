//! Settings of requests to the outside.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::address::Networks;

/// Requests to addresses that the settings of an app name: identity providers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Milliseconds for the whole of a request: name, connection, answer.
    pub deadline_ms: u64,
    /// Most bytes of an answer.
    pub answer_bytes_max: usize,
    /// Requests at once.
    pub requests_max: usize,
    /// Requests of one app at once: a provider that hangs holds up its own app and no other.
    pub requests_per_app_max: usize,
    /// Networks that may be asked although they are no part of the public internet, as `["10.1.2.0/24", "127.0.0.1"]`. All others
    /// of that kind (private, loopback, link-local and so on) are refused, also when a name leads there.
    pub private_networks: Vec<String>,
    /// File with certificates of further authorities, PEM, trusted beside those of the system. Empty: none.
    pub ca_file: PathBuf,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            deadline_ms: 5_000,
            answer_bytes_max: 64 * 1024,
            requests_max: 256,
            requests_per_app_max: 32,
            private_networks: Vec::new(),
            ca_file: PathBuf::new(),
        }
    }
}

/// How a door keeps to few servers that are asked often: long connections, HTTP/2 with those that speak it, all requests to one
/// server on one connection.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// No HTTP/1.1, whatever the server offers.
    pub http2_only: bool,
    /// Who we are to a server that asks for a certificate: PEM, a certificate with its chain, and the private key.
    pub identity: Option<Vec<u8>>,
}

/// Which setting cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("outbound.private_networks: {0:?} is no network such as 10.1.2.0/24")]
    Network(String),
    #[error("outbound.ca_file: cannot use {path}: {text}", path = .0.display(), text = .1)]
    CaFile(PathBuf, String),
    #[error("the certificate and its key cannot be used: {0}")]
    Identity(String),
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl Options {
    pub(crate) fn networks(&self) -> Result<Networks, Wrong> {
        self.private_networks.iter().map(|text| text.parse().map_err(|()| Wrong::Network(text.clone()))).collect()
    }
}
