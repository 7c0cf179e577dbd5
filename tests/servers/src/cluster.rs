//! A whole cluster on this machine: the servers, and the processes of the binary, each in a folder of its own. It goes on when whoever
//! started it ends; whoever opens the folder finds it again.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Process;
use crate::servers::{Servers, addresses};
use crate::{ports, s3};

/// How many of what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    pub edges: usize,
    /// Of dialog and history.
    pub dialogs: usize,
    pub presences: usize,
    pub accounts: usize,
    /// Of each of Cassandra and NATS.
    pub nodes: usize,
    /// What NATS and S3 keep is on small volumes of their own ([`crate::Disk`]), which can be filled. Needs the right to mount.
    pub has_small_disks: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { edges: 3, dialogs: 2, presences: 2, accounts: 2, nodes: 1, has_small_disks: false }
    }
}

/// A process of the binary: what it is, and where it listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// `edge-1`, `dialog-2`, `push-1`.
    pub name: String,
    pub roles: String,
    /// By setting: `edge.wss_port`.
    pub ports: Vec<(String, u16)>,
    /// If it is not that of the cluster.
    pub binary: Option<PathBuf>,
}

impl Part {
    /// The port of a setting.
    pub fn port(&self, setting: &str) -> Option<u16> {
        self.ports.iter().find(|(name, _)| name == setting).map(|(_, port)| *port)
    }
}

/// What one part has beyond the others: settings by name, and variables of its environment.
#[derive(Clone, Debug, Default)]
pub struct Beyond {
    pub settings: Vec<(String, String)>,
    pub environment: Vec<(String, String)>,
}

/// A cluster that was started.
pub struct Cluster {
    folder: PathBuf,
    binary: PathBuf,
    parts: Vec<Part>,
    /// By part. Whoever opens the folder later knows nothing of it.
    beyond: Mutex<BTreeMap<String, Beyond>>,
    pub servers: Servers,
}

/// Longest wait for a process to be ready.
const PATIENCE: Duration = Duration::from_secs(120);
const STEP: Duration = Duration::from_millis(100);

const EDGE: [&str; 4] = ["edge.tcp_port", "edge.tls_port", "edge.wss_port", "edge.ws_port"];

impl Cluster {
    /// Starts all of it in a folder, makes an app, and writes `sdk.json` (what `natter sdk-config --json` prints, and `edges`, the URL of
    /// each edge) and `pids` there. `target`: where the servers' programs are brought to.
    pub fn start(folder: &Path, binary: &Path, target: &Path, plan: Plan) -> Result<Cluster> {
        Cluster::start_mixed(folder, binary, target, plan, &[])
    }

    /// The same with further settings of all processes: `dialog.app_rate=1000`.
    pub fn start_with(folder: &Path, binary: &Path, target: &Path, plan: Plan, settings: &[&str]) -> Result<Cluster> {
        let cluster = Cluster::prepare(folder, binary, target, plan)?;
        fs::write(cluster.folder.join(FURTHER), settings.join("\n"))?;
        cluster.begin(plan)?;
        Ok(cluster)
    }

    /// The same with parts, by name, that run another binary than the rest.
    pub fn start_mixed(folder: &Path, binary: &Path, target: &Path, plan: Plan, others: &[(&str, &Path)]) -> Result<Cluster> {
        let mut cluster = Cluster::prepare(folder, binary, target, plan)?;
        for (name, other) in others {
            let part = cluster.parts.iter_mut().find(|part| part.name == *name);
            part.with_context(|| format!("the cluster has no {name} to run another binary"))?.binary = Some(other.to_path_buf());
        }
        cluster.write_parts()?;
        cluster.begin(plan)?;
        Ok(cluster)
    }

