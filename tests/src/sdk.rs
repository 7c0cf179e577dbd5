//! A client: the unmodified SDK package in a process of its own, Node or a browser that Node starts (`tests/sdk/client.mjs`),
//! driven by lines of JSON.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::build::Build;

/// How long one call of the SDK or one awaited event may take. Ten times what it takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running client.
pub struct Sdk {
    child: Child,
    stdin: Mutex<ChildStdin>,
    pending: Pending,
    events: Mutex<Events>,
    next: AtomicU64,
    // What a browser writes. Removed with the client.
    _profile: TempDir,
}

// Calls that were sent and not yet settled, by the number of their line.
type Pending = Arc<Mutex<Vec<(u64, oneshot::Sender<Value>)>>>;

// Events that came and were not yet asked for, in order.
struct Events {
    incoming: mpsc::UnboundedReceiver<Event>,
    seen: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    listener: String,
    arguments: Value,
    // Milliseconds on the client's own clock; 0 for what is no listener's.
    at: f64,
}

impl Sdk {
    /// Starts a client of a build and calls `init` with what `natter sdk-config --json` gave. `chat` stands in the config under
    /// `chat`, as an app would write it.
    pub async fn start(build: Build, sdk_config: &Value, chat: Value) -> Result<Sdk> {
        let modules = std::env::var_os("NATTER_SDK_MODULES")
            .context("NATTER_SDK_MODULES names the installed SDK packages: run `cargo xtask test`")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/client.mjs");
        let profile = tempfile::Builder::new().prefix("natter-profile-").tempdir()?;
        let mut command = Command::new("node");
        command
            .arg(script)
            .arg(build.major().to_string())
            .arg(build.place())
            .env("NATTER_SDK_MODULES", modules)
            .env("NATTER_BROWSER_PROFILE", profile.path())
            // None where the certificate is of an authority that Node.js knows.
            .envs(sdk_config["ca"].as_str().map(|ca| ("NODE_EXTRA_CA_CERTS", ca)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        command.process_group(0);
        let mut child = command.spawn().context("cannot start node")?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        let pending = Pending::default();
        let (send, incoming) = mpsc::unbounded_channel();
        tokio::spawn(read_lines(lines, pending.clone(), send));
        let events = Mutex::new(Events { incoming, seen: Vec::new() });
        let sdk = Sdk { child, stdin: Mutex::new(stdin), pending, events, next: AtomicU64::new(1), _profile: profile };
        let mut config = sdk_config["config"].clone();
        config["chat"] = chat;
        config["debug"] = json!({"mode": 0});
        sdk.call("own.init", json!([sdk_config["credentials"], config])).await?;
        Ok(sdk)
    }

    /// Calls a method of the SDK by its path (`chat.dialog.create`) and waits for its promise.
    pub async fn call(&self, path: &str, arguments: Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (send, receive) = oneshot::channel();
        self.pending.lock().await.push((id, send));
        let line = json!({"id": id, "call": path, "args": arguments}).to_string() + "\n";
        self.stdin.lock().await.write_all(line.as_bytes()).await.context("the client is gone")?;
        let answer = tokio::time::timeout(PATIENCE, receive).await.with_context(|| format!("{path} did not settle"))??;
        match answer.get("error") {
            Some(error) => Err(anyhow!("{path}: {error}")),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// A property of the SDK, such as `chat.isConnected`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call("own.get", json!([path])).await
    }

    /// The next event of a listener, whether it came before this call or comes within the patience. Its arguments.
    pub async fn event(&self, listener: &str) -> Result<Value> {
        self.event_where(listener, |_| true).await
    }

    /// The next event of a listener for whose arguments `wanted` holds; others stay.
    pub async fn event_where(&self, listener: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut events = self.events.lock().await;
        let matches = |event: &Event| event.listener == listener && wanted(&event.arguments);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(at) = events.seen.iter().position(matches) {
                return Ok(events.seen.remove(at).arguments);
            }
            match tokio::time::timeout_at(deadline, events.incoming.recv()).await {
                Ok(Some(event)) => events.seen.push(event),
                Ok(None) => bail!("the client ended while {listener} was awaited; seen: {:?}", events.seen),
                Err(_) => bail!("no {listener}; seen: {:?}", events.seen),
            }
        }
    }

    /// Everything of a listener that has come so far, and takes it away.
    pub async fn drain(&self, listener: &str) -> Vec<Value> {
        self.drain_with_times(listener).await.into_iter().map(|(_, arguments)| arguments).collect()
    }

    /// The same, each with the milliseconds on the client's clock when its listener was called.
    pub async fn drain_with_times(&self, listener: &str) -> Vec<(f64, Value)> {
        let mut events = self.events.lock().await;
        while let Ok(event) = events.incoming.try_recv() {
            events.seen.push(event);
        }
        let all = std::mem::take(&mut events.seen).into_iter();
        let (taken, kept): (Vec<Event>, Vec<Event>) = all.partition(|event| event.listener == listener);
        events.seen = kept;
        taken.into_iter().map(|event| (event.at, event.arguments)).collect()
    }

    /// Ends the client's process at once, as a phone that runs out of power.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the client")
    }
}

impl Drop for Sdk {
    // A browser is several processes of the client's group. They must be gone before their profile can be removed.
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
        }
    }
}

async fn read_lines(
    mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    pending: Pending,
    events: mpsc::UnboundedSender<Event>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(listener) = value["event"].as_str() {
            let at = value["at"].as_f64().unwrap_or_default();
            let _ = events.send(Event { listener: listener.to_owned(), arguments: value["args"].clone(), at });
        } else if let Some(id) = value["id"].as_u64() {
            let mut pending = pending.lock().await;
            if let Some(at) = pending.iter().position(|(asked, _)| *asked == id) {
                let _ = pending.swap_remove(at).1.send(value);
            }
        }
    }
}
