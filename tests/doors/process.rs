//! The process as its operator meets it: what it says when it cannot start, which settings are in force, and what
//! its commands answer.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use natter_tests::build::Build;
use natter_tests::client::{Account, trusting};
use natter_tests::process::Natter;
use natter_tests::sdk::Sdk;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::raw::{Over, Raw};
use crate::rest::PASSWORD;
use crate::verdict::Verdict;

/// Ports that the system chooses, so that a process that starts by mistake meets nobody.
const ANY_PORTS: [&str; 8] = [
    "api.tls_port=0",
    "api.plain_port=0",
    "edge.tcp_port=0",
    "edge.tls_port=0",
    "edge.wss_port=0",
    "edge.ws_port=0",
    "console.port=0",
    "health.port=0",
];

#[tokio::test]
async fn what_cannot_start_says_why_in_one_line() {
    fail_to_start().await.unwrap();
}

async fn fail_to_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken_port = format!("console.port={}", taken.local_addr()?.port());
    let taken_text = taken.local_addr()?.to_string();
    std::fs::write(folder.path().join("bad.toml"), "edge = [")?;
    let mut verdict = Verdict::default();
    for (case, arguments, words) in [
        ("a role without a cluster", vec!["edge"], vec!["cluster.cql.nodes", "natter all"]),
        ("one of two that are one process", vec!["edge,dialog"], vec!["natter dialog,history"]),
        ("a typo", vec!["egde"], vec!["egde", "--help"]),
        ("a taken port", vec!["--set", &taken_port], vec![taken_text.as_str(), "console"]),
        ("an unknown setting", vec!["--set", "edge.tls_prot=1"], vec!["tls_prot"]),
        ("a setting of the wrong kind", vec!["--set", "edge.tls_port=many"], vec!["invalid type"]),
        ("a port out of range", vec!["--set", "edge.tls_port=70000"], vec!["70000"]),
        ("a file that is not there", vec!["--config", "none.toml"], vec!["none.toml"]),
        ("a file that is no TOML", vec!["--config", "bad.toml"], vec!["bad.toml"]),
        ("a host with a port", vec!["--host", "chat.example.net:1"], vec!["chat.example.net:1"]),
        ("a host that the SDK takes for a room", vec!["--set", "edge.host=muc.example.net"], vec!["muc"]),
        ("a command without a process", vec!["app", "list"], vec!["natter", "running"]),
    ] {
        let output = natter(folder.path(), &arguments, &[]).await?;
        verdict.of(case, says_in_one_line(&output, &words));
    }
    verdict.pronounce()
}

#[tokio::test]
async fn every_limit_has_the_default_that_the_table_names() {
    show_limits().await.unwrap();
}

async fn show_limits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Natterless { ports: false }.run(folder.path(), &["config"], &[]).await?;
    let shown: toml::Table = String::from_utf8(output.stdout)?.parse()?;
    let mut verdict = Verdict::default();
    for row in natter_tests::limits::rows(include_str!("../README.md")) {
        let (group, name) = row.setting.split_once('.').context("a setting is `group.name`")?;
        let value = shown.get(group).and_then(|group| group.get(name)).map(ToString::to_string);
        let outcome = if value.as_deref() == Some(row.default) { Ok(()) } else { Err(anyhow!("{value:?}")) };
        verdict.of(&format!("{} = {}", row.setting, row.default), outcome);
    }
    verdict.pronounce()
}

#[tokio::test]
async fn settings_are_laid_over_each_other_and_shown_with_their_origin() {
    show_settings().await.unwrap();
}

async fn show_settings() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("natter.toml"), "[edge]\ntls_port = 1\nwss_port = 2\ntcp_port = 3\nidle_s = 90\n")?;
    let environment = [
        ("NATTER_EDGE__TLS_PORT", "11"),
        ("NATTER_EDGE__WSS_PORT", "12"),
        ("NATTER_API__CORS_ORIGIN", "https://app.example.net"),
    ];
    // What the tests and other commands set must not be taken for settings.
    let others = [("NATTER_SEED", "7"), ("NATTER_SEEDS", "2"), ("NATTER_KILLS", "3"), ("NATTER_USER_PASSWORD", "secret word")];
    let all: Vec<_> = environment.into_iter().chain(others).collect();
    let output = Natterless { ports: false }
        .run(folder.path(), &["config", "--set", "edge.tls_port=21", "--host", "chat.example.net"], &all)
        .await?;
    ensure!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout)?;
    for line in [
        "tls_port = 21  # flag",
        "wss_port = 12  # environment",
        "tcp_port = 3  # file",
        "idle_s = 90  # file",
        "stanza_bytes = 262144",
        "cors_origin = \"https://app.example.net\"  # environment",
        "hosts = [\"chat.example.net\"]  # flag",
    ] {
        ensure!(shown.lines().any(|shown| shown == line), "no line {line:?} in\n{shown}");
    }
    ensure!(!shown.contains("secret word"), "{shown}");
    std::fs::write(folder.path().join("shown.toml"), &shown)?;
    let again = Natterless { ports: false }.run(folder.path(), &["config", "--check", "--config", "shown.toml"], &[]).await?;
    ensure!(again.status.success(), "what is shown can be read back: {again:?}");

    std::fs::write(folder.path().join("natter.toml"), "edge = [")?;
    let reference = Natterless { ports: false }.run(folder.path(), &["config", "--reference"], &environment).await?;
    ensure!(reference.status.success(), "the reference needs no settings: {reference:?}");
    let reference = String::from_utf8(reference.stdout)?;
    ensure!(reference.contains("\n# Port of TCP that begins with TLS.\n#tls_port = 5223\n"), "{reference}");
    std::fs::write(folder.path().join("natter.toml"), reference)?;
    let read = Natterless { ports: false }.run(folder.path(), &["config"], &[]).await?;
    let shown = String::from_utf8(read.stdout)?;
    ensure!(read.status.success() && shown.contains("tls_port = 5223\n") && !shown.contains("# file"), "{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_say_what_the_sdk_takes_and_a_host_gets_its_certificate() {
    ask_by_command().await.unwrap();
}

