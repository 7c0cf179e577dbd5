//! Temporary: runs the plays against a process.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use std::collections::BTreeMap;
use natter_tests::{play, process::Natter};
use serde_json::{Value, json};
#[tokio::main]
async fn main() {
    let natter = Natter::start(&[]).await.unwrap();
    let mut users = BTreeMap::new();
    for (login, password) in [("romeo", "correct horse"), ("juliet", "battery staple"), ("umlaut", "k\u{e4}sekuchen")] {
        let made: Value = serde_json::from_str(&natter.shell(&["user", "create", "--login", &format!("play-{login}"), "--password", password]).unwrap()).unwrap();
        println!("{made}");
        users.insert(login.to_owned(), (made["user"]["id"].as_u64().unwrap(), password.to_owned()));
    }
    let apps = natter.shell(&["sdk-config", "--json"]).unwrap();
    let config: Value = serde_json::from_str(&apps).unwrap();
    println!("{config}");
    let credentials = config["credentials"].clone();
    let app = credentials["appId"].as_u64().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"application_id": app, "auth_key": credentials["authKey"], "nonce": 1, "timestamp": std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), "user": {"login": "play-romeo", "password": "correct horse"}});
    let answer = client.post(format!("http://127.0.0.1:{}/session", natter.ports.rest_plain)).json(&body).send().await.unwrap().text().await.unwrap();
    println!("{answer}");
    let session: Value = serde_json::from_str(&answer).unwrap();
    if let Some(token) = session["session"]["token"].as_str() { users.insert("romeo-token".to_owned(), (users["romeo"].0, token.to_owned())); }
    let target = play::Target { host: "localhost".into(), ws_port: natter.ports.ws, wss_port: natter.ports.wss, tcp_port: natter.ports.tcp, tls_port: natter.ports.tls, ca_pem: std::fs::read_to_string(natter.ca()).unwrap(), app, users };
    let only = std::env::args().nth(1).unwrap_or_default();
    for path in play::plays(std::path::Path::new("tests/plays")).unwrap() {
        if !path.display().to_string().contains(&only) { continue; }
        let at = std::time::Instant::now();
        match play::run(&path, &target).await { Ok(()) => println!("ok   {} {:?}", path.display(), at.elapsed()), Err(error) => println!("FAIL {error:#}\n") }
    }
    if std::env::var("LOG").is_ok() { println!("{}", std::fs::read_to_string(natter.log()).unwrap()); }
}
