//! A real `natter` process on loopback, with a data directory of its own. Killed by its own pid.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use crate::address::Address;
use crate::client::http;
use crate::clustered::{Clustered, OwnProcess};

/// Where clients look for XMPP over TCP.
pub const XMPP_PORT: u16 = 5222;

/// Where the process listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub rest: u16,
    pub rest_plain: u16,
    pub tcp: u16,
    pub tls: u16,
    pub wss: u16,
    pub ws: u16,
    pub console: u16,
    pub health: u16,
}

/// A process and its data directory. Dropping it kills the process and removes the directory. Or a place in a cluster that runs already
/// ([`Clustered`]).
pub struct Natter {
    binary: PathBuf,
    data: TempDir,
    settings: Vec<String>,
    clustered: Option<Clustered>,
    child: Option<Child>,
    starts: u32,
    pub ports: Ports,
}

/// Below those that Linux takes for outgoing connections (`ip_local_port_range`).
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// The one of them that browsers refuse.
const BLOCKED: u16 = 10_080;
/// How often other ports are tried.
const PORTS_TRIED: u32 = 3;

impl Natter {
    /// Starts a process on free ports and waits until it is ready. `settings` are `path=value`.
    pub async fn start(settings: &[&str]) -> Result<Natter> {
        if let Some(clustered) = Clustered::open(None, settings).await? {
            return Natter::within(clustered);
        }
        Natter::start_on(free_ports()?, settings).await
    }

    /// The same with the public chat listeners on `address` and TCP on the standard port, which some clients cannot change.
    pub async fn start_at(address: &Address, settings: &[&str]) -> Result<Natter> {
        if let Some(clustered) = Clustered::open(Some(address), settings).await? {
            return Natter::within(clustered);
        }
        let at = format!("edge.address={}", address.ip);
        let settings: Vec<&str> = settings.iter().copied().chain([at.as_str()]).collect();
        Natter::start_on(Ports { tcp: XMPP_PORT, ..free_ports()? }, &settings).await
    }

    /// One that does not run yet, and whose data directory is not there.
    pub fn at_rest(settings: &[&str]) -> Result<Natter> {
        Natter::new(free_ports()?, settings)
    }

    fn within(clustered: Clustered) -> Result<Natter> {
        let ports = clustered.ports;
        Ok(Natter { clustered: Some(clustered), ..Natter::new(ports, &[])? })
    }

    // Not started.
    fn new(ports: Ports, settings: &[&str]) -> Result<Natter> {
        let binary =
            std::env::var_os("NATTER_BINARY").context("NATTER_BINARY names the binary to test: run `cargo xtask test`")?;
        let data = tempfile::Builder::new().prefix("natter-test-").tempdir()?;
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Ok(Natter { binary: binary.into(), data, clustered: None, settings, child: None, starts: 0, ports })
    }

    async fn start_on(ports: Ports, settings: &[&str]) -> Result<Natter> {
        let mut natter = Natter::new(ports, settings)?;
        // A port that was free may be taken before it is listened at.
        for _ in 0..PORTS_TRIED {
            match natter.restart().await {
                Err(_) if natter.says("in use") => {
                    let fresh = free_ports()?;
                    let tcp = if natter.ports.tcp == XMPP_PORT { XMPP_PORT } else { fresh.tcp };
                    natter.ports = Ports { tcp, ..fresh };
                }
                outcome => return outcome.map(|()| natter),
            }
        }
        natter.restart().await?;
        Ok(natter)
    }

