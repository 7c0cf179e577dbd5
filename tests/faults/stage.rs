//! The cluster, and one fault after the other under traffic of an app of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_servers::{Cluster, Kind, Plan, Process, Set};
use natter_tests::client::{Account, trusting};
use natter_tests::traffic::{LOGINS, PASSWORD, Stage, Traffic};
use serde_json::Value;
use tokio::time::sleep;

use crate::fault::{Fault, On, What};
use crate::probe::{Probe, Silence};

/// Traffic before anything breaks, and after all is whole again.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(12);

/// Dialogs in which somebody waits for answers, so that each process of the dialogs has some.
const PROBES: usize = 6;

/// What came of a fault.
#[derive(Debug)]
pub struct Outcome {
    /// The longest that a client at an edge that did not break was not answered in any of its dialogs; answers, and ends of streams.
    pub silence: (Duration, u64, u64),
    /// What was counted, or what was not as it had been answered.
    pub checked: Result<Vec<String>>,
}

/// A cluster that stands for all faults.
pub struct Scene {
    cluster: Cluster,
    folder: PathBuf,
}

impl Scene {
    /// Starts the cluster under the build directory.
    pub fn start(nodes: usize) -> Result<Scene> {
        let binary = std::env::var_os("NATTER_BINARY").context("NATTER_BINARY names the binary to test: `cargo xtask faults`")?;
        let target =
            std::env::var_os("NATTER_TARGET").context("NATTER_TARGET names the build directory: `cargo xtask faults`")?;
        let target = PathBuf::from(target);
        let folder = target.join("tmp/faults");
        let plan = Plan { nodes, ..Plan::default() };
        let cluster = Cluster::start(&folder, Path::new(&binary), &target, plan)?;
        Ok(Scene { cluster, folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn wipe(&self) -> Result<()> {
        self.cluster.wipe()
    }

    /// One fault under traffic.
    pub async fn play(&self, fault: &Fault, seed: u64) -> Outcome {
        let silences: [Silence; PROBES] = Default::default();
        let checked = self.played(fault, seed, &silences).await;
        let told = silences.iter().map(Silence::told);
        let silence = told.reduce(|one, other| (one.0.max(other.0), one.1 + other.1, one.2 + other.2)).unwrap_or_default();
        Outcome { silence, checked }
    }

    async fn played(&self, fault: &Fault, seed: u64, silences: &[Silence]) -> Result<Vec<String>> {
        let made = self.json(&["app", "create", "--title", fault.name])?;
        let app = made["app"]["id"].as_u64().context("an app has an id")?;
        let number = app.to_string();
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
        let ca = config["ca"].as_str().context("the CA is named")?.to_owned();
        let edges: Vec<u16> = self.cluster.parts().iter().filter_map(|part| part.port("edge.wss_port")).collect();
        let api = self.cluster.part("api-1")?;
        let rest_plain = api.port("api.plain_port").context("the api has a port")?;
        let whole = self.port_of_a_whole_edge(fault, &edges)?;
        let stage = Stage { app, config, ca: Path::new(&ca), wss: edges, rest_plain, users };
        let traffic = Traffic::begin(&stage, seed).await?;
        let account = |user| Account { app, user, password: PASSWORD.into() };
        let tls = trusting(Path::new(&ca))?;
        let mut probes = Vec::new();
        for (silence, other) in silences.iter().zip(others) {
            probes.push(Probe::begin(whole, tls.clone(), account(asking), account(other), silence.clone()));
        }
        sleep(BEFORE).await;
        silences.iter().for_each(Silence::count_from_here);
        self.happen(fault).await?;
        sleep(AFTER).await;
        for probe in probes {
            probe.end().await?;
        }
        traffic.end().await
    }

    // Where the probe is: at an edge that nothing happens to.
    fn port_of_a_whole_edge(&self, fault: &Fault, edges: &[u16]) -> Result<u16> {
        let broken = match fault.on {
            On::Part(name) => self.cluster.part(name)?.port("edge.wss_port"),
            _ => None,
        };
        edges.iter().copied().find(|port| Some(*port) != broken).context("an edge stays whole")
    }

    fn user(&self, app: &str, login: &str) -> Result<u64> {
        let made = self.json(&["user", "create", "--app", app, "--login", login, "--password", PASSWORD])?;
        made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.cluster.natter(words)?)?)
    }

    async fn happen(&self, fault: &Fault) -> Result<()> {
        let servers = &self.cluster.servers;
        match fault.on {
            On::Nobody => Ok(()),
            On::Part(name) => self.happen_to_part(name, fault.what).await,
            On::Cassandra(node) => happen_to(&servers.cassandra, &[node], fault.what).await,
            On::Cassandras(nodes) => happen_to(&servers.cassandra, nodes, fault.what).await,
            On::Nats => happen_to(&servers.nats, &[0], fault.what).await,
            On::Redis => happen_to(&servers.redis, &[0], fault.what).await,
            On::S3 => happen_to(&servers.s3, &[0], fault.what).await,
        }
    }

    async fn happen_to_part(&self, name: &str, what: What) -> Result<()> {
        let (part, process) = (self.cluster.part(name)?.clone(), self.cluster.process(name));
        match what {
            What::Nothing | What::Wiped => return Ok(()),
            What::Killed(time) => {
                process.kill()?;
                sleep(time).await;
            }
            What::HeldStill(time) => return hold_still(&[process], time).await,
            What::Drained => {
                process.ask_to_end()?;
                for _ in 0..600 {
                    if process.pid().is_none() {
                        break;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
                ensure!(process.pid().is_none(), "{name} does not end");
            }
        }
        self.cluster.launch(&part)?;
        self.cluster.wait(&part)
    }
}

async fn hold_still(processes: &[Process], time: Duration) -> Result<()> {
    processes.iter().try_for_each(Process::pause)?;
    sleep(time).await;
    processes.iter().try_for_each(Process::resume)
}

async fn happen_to<K: Kind>(set: &Set<K>, places: &[usize], what: What) -> Result<()> {
    let processes: Vec<Process> = places.iter().map(|place| set.process(*place)).collect();
    match what {
        What::Nothing => Ok(()),
        What::HeldStill(time) => hold_still(&processes, time).await,
        What::Killed(time) => {
            processes.iter().try_for_each(Process::kill)?;
            sleep(time).await;
            places.iter().try_for_each(|place| set.start_again(*place))
        }
        What::Drained => {
            processes.iter().try_for_each(Process::stop)?;
            places.iter().try_for_each(|place| set.start_again(*place))
        }
        What::Wiped => {
            processes.iter().try_for_each(Process::kill)?;
            for place in places {
                forget(&set.seats()[*place].folder)?;
                set.start_again(*place)?;
            }
            Ok(())
        }
    }
}

// What Redis keeps on disk.
fn forget(folder: &Path) -> Result<()> {
    for name in ["appendonlydir", "dump.rdb"] {
        let path = folder.join(name);
        match path.is_dir() {
            true => std::fs::remove_dir_all(&path)?,
            false => drop(std::fs::remove_file(&path)),
        }
    }
    Ok(())
}
