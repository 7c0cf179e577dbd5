//! An independent XMPP client against a real process: slixmpp signs in over STARTTLS and direct TLS, chats, and resumes its
//! stream after its socket was cut.
#![allow(clippy::unwrap_used)]

mod alike;

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use natter_tests::proxy::Proxy;
use tokio::process::Command;

#[tokio::test]
async fn slixmpp_signs_in_chats_and_resumes() {
    run().await.unwrap();
}

async fn run() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let mut users = Vec::new();
    for login in ["romeo2", "juliet2"] {
        users.push(natter.create_user(1, login, "correct horse")?.to_string());
    }
    let proxy = Proxy::start(natter.ports.tcp).await?;
    let python =
        std::env::var_os("NATTER_PYTHON").context("NATTER_PYTHON names a Python with slixmpp: run `cargo xtask test`")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/slixmpp_chat.py");
    let mut command = Command::new(python);
    command.arg(script).args(&users).arg(proxy.port.to_string()).arg(natter.ports.tls.to_string()).arg(natter.ca());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(std::time::Duration::from_secs(60), command.output()).await.context("the script hangs")??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(natter.log()).unwrap_or_default();
    ensure!(output.status.success(), "slixmpp: {out}\n{err}\nserver:\n{log}");
    for step in
        ["romeo signed in", "juliet signed in", "message received", "message acked", "stream resumed", "gap received once"]
    {
        ensure!(out.contains(step), "{step:?} is missing in:\n{out}\n{err}\nserver:\n{log}");
    }
    Ok(())
}