    fn says(&self, word: &str) -> bool {
        std::fs::read_to_string(self.log()).is_ok_and(|log| log.contains(word))
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// Starts the process (again) on the same data and ports, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.check_own()?;
        self.starts += 1;
        let log = std::fs::File::create(self.log())?;
        let mut command = tokio::process::Command::from(self.command(&[]));
        command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?);
        self.wait_until_ready().await
    }

    /// Kills the process and starts it again with further settings, which win over those it had.
    pub async fn restart_with(&mut self, settings: &[&str]) -> Result<()> {
        self.kill().await?;
        self.settings.extend(settings.iter().map(|setting| (*setting).to_owned()));
        self.restart().await
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.check_own()?;
        let mut child = self.child.take().context("the process does not run")?;
        child.kill().await.context("cannot kill the process")
    }

    /// SIGTERM, and waits for the end of the drain.
    pub async fn stop(&mut self) -> Result<std::process::ExitStatus> {
        self.terminate()?;
        self.ended().await
    }

    /// Sends SIGTERM and waits for nothing.
    pub fn terminate(&self) -> Result<()> {
        self.signal("-TERM")
    }

    /// Sends SIGHUP: the process looks at its certificates.
    pub fn hang_up(&self) -> Result<()> {
        self.signal("-HUP")
    }

    // What is done to a process is done to one's own.
    fn check_own(&self) -> Result<()> {
        if self.clustered.is_some() { Err(OwnProcess.into()) } else { Ok(()) }
    }

    fn signal(&self, signal: &str) -> Result<()> {
        self.check_own()?;
        let pid = self.child.as_ref().and_then(Child::id).context("the process does not run")?;
        let status = Command::new("kill").args([signal, &pid.to_string()]).status()?;
        if !status.success() {
            bail!("cannot signal process {pid}");
        }
        Ok(())
    }

    /// Waits until the process ends by itself.
    pub async fn ended(&mut self) -> Result<std::process::ExitStatus> {
        let mut child = self.child.take().context("the process does not run")?;
        tokio::time::timeout(Duration::from_secs(40), child.wait()).await.context("the process did not stop")?.map_err(Into::into)
    }

    /// Its number.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().and_then(Child::id).context("the process does not run")
    }

    /// Resident bytes of the process.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.bytes_of("VmRSS:")
    }

    /// The most of them that there ever were.
    pub fn resident_bytes_max(&self) -> Result<u64> {
        self.bytes_of("VmHWM:")
    }

    fn bytes_of(&self, name: &str) -> Result<u64> {
        let pid = self.child.as_ref().and_then(Child::id).context("the process does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// Time of the process on cores so far.
    pub fn cpu(&self) -> Result<Duration> {
        let pid = self.child.as_ref().and_then(Child::id).context("the process does not run")?;
        cpu_of(&pid.to_string())
    }

    /// What `natter sdk-config --json` says of an app, given to `ConnectyCube.init` as it is.
    pub fn sdk_config(&self, app: u64, plain: bool) -> Result<Value> {
        if let Some(clustered) = &self.clustered {
            return clustered.sdk_config(app, plain);
        }
        let app = app.to_string();
        let mut arguments = vec!["sdk-config", "--json", "--app", &app];
        if plain {
            arguments.push("--plain");
        }
        Ok(serde_json::from_str(&self.shell(&arguments)?)?)
    }

    /// Makes a user of an app through the shell and returns its id.
    pub fn create_user(&self, app: u64, login: &str, password: &str) -> Result<u64> {
        let app = app.to_string();
        let made = self.shell(&["user", "create", "--app", &app, "--login", login, "--password", password])?;
        let made: Value = serde_json::from_str(&made)?;
        made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))
    }

    /// Sets how the users of an app prove who they are besides a password, from a file as an operator does.
    pub fn set_identity(&self, app: u64, settings: &Value) -> Result<String> {
        let file = tempfile::Builder::new().suffix(".json").tempfile()?;
        std::fs::write(file.path(), settings.to_string())?;
        let path = file.path().to_str().context("a path that is no text")?;
        self.shell(&["app", "identity", "--app", &app.to_string(), "--file", path])
    }

    /// Runs a `natter` command against this process and returns its stdout.
    pub fn shell(&self, arguments: &[&str]) -> Result<String> {
        if let Some(clustered) = &self.clustered {
            return clustered.shell(arguments);
        }
        let output = self.output(arguments)?;
        if !output.status.success() {
            bail!("natter {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The same with what it printed and how it ended, for a command that may fail.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        self.check_own()?;
        self.command(arguments).output().with_context(|| format!("cannot run natter {}", arguments.join(" ")))
    }

    /// Begins a command. Dropped, it is killed.
    pub fn begin(&self, arguments: &[&str]) -> Result<Child> {
        self.check_own()?;
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.spawn().with_context(|| format!("cannot run natter {}", arguments.join(" ")))
    }

    /// The CA of the data directory, PEM.
    pub fn ca(&self) -> PathBuf {
        match &self.clustered {
            Some(clustered) => clustered.ca(),
            None => self.data().join("tls/ca.pem"),
        }
    }

    /// The log of the latest start, kept under the build directory when a test fails.
    pub fn log(&self) -> PathBuf {
        self.data.path().join(format!("natter-{}.log", self.starts))
    }

    /// Copies the logs to `folder`, for a run that failed.
    pub fn keep_logs(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for start in 1..=self.starts {
            let name = format!("natter-{start}.log");
            let _ = std::fs::copy(self.data.path().join(&name), folder.join(&name));
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let ports = &self.ports;
        let set = [
            format!("api.tls_port={}", ports.rest),
            format!("api.plain_port={}", ports.rest_plain),
            format!("edge.tcp_port={}", ports.tcp),
            format!("edge.tls_port={}", ports.tls),
            format!("edge.wss_port={}", ports.wss),
            format!("edge.ws_port={}", ports.ws),
            format!("console.port={}", ports.console),
            format!("health.port={}", ports.health),
        ];
        let mut command = Command::new(&self.binary);
        command.current_dir(self.data.path()).stdin(Stdio::null());
        // What the tests are told by variables is no setting of the process.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NATTER_")) {
            command.env_remove(name);
        }
        command.arg("--data").arg(self.data());
        for setting in set.iter().chain(&self.settings) {
            command.args(["--set", setting]);
        }
        command.args(arguments);
        command
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", self.ports.health);
        let client = http()?;
        let started = Instant::now();
        loop {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let ended = self.child.as_mut().context("the process does not run")?.try_wait()?;
            if ended.is_some() || started.elapsed() > Duration::from_secs(60) {
                bail!("natter is not ready ({ended:?}):\n{}", std::fs::read_to_string(self.log()).unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Time on cores that a process has had so far, by its pid or `self`. Linux only, in steps of 10 ms.
pub fn cpu_of(pid: &str) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses that may hold anything; user's and system's time are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("cannot read {stat}"))?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}

// Eight ports that were free a moment ago. They are held together until all are known. Not of those that the system gives to
// whoever connects: between two starts of a server one of them would be somebody's.
fn free_ports() -> Result<Ports> {
    let mut held: Vec<TcpListener> = Vec::new();
    while held.len() < 8 {
        let mut chance = [0; 2];
        getrandom::fill(&mut chance)?;
        let port = PORTS.start + u16::from_be_bytes(chance) % (PORTS.end - PORTS.start);
        // Browsers connect to no such port (`port blocking` of the Fetch standard).
        if port != BLOCKED {
            held.extend(TcpListener::bind(("0.0.0.0", port)));
        }
    }
    let ports: Vec<u16> = held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?;
    let [rest, rest_plain, tcp, tls, wss, ws, console, health] = ports[..] else { bail!("eight ports were asked for") };
    Ok(Ports { rest, rest_plain, tcp, tls, wss, ws, console, health })
}
