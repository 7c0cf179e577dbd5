//! The cluster, its two edges, and users of one app in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_servers::{Cluster, Part, Plan};
use natter_tests::traffic::{Excuse, LOGINS, PASSWORD, Stage, Traffic};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Which edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    Today,
    Before,
}

impl Edge {
    pub fn name(self) -> &'static str {
        match self {
            Edge::Today => "today's",
            Edge::Before => "the earlier one",
        }
    }

    fn part(self) -> &'static str {
        match self {
            Edge::Today => "edge-1",
            Edge::Before => "edge-2",
        }
    }
}

/// Traffic between two steps of the upgrade.
const WHILE: Duration = Duration::from_secs(8);
/// Longest wait for an edge that was asked to end.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);

/// A cluster that stands for all of it.
pub struct Scene {
    /// What the earlier binary is called.
    pub before: String,
    earlier: PathBuf,
    cluster: Cluster,
    folder: PathBuf,
    target: PathBuf,
    app: u64,
    users: AtomicU32,
}

impl Scene {
    /// Starts it under the build directory.
    pub fn start() -> Result<Scene> {
        let path = |variable: &str| {
            std::env::var_os(variable).map(PathBuf::from).with_context(|| format!("{variable} is not set: `cargo xtask mixed`"))
        };
        let (binary, earlier, target) = (path("NATTER_BINARY")?, path("NATTER_BINARY_BEFORE")?, path("NATTER_TARGET")?);
        let before = std::env::var("NATTER_BEFORE").unwrap_or_else(|_| earlier.display().to_string());
        let folder = target.join("tmp/mixed");
        let plan = Plan { edges: 2, accounts: 1, ..Plan::default() };
        let cluster = Cluster::start_mixed(&folder, &binary, &target, plan, &[(Edge::Before.part(), &earlier)])?;
        let mut scene = Scene { before, earlier, cluster, folder, target, app: 0, users: AtomicU32::new(0) };
        scene.app = scene.make_app("mixed")?;
        Ok(scene)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn target(&self) -> &Path {
        &self.target
    }

    pub fn wipe(&self) -> Result<()> {
        self.cluster.wipe()
    }

    /// A user whom nobody else has: id and login.
    pub fn user(&self) -> Result<(u64, String)> {
        let login = format!("user{}", self.users.fetch_add(1, Ordering::Relaxed));
        Ok((self.make_user(self.app, &login)?, login))
    }

    /// Where an edge takes chat over WebSocket with TLS.
    pub fn port(&self, edge: Edge) -> Result<u16> {
        self.cluster.part(edge.part())?.port("edge.wss_port").context("an edge has a port")
    }

    /// What a client is given whose chat goes to this port.
    pub fn config(&self, port: u16) -> Result<Value> {
        let mut config = self.config_of(self.app)?;
        config["config"]["chatProtocol"]["websocket"] = format!("wss://localhost:{port}").into();
        Ok(config)
    }

    /// Traffic through both edges, while the earlier one becomes today's and then an earlier one again. What was counted.
    pub async fn upgrade_under_traffic(&self, seed: u64) -> Result<Vec<String>> {
        let app = self.make_app("upgraded")?;
        let mut users = [0; LOGINS.len()];
        for (user, login) in users.iter_mut().zip(LOGINS) {
            *user = self.make_user(app, login)?;
        }
        let config = self.config_of(app)?;
        let ca = config["ca"].as_str().context("the CA is named")?.to_owned();
        let wss = vec![self.port(Edge::Before)?, self.port(Edge::Today)?];
        let rest_plain = self.cluster.part("api-1")?.port("api.plain_port").context("the api has a port")?;
        let stage = Stage { app, config, ca: Path::new(&ca), wss, rest_plain, users };
        let traffic = Traffic::begin(&stage, seed).await?;
        sleep(WHILE).await;
        let up = self.replace(None).await.context("the edge becomes today's")?;
        sleep(WHILE).await;
        let back = self.replace(Some(self.earlier.clone())).await.context("the edge becomes an earlier one")?;
        sleep(WHILE).await;
        let mut lines = vec![format!("edge upgraded in {:.1} s, rolled back in {:.1} s", up.as_secs_f64(), back.as_secs_f64())];
        lines.extend(traffic.end(Excuse::default()).await?);
        Ok(lines)
    }

    // The second edge ends as it is asked to, and another binary takes its place. How long it was away.
    async fn replace(&self, binary: Option<PathBuf>) -> Result<Duration> {
        let part = self.cluster.part(Edge::Before.part())?;
        let process = self.cluster.process(&part.name);
        let asked = Instant::now();
        process.ask_to_end()?;
        while process.pid().is_some() {
            ensure!(asked.elapsed() < PATIENCE, "{} does not end", part.name);
            sleep(STEP).await;
        }
        let part = Part { binary, ..part.clone() };
        self.cluster.launch(&part)?;
        self.cluster.wait(&part)?;
        Ok(asked.elapsed())
    }

    fn make_app(&self, title: &str) -> Result<u64> {
        self.json(&["app", "create", "--title", title])?["app"]["id"].as_u64().context("an app has an id")
    }

    fn make_user(&self, app: u64, login: &str) -> Result<u64> {
        let made = self.json(&["user", "create", "--app", &app.to_string(), "--login", login, "--password", PASSWORD])?;
        made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))
    }

    fn config_of(&self, app: u64) -> Result<Value> {
        self.json(&["sdk-config", "--json", "--app", &app.to_string()])
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.cluster.natter(words)?)?)
    }
}
