//! Runs every play of this folder against one real process, and says of each that failed what was expected and what came.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use natter_tests::client::http;
use natter_tests::play::{Target, plays, run};
use natter_tests::process::Natter;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";
const UMLAUT: &str = "gr\u{fc}\u{df}e sch\u{f6}n";

#[tokio::test]
async fn every_play_goes_as_written() {
    let natter = Natter::start(&["edge.allow_plain_text=true"]).await.unwrap();
    let mut failures = Vec::new();
    let scripts = plays(&Path::new(env!("CARGO_MANIFEST_DIR")).join("plays")).unwrap();
    assert!(scripts.len() > 15, "only {} plays were found", scripts.len());
    for script in scripts {
        let name = script.file_stem().unwrap().to_str().unwrap();
        // Users of its own: what one play leaves undelivered must not turn up in the next.
        let target = target(&natter, name).await.unwrap();
        if let Err(error) = run(&script, &target).await {
            failures.push(format!("{name}: {error:#}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

async fn target(natter: &Natter, play: &str) -> Result<Target> {
    let mut users = BTreeMap::new();
    for (name, password) in [("romeo", PASSWORD), ("juliet", PASSWORD), ("umlaut", UMLAUT)] {
        let user = natter.create_user(1, &format!("{play}-{name}"), password)?;
        users.insert(name.to_owned(), (user, password.to_owned()));
    }
    let token = token(natter, &format!("{play}-romeo")).await?;
    let group = if play.starts_with("group") { Some(group(natter, &token, users["juliet"].0).await?) } else { None };
    users.insert("romeo-token".to_owned(), (users["romeo"].0, token));
    Ok(Target {
        host: "localhost".to_owned(),
        ws_port: natter.ports.ws,
        wss_port: natter.ports.wss,
        tcp_port: natter.ports.tcp,
        tls_port: natter.ports.tls,
        ca_pem: std::fs::read_to_string(natter.ca())?,
        app: 1,
        group,
        users,
    })
}

async fn token(natter: &Natter, login: &str) -> Result<String> {
    let credentials = &natter.sdk_config(1, false)?["credentials"];
    let body = json!({
        "application_id": credentials["appId"], "auth_key": credentials["authKey"],
        "user": {"login": login, "password": PASSWORD},
    });
    let url = format!("http://127.0.0.1:{}/session", natter.ports.rest_plain);
    let session: Value = http()?.post(url).json(&body).send().await?.error_for_status()?.json().await?;
    Ok(session["session"]["token"].as_str().context("a token")?.to_owned())
}

/// A group that Romeo made for himself and Juliet.
async fn group(natter: &Natter, token: &str, juliet: u64) -> Result<String> {
    let body = json!({"type": 2, "name": "Verona", "occupants_ids": juliet.to_string()});
    let url = format!("http://127.0.0.1:{}/chat/Dialog", natter.ports.rest_plain);
    let request = http()?.post(url).header("CB-Token", token).json(&body);
    let dialog: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(dialog["_id"].as_str().context("an id")?.to_owned())
}
