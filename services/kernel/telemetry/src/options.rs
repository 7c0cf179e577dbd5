//! The settings of telemetry.

use serde::{Deserialize, Serialize};

/// What is logged and where traces go.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What is logged, as a filter: a level (`warn`), or levels by crate (`info,natter_dialog=debug`).
    pub log: String,
    /// Logs are JSON, one object a line, instead of text.
    pub log_json: bool,
    /// Address of an OTLP collector that takes gRPC (`http://127.0.0.1:4317`). Absent: nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// Share of the traces that begin here and are kept, 0 to 1.
    pub sample: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            log: "info,actix_server=warn,fjall=warn,lsm_tree=warn,scylla=error".to_owned(),
            log_json: false,
            otlp_endpoint: None,
            sample: 0.01,
        }
    }
}
