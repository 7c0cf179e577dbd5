//! Where apps reach this installation, as the console and the first start show it.

use std::path::Path;

use natter_console::SdkFacts;

use crate::config::Config;
use crate::doors::Doors;

/// The facts: what the settings say of a cluster, else this host and the ports in force. `ca`: that clients have to trust.
pub fn facts(host: &str, config: &Config, doors: &Doors, ca: Option<&Path>) -> SdkFacts {
    let (ports, cluster) = (&doors.chosen, &config.cluster);
    let or = |said: &str, own: String| if said.is_empty() { own } else { said.to_owned() };
    SdkFacts {
        api_host: or(&cluster.public_api, format!("{host}:{}", ports.rest_tls)),
        chat_host: host.to_owned(),
        websocket: or(&cluster.public_websocket, format!("wss://{host}:{}", ports.chat_wss)),
        api_url_plain: format!("http://localhost:{}", ports.rest_plain),
        chat_url_plain: format!("ws://localhost:{}", ports.chat_ws),
        ca_path: ca.map(|ca| ca.display().to_string()).unwrap_or_default(),
    }
}
