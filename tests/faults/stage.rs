//! The cluster, and one trial after the other under traffic of an app of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_servers::{Cluster, Disk, Faketime, Plan};
use natter_tests::client::{Account, trusting};
use natter_tests::traffic::{LOGINS, PASSWORD, Stage, Traffic};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::fault::{Fault, On, What};
use crate::mixture::Trial;
use crate::network::Network;
use crate::noise;
use crate::probe::{Probe, Silence, Told};

/// Traffic before anything breaks, and after all is whole again.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(12);

/// Dialogs in which somebody waits for answers, so that each process of the dialogs has some.
const PROBES: usize = 6;

/// What came of a trial.
#[derive(Debug)]
pub struct Outcome {
    /// Of a client at an edge that did not break, in all his dialogs.
    pub told: Told,
    /// What was counted, or what was not as it had been answered.
    pub checked: Result<Vec<String>>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

/// A cluster that stands for all trials.
pub struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    folder: PathBuf,
    plan: Plan,
    clock: Option<Faketime>,
    /// One fault at a time happens to one of these.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    remarks: Mutex<Vec<String>>,
}

impl Scene {
    /// Starts the cluster under the build directory, with what these faults need.
    pub async fn start(nodes: usize, wanted: &[Fault]) -> Result<Scene> {
        let binary = std::env::var_os("NATTER_BINARY").context("NATTER_BINARY names the binary to test: `cargo xtask faults`")?;
        let target =
            std::env::var_os("NATTER_TARGET").context("NATTER_TARGET names the build directory: `cargo xtask faults`")?;
        let target = PathBuf::from(target);
        let folder = target.join("tmp/faults");
        let plan = Plan { nodes, has_small_disks: Disk::is_allowed(&target.join("tmp")), ..Plan::default() };
        let cluster = Cluster::prepare(&folder, Path::new(&binary), &target, plan)?;
        let network = Network::lay(&cluster).await?;
        cluster.begin(plan)?;
        let needs_clock = wanted.iter().any(|fault| matches!(fault.what, What::ClockOff(..) | What::ClockOffAndKilled(..)));
        let clock = needs_clock.then(|| Faketime::install(&folder.join("clock"))).transpose();
        let clock = clock.inspect_err(|error| println!("no clock can be put wrong: {error:#}")).unwrap_or_default();
        Ok(Scene { cluster, network, folder, plan, clock, turns: Mutex::default(), remarks: Mutex::default() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn wipe(&self) -> Result<()> {
        self.cluster.wipe()
    }

    /// Why a fault cannot happen here.
    pub fn hinders(&self, fault: &Fault) -> Option<&'static str> {
        match fault.what {
            _ if fault.nodes > self.plan.nodes => Some("needs servers in sets of three"),
            What::DiskFull(_) if !self.plan.has_small_disks => Some("needs the right to mount"),
            What::ClockOff(..) | What::ClockOffAndKilled(..) if self.clock.is_none() => Some("needs libfaketime"),
            _ => None,
        }
    }

    /// The clock of whoever was started for it.
    pub(crate) fn clock(&self) -> Result<&Faketime> {
        self.clock.as_ref().context("there is no libfaketime")
    }

    pub(crate) fn remark(&self, remark: String) {
        self.remarks.lock().unwrap().push(remark);
    }

    /// One trial under traffic.
    pub async fn play(self: &Arc<Scene>, trial: &Trial, seed: u64) -> Outcome {
        println!("{} ...", trial.name);
        let silences: [Silence; PROBES] = Default::default();
        let checked = self.played(trial, seed, &silences).await;
        let told = silences.iter().map(Silence::told).fold(Told::default(), Told::and);
        Outcome { told, checked, remarks: std::mem::take(&mut self.remarks.lock().unwrap()) }
    }

    async fn played(self: &Arc<Scene>, trial: &Trial, seed: u64, silences: &[Silence]) -> Result<Vec<String>> {
        for step in &trial.steps {
            self.prepare(&step.fault)?;
        }
        let (app, number) = self.app(&trial.name)?;
        let mut users = [0; LOGINS.len()];
        for (user, login) in users.iter_mut().zip(LOGINS) {
            *user = self.user(&number, login)?;
        }
        let asking = self.user(&number, "asking")?;
        let mut others = Vec::new();
        for place in 0..silences.len() {
            others.push(self.user(&number, &format!("other{place}"))?);
        }
        let config = self.json(&["sdk-config", "--json", "--app", &number])?;
        let ca = self.ca(&config)?;
        let edges = self.edges();
        let api = self.cluster.part("api-1")?;
        let rest_plain = api.port("api.plain_port").context("the api has a port")?;
        let whole = self.port_of_a_whole_edge(trial, &edges)?;
        let stage = Stage { app, config, ca: &ca, wss: edges, rest_plain, users };
        let traffic = Traffic::begin(&stage, seed).await?;
        let account = |user| Account { app, user, password: PASSWORD.into() };
        let tls = trusting(&ca)?;
        let mut probes = Vec::new();
        for (silence, other) in silences.iter().zip(others) {
            probes.push(Probe::begin(whole, tls.clone(), account(asking), account(other), silence.clone()));
        }
        sleep(BEFORE).await;
        silences.iter().for_each(Silence::count_from_here);
        self.happen_all(trial).await?;
        sleep(AFTER).await;
        for probe in probes {
            probe.end().await?;
        }
        let checked = traffic.end(trial.excuse()).await?;
        let told = silences.iter().map(Silence::told).fold(Told::default(), Told::and);
        ensure!(
            told.refused == 0 || trial.steps.iter().all(|step| step.fault.on != On::App),
            "a quiet app is refused by a noisy one"
        );
        Ok(checked)
    }

    // Each in a thread of its own, as some of it is waited for without tokio.
    async fn happen_all(self: &Arc<Scene>, trial: &Trial) -> Result<()> {
        let mut happening = Vec::new();
        for step in trial.steps.clone() {
            let (scene, here) = (self.clone(), Handle::current());
            let turn = self.turns.lock().unwrap().entry(format!("{:?}", step.fault.on)).or_default().clone();
            happening.push(tokio::task::spawn_blocking(move || {
                here.block_on(async {
                    sleep(step.at).await;
                    let _turn = turn.lock().await;
                    println!("  {:?} {:?}", step.fault.name, step.fault.what);
                    scene.happen(&step.fault).await.with_context(|| step.fault.name)
                })
            }));
        }
        for happened in happening {
            happened.await??;
        }
        Ok(())
    }

    // Where the probe is: at an edge that nothing happens to.
    fn port_of_a_whole_edge(&self, trial: &Trial, edges: &[u16]) -> Result<u16> {
        let mut broken = Vec::new();
        for step in &trial.steps {
            if let On::Part(name) = step.fault.on {
                broken.extend(self.cluster.part(name)?.port("edge.wss_port"));
            }
        }
        edges.iter().copied().find(|port| !broken.contains(port)).context("an edge stays whole")
    }

    pub(crate) fn edges(&self) -> Vec<u16> {
        self.cluster.parts().iter().filter_map(|part| part.port("edge.wss_port")).collect()
    }

    fn ca(&self, config: &Value) -> Result<PathBuf> {
        Ok(config["ca"].as_str().context("the CA is named")?.into())
    }

    fn app(&self, title: &str) -> Result<(u64, String)> {
        let made = self.json(&["app", "create", "--title", title])?;
        let app = made["app"]["id"].as_u64().context("an app has an id")?;
        Ok((app, app.to_string()))
    }

    /// An app that is there to be noisy, and its users.
    pub(crate) fn noisy_app(&self) -> Result<(Vec<Account>, PathBuf)> {
        let (app, number) = self.app("noisy")?;
        let mut users = Vec::new();
        for place in 0..noise::USERS {
            let user = self.user(&number, &format!("noisy{place}"))?;
            users.push(Account { app, user, password: PASSWORD.into() });
        }
        let config = self.json(&["sdk-config", "--json", "--app", &number])?;
        Ok((users, self.ca(&config)?))
    }

    fn user(&self, app: &str, login: &str) -> Result<u64> {
        let made = self.json(&["user", "create", "--app", app, "--login", login, "--password", PASSWORD])?;
        made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.cluster.natter(words)?)?)
    }
}