    /// Starts the servers, and says where each process of the binary will listen. [`Cluster::begin`] starts these.
    pub fn prepare(folder: &Path, binary: &Path, target: &Path, plan: Plan) -> Result<Cluster> {
        if let Ok(earlier) = Cluster::open(folder, binary, target) {
            earlier.wipe()?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let servers = Servers::start_on(target, &folder.join("servers"), plan.nodes, plan.has_small_disks)?;
        let parts = parts(plan)?;
        let cluster = Cluster { folder, binary: binary.to_owned(), parts, beyond: Mutex::default(), servers };
        cluster.write_parts()?;
        Ok(cluster)
    }

    /// Starts what [`Cluster::prepare`] made ready.
    pub fn begin(&self, plan: Plan) -> Result<()> {
        self.start_parts(plan)
            .with_context(|| format!("the cluster in {} did not start; its logs are there", self.folder.display()))
    }

    /// What a part has beyond the others from its next start on.
    pub fn give(&self, part: &str, beyond: Beyond) {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), beyond);
    }

    /// As it was given.
    pub fn given(&self, part: &str) -> Beyond {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner).get(part).cloned().unwrap_or_default()
    }

    /// The one that was started in a folder.
    pub fn open(folder: &Path, binary: &Path, target: &Path) -> Result<Cluster> {
        let folder = folder.canonicalize().with_context(|| format!("there is no {}", folder.display()))?;
        let text =
            fs::read_to_string(folder.join(PARTS)).with_context(|| format!("no cluster was started in {}", folder.display()))?;
        let parts = text.lines().map(part_of).collect::<Option<Vec<_>>>().context("the list of parts is damaged")?;
        let servers = Servers::open(target, &folder.join("servers"))?;
        Ok(Cluster { folder, binary: binary.to_owned(), parts, beyond: Mutex::default(), servers })
    }

    /// What all processes share and none makes: the operator's token, keys, certificates.
    pub fn secrets(&self) -> PathBuf {
        self.folder.join(SECRETS)
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part of a name.
    pub fn part(&self, name: &str) -> Result<&Part> {
        self.parts.iter().find(|part| part.name == name).with_context(|| format!("the cluster has no {name}"))
    }

    /// Its process, to be killed, held still and let go on.
    pub fn process(&self, name: &str) -> Process {
        Process::of(&self.folder.join(name))
    }

    /// Starts a part (again), and does not wait until it is ready.
    pub fn launch(&self, part: &Part) -> Result<()> {
        let folder = self.folder.join(&part.name);
        fs::create_dir_all(&folder)?;
        let mut command = self.command(part);
        self.set_further(&mut command)?;
        self.process(&part.name).start(&mut command)?;
        self.write_pids()
    }

    /// Waits until a part says that it is ready.
    pub fn wait(&self, part: &Part) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let port = part.port("health.port").context("every part has a health port")?;
        while !is_ready(port) {
            let log = self.process(&part.name).log();
            ensure!(self.process(&part.name).pid().is_some(), "{} ended while it started, see {}", part.name, log.display());
            if Instant::now() > end {
                bail!("{} is not ready, see {}", part.name, log.display());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }

    /// Runs a command of the binary against the console's admin API, and gives what it prints.
    pub fn natter(&self, words: &[&str]) -> Result<String> {
        let console = self.part("console-1")?;
        let port = console.port("console.port").context("the console has a port")?;
        self.run(&[words, &["--set", &format!("console.port={port}")]].concat())
    }

    /// Ends all of it at once, and removes the folder.
    pub fn wipe(&self) -> Result<()> {
        for part in &self.parts {
            let process = self.process(&part.name);
            if process.pid().is_some() {
                process.kill()?;
            }
        }
        self.servers.wipe()?;
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    fn start_parts(&self, plan: Plan) -> Result<()> {
        self.run(&["secrets", &self.secrets().display().to_string()])?;
        fs::write(self.settings(), self.shared_settings(plan)?)?;
        self.run(&["migrate"])?;
        for part in &self.parts {
            self.launch(part)?;
        }
        self.parts.iter().try_for_each(|part| self.wait(part))?;
        self.natter(&["app", "create", "--title", "First app"])?;
        fs::write(self.folder.join("sdk.json"), self.sdk()?)?;
        Ok(())
    }

    // As `natter sdk-config --json` says it, and where each edge is.
    fn sdk(&self) -> Result<String> {
        let said = self.natter(&["sdk-config", "--json"])?;
        let open = said.trim_end().strip_suffix('}').context("the configuration of the SDK is no object")?;
        let edges: Vec<String> = self.parts.iter().filter_map(websocket).map(|url| format!("\"{url}\"")).collect();
        Ok(format!("{},\n  \"edges\": [{}]\n}}\n", open.trim_end(), edges.join(", ")))
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = program(&self.binary);
        command.args(words);
        if self.settings().exists() {
            command.arg("--config").arg(self.settings());
            self.set_further(&mut command)?;
        }
        let data = self.folder.join("shell");
        command.arg("--data").arg(&data).current_dir(&self.folder).stdin(Stdio::null());
        fs::create_dir_all(&data)?;
        let output = command.output().with_context(|| format!("cannot run {}", self.binary.display()))?;
        ensure!(output.status.success(), "natter {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
        Ok(String::from_utf8(output.stdout)?)
    }

    fn command(&self, part: &Part) -> Command {
        let mut command = program(part.binary.as_ref().unwrap_or(&self.binary));
        command.arg(&part.roles).arg("--config").arg(self.settings());
        command.arg("--data").arg(self.folder.join(&part.name).join("data"));
        command.args(["--set", &format!("cluster.name={}", part.name)]);
        for (setting, port) in &part.ports {
            command.args(["--set", &format!("{setting}={port}")]);
        }
        let beyond = self.given(&part.name);
        for (setting, value) in beyond.settings {
            command.args(["--set", &format!("{setting}={value}")]);
        }
        command.envs(beyond.environment);
        command.current_dir(&self.folder);
        command
    }

    // What whoever started the cluster wanted beside the shared settings, if anything.
    fn set_further(&self, command: &mut Command) -> Result<()> {
        let file = self.folder.join(FURTHER);
        if file.exists() {
            for setting in fs::read_to_string(file)?.lines() {
                command.args(["--set", setting]);
            }
        }
        Ok(())
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("natter.toml")
    }

    // What all processes have in common.
    fn shared_settings(&self, plan: Plan) -> Result<String> {
        let list = |addresses: String| {
            let quoted: Vec<String> = addresses.split(',').map(|address| format!("\"{address}\"")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let (api, edge) = (self.part("api-1")?, self.part("edge-1")?);
        let api = api.port("api.tls_port").context("the api has a port")?;
        let websocket = websocket(edge).context("an edge has a port")?;
        Ok(format!(
            "[cluster]\nsecrets = \"{secrets}\"\npublic_api = \"localhost:{api}\"\npublic_websocket = \"{websocket}\"\n\n\
             [cluster.cql]\nnodes = {cql}\nreplicas = {replicas}\n\n[cluster.nats]\nnodes = {nats}\n\n\
             [cluster.redis]\nnodes = {redis}\n\n\
             [cluster.s3]\nendpoint = \"http://{s3}\"\nbucket = \"{bucket}\"\naccess_key = \"{access}\"\nsecret_key = \"{secret}\"\n",
            secrets = self.secrets().display(),
            cql = list(addresses(&self.servers.cassandra)),
            replicas = plan.nodes.min(3),
            nats = list(addresses(&self.servers.nats)),
            redis = list(addresses(&self.servers.redis)),
            s3 = addresses(&self.servers.s3),
            bucket = s3::S3::BUCKET,
            access = s3::S3::ACCESS_KEY,
            secret = s3::S3::SECRET_KEY,
        ))
    }

    fn write_parts(&self) -> Result<()> {
        Ok(fs::write(self.folder.join(PARTS), self.parts.iter().map(line_of).collect::<String>())?)
    }

    // `NAME PID` of every process of the binary that runs.
    fn write_pids(&self) -> Result<()> {
        let line = |part: &Part| Some(format!("{} {}\n", part.name, self.process(&part.name).pid()?));
        Ok(fs::write(self.folder.join("pids"), self.parts.iter().filter_map(line).collect::<String>())?)
    }
}

const PARTS: &str = "parts";
const SECRETS: &str = "secrets";
const FURTHER: &str = "further-settings";

// It must not find the settings of whoever runs it.
fn program(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NATTER_")) {
        command.env_remove(name);
    }
    command
}

fn websocket(part: &Part) -> Option<String> {
    part.port("edge.wss_port").map(|port| format!("wss://localhost:{port}"))
}

fn parts(plan: Plan) -> Result<Vec<Part>> {
    let of = |kind: &str, roles: &str, count: usize, settings: &[&str]| {
        let settings: Vec<String> =
            settings.iter().chain(&["cluster.port", "health.port"]).map(|&setting| setting.to_owned()).collect();
        let part = move |number: usize| (format!("{kind}-{number}"), roles.to_owned(), settings.clone());
        (1..=count).map(part).collect::<Vec<_>>()
    };
    let all = [
        of("account", "account", plan.accounts, &[]),
        of("presence", "presence", plan.presences, &[]),
        of("storage", "storage", 1, &[]),
        of("dialog", "dialog,history", plan.dialogs, &[]),
        of("push", "push", 1, &[]),
        of("api", "api", 1, &["api.tls_port", "api.plain_port"]),
        of("console", "console", 1, &["console.port"]),
        of("edge", "edge", plan.edges, &EDGE),
    ]
    .concat();
    let count = all.iter().map(|(_, _, settings)| settings.len()).sum();
    let mut free = ports::lasting(count)?.into_iter();
    let part = |(name, roles, settings): (String, String, Vec<String>)| {
        let ports = settings.into_iter().zip(free.by_ref()).collect();
        Part { name, roles, ports, binary: None }
    };
    Ok(all.into_iter().map(part).collect())
}

// `NAME ROLES SETTING=PORT ...`, and behind a tab the other binary.
fn line_of(part: &Part) -> String {
    let ports: Vec<String> = part.ports.iter().map(|(setting, port)| format!(" {setting}={port}")).collect();
    let binary = part.binary.as_ref().map(|binary| format!("\t{}", binary.display()));
    format!("{} {}{}{}\n", part.name, part.roles, ports.concat(), binary.unwrap_or_default())
}

fn part_of(line: &str) -> Option<Part> {
    let (line, binary) = line.split_once('\t').map_or((line, None), |(line, binary)| (line, Some(binary.into())));
    let mut words = line.split(' ');
    let (name, roles) = (words.next()?.to_owned(), words.next()?.to_owned());
    let port = |word: &str| word.split_once('=').and_then(|(setting, port)| Some((setting.to_owned(), port.parse().ok()?)));
    Some(Part { name, roles, ports: words.map(port).collect::<Option<_>>()?, binary })
}

// By HTTP/1.0, without a client: 200 at `/readyz`.
fn is_ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let ask = || {
        let mut stream = std::net::TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_have_names_and_ports_of_their_own_and_are_read_back() {
        let mut all = parts(Plan::default()).unwrap();
        let names: Vec<&str> = all.iter().map(|part| part.name.as_str()).collect();
        let expected =
            "account-1 account-2 presence-1 presence-2 storage-1 dialog-1 dialog-2 push-1 api-1 console-1 edge-1 edge-2 edge-3";
        assert_eq!(names.join(" "), expected);
        let mut ports: Vec<u16> = all.iter().flat_map(|part| part.ports.iter().map(|(_, port)| *port)).collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
        all[0].binary = Some("an earlier/natter".into());
        let text: String = all.iter().map(line_of).collect();
        assert_eq!(text.lines().map(part_of).collect::<Option<Vec<_>>>().unwrap(), all);
    }
}
