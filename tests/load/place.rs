//! What is measured beside one another: one process with what it keeps on disk, and a cluster with its servers, all of it on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_actor::Chance;
use natter_servers::{Cluster, Kind, Plan, Set};
use natter_tests::process::{Natter, cpu_of};
use serde_json::Value;

use crate::fixture::{Doors, FILLED};

/// One of the two.
pub struct Place {
    pub name: &'static str,
    kind: Which,
    /// It was there before, and stays; the names of its users end so, as it may have been measured before.
    kept: Option<String>,
}

enum Which {
    Embedded(Box<Natter>),
    Cluster(Box<Cluster>),
}

/// Where others use the machine as well, a stall is slow and no failure.
const PATIENT: &str = "cluster.cql.deadline_ms=10000";

impl Place {
    pub async fn embedded() -> Result<Place> {
        Ok(Place { name: "embedded", kind: Which::Embedded(Box::new(Natter::start(&FILLED).await?)), kept: None })
    }

    /// A cluster with so many edges, in a folder of its own under the build directory. `NATTER_NODES`: of each of Cassandra and NATS.
    /// `NATTER_CLUSTER`: the folder of one that was started before, with whatever it was started with.
    pub fn cluster(edges: usize) -> Result<Place> {
        let variable = |name: &str| std::env::var_os(name).with_context(|| format!("{name} is not set: run `cargo xtask bench`"));
        let (binary, target) = (PathBuf::from(variable("NATTER_BINARY")?), PathBuf::from(variable("NATTER_TARGET")?));
        let nodes = std::env::var("NATTER_NODES").ok().map_or(Ok(1), |nodes| nodes.parse())?;
        if let Some(folder) = std::env::var_os("NATTER_CLUSTER") {
            let cluster = Cluster::open(Path::new(&folder), &binary, &target)?;
            let kept = Some(format!("-{:x}", Chance::system().below(1 << 32)));
            return Ok(Place { name: "cluster", kind: Which::Cluster(Box::new(cluster)), kept });
        }
        // One app has one process of accounts and of presence: a second one would stand idle.
        let plan = Plan { edges, dialogs: 2, presences: 1, accounts: 1, nodes, ..Plan::default() };
        let folder = target.join("tmp/bench");
        let settings = [&FILLED[..], &[PATIENT]].concat();
        let cluster = Cluster::start_with(&folder, &binary, &target, plan, &settings)?;
        Ok(Place { name: "cluster", kind: Which::Cluster(Box::new(cluster)), kept: None })
    }

    /// A name that nobody of an earlier measurement has.
    pub fn named(&self, name: &str) -> String {
        format!("{name}{}", self.kept.as_deref().unwrap_or_default())
    }

    /// Chat over WebSocket with TLS, one port for each edge.
    pub fn edges(&self) -> Vec<u16> {
        match &self.kind {
            Which::Embedded(natter) => vec![natter.ports.wss],
            Which::Cluster(cluster) => cluster.parts().iter().filter_map(|part| part.port("edge.wss_port")).collect(),
        }
    }

    /// The cluster, for what there is in no single process.
    pub fn of_cluster(&self) -> Result<&Cluster> {
        match &self.kind {
            Which::Embedded(_) => anyhow::bail!("one process is no cluster"),
            Which::Cluster(cluster) => Ok(cluster),
        }
    }

    /// Ports at which processes tell what they count, of those whose names begin so.
    pub fn health_ports(&self, kind: &str) -> Vec<u16> {
        match &self.kind {
            Which::Embedded(natter) => vec![natter.ports.health],
            Which::Cluster(cluster) => {
                let parts = cluster.parts().iter().filter(|part| part.name.starts_with(kind));
                parts.filter_map(|part| part.port("health.port")).collect()
            }
        }
    }

    /// Time on cores so far.
    pub fn clock(&self) -> Result<Clock> {
        let mut clock = Clock::default();
        match &self.kind {
            Which::Embedded(natter) => clock.add("natter", &natter.pid()?.to_string())?,
            Which::Cluster(cluster) => {
                for part in cluster.parts() {
                    // Whoever was killed has no time any more.
                    let Some(pid) = cluster.process(&part.name).pid() else { continue };
                    clock.add(&part.name, &pid.to_string())?;
                }
                let servers = &cluster.servers;
                clock.add_all("Cassandra", &servers.cassandra)?;
                clock.add_all("NATS", &servers.nats)?;
                clock.add_all("Redis", &servers.redis)?;
                clock.add_all("S3", &servers.s3)?;
            }
        }
        Ok(clock)
    }
}

