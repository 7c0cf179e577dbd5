//! A cluster that runs already, as the process of a test: apps of its own in it, and one address in front of all edges, so that two
//! clients of a test are at two of them. `NATTER_CLUSTERED` names its folder (`cargo xtask cluster sdk`). What needs a process for itself, to set
//! or to kill, is refused as [`OwnProcess`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use natter_servers::{Cluster, Part};
use serde_json::{Value, json};

use crate::address::Address;
use crate::process::{Ports, XMPP_PORT};
use crate::proxy::Proxy;

/// A test that cannot share processes with others.
#[derive(Debug)]
pub struct OwnProcess;

impl std::fmt::Display for OwnProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this needs a process of its own, and the cluster is everybody's")
    }
}

impl std::error::Error for OwnProcess {}

/// Apps that a test may have.
const APPS: u64 = 100;
/// Tests of one run of the tests' program.
const TESTS: u64 = 1_000;

static MADE: AtomicU64 = AtomicU64::new(0);

/// The place of one test in the cluster.
pub struct Clustered {
    cluster: Cluster,
    folder: PathBuf,
    /// Before the ids of its apps.
    before: u64,
    pub ports: Ports,
    // Ends with the test.
    _doors: Vec<Proxy>,
}

impl Clustered {
    /// A place for a test whose clients may need an address of their own; none if the tests run on processes of theirs.
    pub async fn open(address: Option<&Address>, settings: &[&str]) -> Result<Option<Clustered>> {
        let Some(folder) = std::env::var_os("NATTER_CLUSTERED") else { return Ok(None) };
        if !settings.is_empty() {
            return Err(OwnProcess.into());
        }
        let variable = |name: &str| std::env::var_os(name).with_context(|| format!("{name} is not set"));
        let (binary, target) = (variable("NATTER_BINARY")?, variable("NATTER_TARGET")?);
        let cluster = Cluster::open(Path::new(&folder), Path::new(&binary), Path::new(&target))?;
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let before = (u64::from(std::process::id()) * TESTS + made) * APPS;
        let on = |setting: &str| cluster.parts().iter().filter_map(|part: &Part| part.port(setting)).collect::<Vec<u16>>();
        let one = |setting: &str| on(setting).first().copied().with_context(|| format!("no part has {setting}"));
        let turn = usize::try_from(made)?;
        let wss = door((Ipv4Addr::LOCALHOST, 0).into(), on("edge.wss_port"), turn).await?;
        let ws = door((Ipv4Addr::LOCALHOST, 0).into(), on("edge.ws_port"), turn).await?;
        let at = address.map_or((Ipv4Addr::LOCALHOST, 0).into(), |address| address.port(XMPP_PORT));
        let tcp = door(at, on("edge.tcp_port"), turn).await?;
        let ports = Ports {
            rest: one("api.tls_port")?,
            rest_plain: one("api.plain_port")?,
            tcp: tcp.port,
            tls: one("edge.tls_port")?,
            wss: wss.port,
            ws: ws.port,
            console: one("console.port")?,
            health: one("health.port")?,
        };
        let clustered = Clustered { cluster, folder: folder.into(), before, ports, _doors: vec![wss, ws, tcp] };
        clustered.shell(&["app", "create", "--id", "1", "--title", "First app"])?;
        Ok(Some(clustered))
    }

    /// Runs a command of the binary. An app is one of this test's.
    pub fn shell(&self, arguments: &[&str]) -> Result<String> {
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        for at in 1..words.len() {
            if matches!(arguments[at - 1], "--app" | "--id") {
                words[at] = (self.before + words[at].parse::<u64>()?).to_string();
            }
        }
        if words.first().is_some_and(|word| word == "user") && !words.iter().any(|word| word == "--app") {
            words.extend(["--app".to_owned(), (self.before + 1).to_string()]);
        }
        self.cluster.natter(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What clients of an app of this test are given.
    pub fn sdk_config(&self, app: u64, plain: bool) -> Result<Value> {
        let app = app.to_string();
        let mut config: Value = serde_json::from_str(&self.shell(&["sdk-config", "--json", "--app", &app])?)?;
        let Ports { rest_plain, ws, wss, .. } = self.ports;
        let websocket = if plain { format!("ws://localhost:{ws}") } else { format!("wss://localhost:{wss}") };
        config["config"]["chatProtocol"]["websocket"] = json!(websocket);
        if plain {
            config["config"]["endpoints"]["api_url"] = json!(format!("http://localhost:{rest_plain}"));
            config["config"]["endpoints"]["chat_url"] = json!(websocket);
        }
        Ok(config)
    }

    /// The CA of the cluster, PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("secrets/tls/ca.pem")
    }
}

/// One address in front of all edges: each connection goes to the next of them.
async fn door(at: SocketAddr, edges: Vec<u16>, turn: usize) -> Result<Proxy> {
    let mut edges: Vec<SocketAddr> = edges.into_iter().map(|port| (Ipv4Addr::LOCALHOST, port).into()).collect();
    let turn = turn % edges.len().max(1);
    edges.rotate_left(turn);
    Proxy::start_among(at, edges).await
}
