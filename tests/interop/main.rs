//! An independent XMPP client against a real process: slixmpp signs in over STARTTLS and direct TLS, chats, resumes its stream
//! after its socket was cut, and uses what a standard client expects of a server.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use natter_tests::proxy::Proxy;
use tokio::process::Command;

#[tokio::test]
async fn slixmpp_signs_in_chats_and_resumes() {
    let steps =
        ["romeo signed in", "juliet signed in", "message received", "message acked", "stream resumed", "gap received once"];
    run("slixmpp_chat.py", &steps).await.unwrap();
}

#[tokio::test]
async fn slixmpp_finds_what_a_standard_client_expects() {
    let steps = [
        "roster push has a version",
        "subscription shows a contact",
        "what a contact shows is relayed",
        "roster of a known version is not sent again",
        "receipt came back",
        "marker came back under the id of its author",
        "chat states are relayed",
        "carbons copy to the other device",
        "ping of the server and the account",
        "last activity of who is there",
        "discovery tells what there is",
        "privacy list keeps a message out",
        "typing waits while nobody looks",
        "stream resumed after its socket was lost",
    ];
    run("slixmpp_standard.py", &steps).await.unwrap();
}

/// Runs a script with two users of a fresh process; it must print each of the steps.
async fn run(script: &str, steps: &[&str]) -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let mut users = Vec::new();
    for login in ["romeo2", "juliet2"] {
        users.push(natter.create_user(1, login, "correct horse")?.to_string());
    }
    let proxy = Proxy::start(natter.ports.tcp).await?;
    let python =
        std::env::var_os("NATTER_PYTHON").context("NATTER_PYTHON names a Python with slixmpp: run `cargo xtask test`")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let mut command = Command::new(python);
    command.arg(script).args(&users).arg(proxy.port.to_string()).arg(natter.ports.tls.to_string()).arg(natter.ca());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(std::time::Duration::from_secs(60), command.output()).await.context("the script hangs")??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(natter.log()).unwrap_or_default();
    ensure!(output.status.success(), "slixmpp: {out}\n{err}\nserver:\n{log}");
    for step in steps {
        ensure!(out.lines().any(|line| line == *step), "{step:?} is missing in:\n{out}\n{err}\nserver:\n{log}");
    }
    Ok(())
}