/// All of it ends, and what it kept is removed.
impl Drop for Place {
    fn drop(&mut self) {
        let (Which::Cluster(cluster), None) = (&self.kind, &self.kept) else { return };
        if let Err(error) = cluster.wipe() {
            println!("the cluster is not ended whole: {error:#}");
        }
    }
}

impl Doors for Place {
    fn admin_token(&self) -> PathBuf {
        match &self.kind {
            Which::Embedded(natter) => natter.admin_token(),
            Which::Cluster(cluster) => cluster.secrets().join("admin.token"),
        }
    }

    fn console_port(&self) -> u16 {
        match &self.kind {
            Which::Embedded(natter) => natter.console_port(),
            Which::Cluster(cluster) => port(cluster, "console-1", "console.port"),
        }
    }

    fn rest_port(&self) -> u16 {
        match &self.kind {
            Which::Embedded(natter) => natter.rest_port(),
            Which::Cluster(cluster) => port(cluster, "api-1", "api.tls_port"),
        }
    }

    fn ca(&self) -> PathBuf {
        match &self.kind {
            Which::Embedded(natter) => Doors::ca(&**natter),
            Which::Cluster(cluster) => cluster.secrets().join("tls/ca.pem"),
        }
    }

    fn credentials(&self) -> Result<Value> {
        match &self.kind {
            Which::Embedded(natter) => natter.credentials(),
            Which::Cluster(cluster) => {
                let said: Value = serde_json::from_str(&cluster.natter(&["sdk-config", "--json"])?)?;
                Ok(said["credentials"].clone())
            }
        }
    }
}

fn port(cluster: &Cluster, part: &str, setting: &str) -> u16 {
    cluster.part(part).ok().and_then(|part| part.port(setting)).unwrap_or_default()
}

/// Time on cores of processes by their names, `edge-1`. Those of the servers begin with a capital letter.
#[derive(Clone, Default, Debug)]
pub struct Clock {
    of: BTreeMap<String, Duration>,
}

impl Clock {
    fn add(&mut self, name: &str, pid: &str) -> Result<()> {
        *self.of.entry(name.to_owned()).or_default() += cpu_of(pid)?;
        Ok(())
    }

    fn add_all<K: Kind>(&mut self, name: &str, set: &Set<K>) -> Result<()> {
        let mut pids = set.seats().iter().filter_map(|seat| seat.process().pid());
        pids.try_for_each(|pid| self.add(name, &pid.to_string()))
    }

    /// Of processes of a kind together: `edge`.
    pub fn kinds(&self) -> BTreeMap<&str, Duration> {
        let mut kinds = BTreeMap::new();
        for (name, spent) in &self.of {
            *kinds.entry(name.split('-').next().unwrap_or_default()).or_default() += *spent;
        }
        kinds
    }

    /// What passed since an earlier look, of those that still run.
    pub fn since(&self, earlier: &Clock) -> Clock {
        let passed = |(name, now): (&String, &Duration)| {
            let then = earlier.of.get(name).copied().unwrap_or_default();
            (name.clone(), now.saturating_sub(then))
        };
        Clock { of: self.of.iter().map(passed).collect() }
    }

    /// Without what would have passed in this time anyway, by what passed in another time in which nothing was done.
    pub fn without_idle(&self, time: Duration, idle: &(Clock, Duration)) -> Clock {
        let left = |(name, spent): (&String, &Duration)| {
            let of_idle = idle.0.of.get(name).copied().unwrap_or_default();
            let anyway = of_idle.mul_f64(time.as_secs_f64() / idle.1.as_secs_f64());
            (name.clone(), spent.saturating_sub(anyway))
        };
        Clock { of: self.of.iter().map(left).collect() }
    }

    /// Microseconds on a core for each of `count`, of processes of the binary and of the servers.
    pub fn per(&self, count: u64) -> (f64, f64) {
        let of = |servers: bool| -> f64 {
            let processes = self.of.iter().filter(|(name, _)| name.starts_with(char::is_uppercase) == servers);
            processes.map(|(_, spent)| spent.as_secs_f64()).sum::<f64>() * 1e6 / count.max(1) as f64
        };
        (of(false), of(true))
    }
}
