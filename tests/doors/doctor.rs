//! `natter doctor` beside a running server and without one.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::Value;

use crate::process::Natterless;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_is_looked_at_and_what_is_wrong_with_it_is_named() {
    look_at_running().await.unwrap();
}

async fn look_at_running() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let output = natter.output(&["doctor"])?;
    let text = String::from_utf8(output.stdout.clone())?;
    ensure!(output.status.success(), "{text}");
    let ports = natter.ports;
    for line in [
        "settings      can be read".to_owned(),
        "secrets       5 files, readable by their owner only".to_owned(),
        "names         the certificate carries the names of this host".to_owned(),
        "server        runs and is ready".to_owned(),
        format!("port          0.0.0.0:{} for XMPP over TLS is served", ports.tls),
        format!("port          127.0.0.1:{} for metrics and health is served", ports.health),
        "admin API     opens with the token of this data directory".to_owned(),
    ] {
        ensure!(text.lines().any(|shown| shown == format!("ok    {line}")), "no line {line:?} in\n{text}");
    }
    ensure!(text.matches(" is served\n").count() == 8, "{text}");

    let token = natter.data().join("admin.token");
    fs::set_permissions(&token, Permissions::from_mode(0o644))?;
    failed(&natter.output(&["doctor"])?, "secrets", "admin.token")?;
    fs::set_permissions(&token, Permissions::from_mode(0o600))?;
    let right = fs::read(&token)?;
    fs::write(&token, "00".repeat(24))?;
    failed(&natter.output(&["doctor"])?, "admin API", "--data")?;
    fs::write(&token, right)?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    failed(&natter.output(&["--set", &format!("edge.tls_port={closed}"), "doctor"])?, "port", "takes no connection")?;
    failed(&natter.output(&["--set", "store.reserve_bytes=9000000000000000000", "doctor"])?, "disk", "make room")?;
    failed(&natter.output(&["--set", "edge.host=chat.example.net", "doctor"])?, "names", "chat.example.net")?;

    natter.stop().await?;
    let stopped = natter.output(&["--host", "chat.example.net", "doctor", "--json"])?;
    let report: Value = serde_json::from_slice(&stopped.stdout)?;
    ensure!(stopped.status.success() && report["failed"] == 0, "{report:#}");
    ensure!(verdict(&report, "server")? == "warn" && verdict(&report, "admin API")? == "ok", "{report:#}");
    ensure!(verdict(&report, "names")? == "warn", "a start with --host makes the certificate: {report:#}");
    let chain = natter.data().join("tls/cert.pem");
    fs::copy(natter.ca(), &chain)?;
    failed(&natter.output(&["doctor"])?, "certificate", "tls/cert.key")
}

#[tokio::test]
async fn before_a_first_start_nothing_is_made_and_a_taken_port_is_named() {
    look_before_start().await.unwrap();
}

async fn look_before_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let doctor = async |arguments: &[&str]| {
        let arguments = [arguments, &["doctor", "--json"]].concat();
        Natterless { ports: true }.run(folder.path(), &arguments, &[]).await
    };
    let output = doctor(&[]).await?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success(), "{report:#}");
    for (check, expected) in [("data", "warn"), ("secrets", "ok"), ("certificate", "ok"), ("server", "warn"), ("port", "ok")] {
        ensure!(verdict(&report, check)? == expected, "{check}: {report:#}");
    }
    ensure!(fs::read_dir(folder.path())?.next().is_none(), "something was made");

    let held = TcpListener::bind("127.0.0.1:0")?;
    let taken = format!("console.port={}", held.local_addr()?.port());
    failed(&doctor(&["--set", &taken]).await?, "port", "is taken by another program: stop that, or set console.port")?;
    failed(&doctor(&["--set", "edge.tls_prot=1"]).await?, "settings", "tls_prot")?;
    fs::write(folder.path().join("file"), "")?;
    failed(&doctor(&["--data", "file"]).await?, "data", "is no directory")?;
    failed(&doctor(&["--data", "file/below"]).await?, "data", "cannot be made")
}

/// Exit code 1, and the check failed with these words.
fn failed(output: &Output, check: &str, words: &str) -> Result<()> {
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.code() == Some(1), "{}: {text}", output.status);
    ensure!(said.trim_end() == "natter: a check failed", "{said}{text}");
    let named = match serde_json::from_str::<Value>(&text) {
        Ok(report) => lines(&report)?.into_iter().filter(|line| line["verdict"] == "fail").map(|line| line.to_string()).collect(),
        Err(_) => text.lines().filter(|line| line.starts_with("fail")).map(str::to_owned).collect::<Vec<_>>(),
    };
    ensure!(named.len() == 1 && named[0].contains(check) && named[0].contains(words), "no {check} {words} in {named:?}");
    Ok(())
}

/// The verdict of a check; of several of that name, all have it.
fn verdict(report: &Value, check: &str) -> Result<String> {
    let found: Vec<_> = lines(report)?.into_iter().filter(|line| line["check"] == check).collect();
    let first = found.first().with_context(|| format!("no {check} in {report}"))?;
    ensure!(found.iter().all(|line| line["verdict"] == first["verdict"]), "{found:?}");
    Ok(first["verdict"].as_str().context("a verdict")?.to_owned())
}

fn lines(report: &Value) -> Result<Vec<&Value>> {
    Ok(report["checks"].as_array().context("checks")?.iter().collect())
}
