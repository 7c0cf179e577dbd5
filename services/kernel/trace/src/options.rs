//! Settings of the traces of messages.

use serde::{Deserialize, Serialize};

/// Traces of messages: how many leave one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// One of so many messages leaves a trace; 0: none but those of apps that were switched on.
    pub one_in: u32,
    /// Hops that one process tells in a second. Over it they are dropped, and counted.
    pub hops_per_s_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { one_in: 100, hops_per_s_max: 1_000 }
    }
}