async fn ask_by_command() -> Result<()> {
    let natter = Natter::start(&["hosts=[\"chat.example.net\"]"]).await?;
    let made: Value = serde_json::from_str(&natter.shell(&[
        "app",
        "create",
        "--id",
        "905",
        "--auth-key",
        "key",
        "--auth-secret",
        "secret",
    ])?)?;
    ensure!(made["app"]["id"] == 905 || made["id"] == 905, "{made}");
    let again = natter.shell(&["app", "create", "--id", "905"]).err().context("an id was given twice")?.to_string();
    ensure!(again.contains("has already been taken") && again.lines().count() == 1, "{again}");

    let ports = natter.ports;
    let mut expected = json!({
        "credentials": {"appId": 905, "authKey": "key", "authSecret": "secret"},
        "config": {
            "endpoints": {"api": format!("chat.example.net:{}", ports.rest), "chat": "chat.example.net"},
            "chatProtocol": {"active": 2, "websocket": format!("wss://chat.example.net:{}", ports.wss)},
        },
        "ca": natter.ca().canonicalize()?,
    });
    ensure!(natter.sdk_config(905, false)? == expected, "{}", natter.sdk_config(905, false)?);
    let chat = format!("ws://localhost:{}", ports.ws);
    expected["config"]["endpoints"]["api_url"] = json!(format!("http://localhost:{}", ports.rest_plain));
    expected["config"]["endpoints"]["chat_url"] = json!(chat);
    expected["config"]["chatProtocol"]["websocket"] = json!(chat);
    ensure!(natter.sdk_config(905, true)? == expected, "{}", natter.sdk_config(905, true)?);

    for name in ["chat.example.net", "localhost", "127.0.0.1"] {
        for port in [ports.rest, ports.tls, ports.wss] {
            let tls = trusting(&natter.ca())?;
            let socket = TcpStream::connect(("127.0.0.1", port)).await?;
            tls.connect(ServerName::try_from(name)?, socket).await.with_context(|| format!("{name} on {port}"))?;
        }
    }
    let socket = TcpStream::connect(("127.0.0.1", ports.wss)).await?;
    let other = trusting(&natter.ca())?.connect(ServerName::try_from("other.example.net")?, socket).await;
    ensure!(other.is_err(), "a name that was not given is not certified");
    sdk_talks_over_plain_endpoints(&natter).await
}

/// SDK 6.1.2 with `api_url` and `chat_url`, no TLS and no trusted CA.
async fn sdk_talks_over_plain_endpoints(natter: &Natter) -> Result<()> {
    let bob = Account { app: 1, user: natter.create_user(1, "bob", PASSWORD)?, password: PASSWORD.into() };
    natter.create_user(1, "ann", PASSWORD)?;
    let sdk = Sdk::start(Build::Node6, &natter.sdk_config(1, true)?, json!({"streamManagement": {"enable": true}})).await?;
    let session = sdk.call("createSession", json!([{"login": "ann", "password": PASSWORD}])).await?;
    sdk.call("chat.connect", json!([{"userId": session["user_id"], "password": session["token"]}])).await?;
    let mut reader = Raw::signed_in(Over::Tcp, natter.ports.tcp, &bob).await?;
    let id = sdk
        .call("chat.send", json!([bob.user, {"type": "chat", "body": "plainly", "extension": {"save_to_history": 1}}]))
        .await?;
    reader.expect("<body>plainly</body>").await?;
    ensure!(sdk.event("onSentMessageCallback").await?[1]["id"] == id);
    Ok(())
}

// === running the binary without a kit ===

/// A command that should not need a running process.
pub struct Natterless {
    /// Takes ports that the system chooses.
    pub ports: bool,
}

async fn natter(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    Natterless { ports: true }.run(folder, arguments, environment).await
}

impl Natterless {
    pub async fn run(&self, folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
        let binary =
            std::env::var_os("NATTER_BINARY").context("NATTER_BINARY names the binary to test: run `cargo xtask test`")?;
        let mut command = tokio::process::Command::new(binary);
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true).envs(environment.iter().copied());
        for port in ANY_PORTS.iter().filter(|_| self.ports) {
            command.args(["--set", port]);
        }
        let output = tokio::time::timeout(Duration::from_secs(20), command.args(arguments).output());
        output.await.with_context(|| format!("natter {} runs on", arguments.join(" ")))?.map_err(Into::into)
    }
}

/// Exit code 1, nothing on stdout, and one line on stderr with these words.
pub fn says_in_one_line(output: &Output, words: &[&str]) -> Result<()> {
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(printed.is_empty(), "printed {printed}");
    ensure!(said.lines().count() == 1 && said.starts_with("natter: "), "not one line:\n{said}");
    for word in words {
        ensure!(said.contains(word), "no {word} in {said}");
    }
    Ok(())
}
