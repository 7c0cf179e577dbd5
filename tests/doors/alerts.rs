//! Devices and alerts on a real process: what is acknowledged outlives a kill, and a message is looked at by the service of
//! alerts with what its real neighbours know. No app of these tests has credentials: each attempt ends at that, and says so in
//! the metrics.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::raw::{Over, Raw};
use crate::rest::Rest;

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_device_that_was_acknowledged_outlives_a_kill_and_its_end_does_too() {
    outlive_kills().await.unwrap();
}

async fn outlive_kills() -> Result<()> {
    let mut natter = Natter::start(&["push.subscriptions_per_user_max=4"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let mut expected = Vec::new();
    for n in 0..3 {
        let made = rest.done(rest.post("/subscriptions", &ann.token, &android(n))).await?;
        expected.extend(made.as_array().context("a list")?.clone());
        natter.kill().await?;
        natter.restart().await?;
        ensure!(rest.done(rest.get("/subscriptions", &ann.token)).await? == json!(expected));
    }
    let again = rest.done(rest.post("/subscriptions", &ann.token, &android(1))).await?;
    ensure!(again == json!([expected[1]]), "the same device is the same subscription: {again}");
    rest.done(rest.post("/subscriptions", &ann.token, &android(3))).await?;
    let refusal = r#"{"errors":{"subscription":["too many subscriptions of this user, at most 4"]}}"#;
    rest.refused(rest.post("/subscriptions", &ann.token, &android(4)), 422, refusal).await?;
    let path = format!("/subscriptions/{}", expected[0]["subscription"]["id"]);
    rest.done(rest.request(Method::DELETE, &path).header("CB-Token", &ann.token)).await?;
    natter.kill().await?;
    natter.restart().await?;
    let left = rest.done(rest.get("/subscriptions", &ann.token)).await?;
    ensure!(left.as_array().map(Vec::len) == Some(3) && !left.to_string().contains("device-0"), "{left}");
    Ok(())
}

#[tokio::test]
async fn a_message_is_judged_by_what_is_known_of_its_reader() {
    be_judged().await.unwrap();
}

async fn be_judged() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    rest.done(rest.post("/subscriptions", &bob.token, &android(0))).await?;
    let dialog = rest.dialog(&ann, &bob).await?;

    let say = async |more: Value| {
        let mut body = json!({"chat_dialog_id": dialog, "message": "hi", "send_to_chat": 1});
        body.as_object_mut().context("an object")?.extend(more.as_object().context("an object")?.clone());
        rest.done(rest.post("/chat/Message", &ann.token, &body)).await
    };
    // Away, and his device has a provider without credentials.
    say(json!({})).await?;
    counted(&natter, "natter_push_attempts_total{reason=\"credentials\"} 1").await?;
    // Neither of these is told to the log at all: the next one is looked at right behind them.
    say(json!({"send_to_chat": 0})).await?;
    say(json!({"silent": 1})).await?;
    let mute = json!({"enabled": 0});
    let path = format!("/chat/Dialog/{dialog}/notifications");
    rest.done(rest.request(Method::PUT, &path).header("CB-Token", &bob.token).json(&mute)).await?;
    say(json!({})).await?;
    counted(&natter, "natter_push_decided_total{reason=\"muted\"} 1").await?;
    let metrics = counted(&natter, "natter_push_posted_total 2").await?;
    ensure!(!metrics.contains("reason=\"silent\""), "{metrics}");
    rest.done(rest.request(Method::PUT, &path).header("CB-Token", &bob.token).json(&json!({"enabled": 1}))).await?;

    // On a WebSocket he can prove, and his client does.
    let mut there = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    there.send("<presence xmlns='jabber:client'/>").await?;
    say(json!({"message": "to one who is there"})).await?;
    there.expect("to one who is there").await?;
    // He answers pings while he reads.
    let proved = counted(&natter, "natter_push_decided_total{reason=\"received\"} 1");
    let still_there = async {
        match there.end().await {
            Ok(last) => anyhow::bail!("his stream ended: {last}"),
            Err(error) => Err(error),
        }
    };
    tokio::select! {
        biased;
        outcome = proved => drop(outcome?),
        outcome = still_there => outcome?,
    }
    drop(there);

    // What was posted before a kill is alerted after it.
    natter.kill().await?;
    natter.restart().await?;
    say(json!({})).await?;
    natter.kill().await?;
    natter.restart().await?;
    counted(&natter, "natter_push_attempts_total{reason=\"credentials\"}").await?;
    Ok(())
}

fn android(n: usize) -> Value {
    json!({
        "notification_channel": "gcm",
        "push_token": {"environment": "production", "client_identification_sequence": format!("token-{n}")},
        "device": {"platform": "android", "udid": format!("device-{n}")},
    })
}

/// Waits until the metrics say so; what they say then.
async fn counted(natter: &Natter, line: &str) -> Result<String> {
    let (url, mut last) = (format!("http://127.0.0.1:{}/metrics", natter.ports.health), String::new());
    let says_so = async {
        loop {
            last = http()?.get(&url).send().await?.text().await?;
            if last.contains(line) {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match timeout(PATIENCE, says_so).await {
        Ok(outcome) => outcome?,
        Err(_) => {
            let ours: Vec<&str> = last.lines().filter(|line| line.starts_with("natter_push")).collect();
            anyhow::bail!("{line} is not counted: {ours:#?}");
        }
    }
    Ok(last)
}
