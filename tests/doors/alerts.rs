//! Devices, credentials and alerts on a real process: what is acknowledged outlives a kill, a message is looked at by the service of
//! alerts with what its real neighbours know, and whatever dies in between, it reaches providers that check.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_push::provider::testing::Told;
use natter_tests::client::http;
use natter_tests::process::Natter;
use natter_tests::providers::{Providers, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::operator::Operator;
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
    counted(&natter, "natter_push_attempts_total{reason=\"refused\"} 1").await?;
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
    counted(&natter, "natter_push_attempts_total{reason=\"refused\"}").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_message_is_without_its_alert_whatever_the_process_dies_of() {
    outlive_kills_with_alerts().await.unwrap();
}

/// The moment at which the process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The message is acknowledged.
    Acknowledged,
    /// Some milliseconds later.
    Later(u64),
    /// Each provider has taken its alert, and answers nothing.
    Taken,
}

async fn outlive_kills_with_alerts() -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let mut natter = Natter::start(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let devices = providers.devices(&providers.give(&natter, 1)?);
    for device in devices.subscriptions() {
        rest.done(rest.post("/subscriptions", &bob.token, &device)).await?;
    }
    let dialog = rest.dialog(&ann, &bob).await?;
    let (apple, google, postman) = (&providers.checking.apple, &providers.checking.google, &providers.checking.postman);
    let servers = [&apple.server, &google.server, &postman.server];
    // Those first of which it is certain how often they are sent: no repeat of another takes the silence that is meant for them.
    let moments = [Moment::Taken, Moment::Taken, Moment::Acknowledged, Moment::Later(5), Moment::Later(15), Moment::Later(40)];
    let say = async |text: &str| -> Result<String> {
        let body = json!({"chat_dialog_id": dialog, "message": text, "send_to_chat": 1});
        let made = rest.done(rest.post("/chat/Message", &ann.token, &body)).await?;
        Ok(made["_id"].as_str().context("an id")?.to_owned())
    };
    // Until each channel was sent a message so often.
    let come = async |id: &str, count: usize, what: &str| -> Result<()> {
        for channel in 0..3 {
            let all = || pushed(&providers)[channel].get(id).is_some_and(|all| all.len() >= count).then_some(());
            eventually(&format!("{what} on channel {channel}"), all).await?;
        }
        Ok(())
    };
    let mut expected = Vec::new();
    for moment in moments {
        let asked = servers.map(|server| server.asked());
        if matches!(moment, Moment::Taken) {
            servers.iter().for_each(|server| server.say(Told::Stall));
        }
        let id = say("before the kill").await?;
        match moment {
            Moment::Acknowledged => {}
            Moment::Later(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Moment::Taken => {
                for (server, before) in servers.iter().zip(asked) {
                    timeout(PATIENCE, server.asked_for(before + 1)).await.context("no provider was asked")?;
                }
            }
        }
        natter.kill().await?;
        natter.restart().await?;
        let twice = matches!(moment, Moment::Taken);
        come(&id, if twice { 2 } else { 1 }, &format!("the alert ({moment:?})")).await?;
        // Alerts of one user go in order: when the next one is noted, nothing of this one can come any more.
        let next = say("after the kill").await?;
        come(&next, 1, "the next alert").await?;
        counted(&natter, "natter_push_in_flight 0").await?;
        expected.extend([(id, moment, if twice { 2..=2 } else { 1..=2 }), (next, moment, 1..=1)]);
    }
    for (channel, name) in ["APNs", "FCM", "Web Push"].iter().enumerate() {
        let pushed = &pushed(&providers)[channel];
        for (id, moment, counts) in &expected {
            let all = pushed.get(id).cloned().unwrap_or_default();
            ensure!(counts.contains(&all.len()), "{name}: {id} ({moment:?}) was sent {} times", all.len());
            ensure!(all.iter().all(|collapse| *collapse == all[0] && !collapse.is_empty()), "{name}: {all:?}");
        }
    }
    Ok(())
}

/// By channel and message: what each request for it would be collapsed by.
fn pushed(providers: &Providers) -> [BTreeMap<String, Vec<String>>; 3] {
    let mut found: [BTreeMap<String, Vec<String>>; 3] = Default::default();
    let mut put = |channel: usize, id: &Value, collapse: Option<String>| {
        let id = id.as_str().unwrap_or_default().to_owned();
        found[channel].entry(id).or_default().push(collapse.unwrap_or_default());
    };
    for push in providers.checking.apple.pushed() {
        put(0, &push.payload["message_id"], push.collapse);
    }
    for push in providers.checking.google.pushed() {
        let collapse = push.message["android"]["collapse_key"].as_str().map(str::to_owned);
        put(1, &push.message["data"]["message_id"], collapse);
    }
    for push in providers.checking.postman.pushed() {
        put(2, &push.payload["message_id"], push.topic);
    }
    found
}

#[tokio::test]
async fn credentials_outlive_a_kill_and_a_lost_key_is_said_and_not_replaced() {
    keep_credentials().await.unwrap();
}

async fn keep_credentials() -> Result<()> {
    let providers = Providers::start().await?;
    let mut natter = Natter::start(&[]).await?;
    let public_key = providers.give(&natter, 1)?;
    let list = |natter: &Natter| -> Result<Value> { Ok(serde_json::from_str(&natter.shell(&["app", "push", "list"])?)?) };
    let before = list(&natter)?;
    natter.kill().await?;
    natter.restart().await?;
    ensure!(list(&natter)? == before);
    let told = natter.output(&["doctor"])?;
    let told = String::from_utf8(told.stdout)?;
    ensure!(told.contains("3 credentials of apps, which the keys here open"), "{told}");
    let made = natter.shell(&["app", "create", "--title", "Second"])?;
    let second: Value = serde_json::from_str(&made)?;
    let id = second["app"]["id"].to_string();
    let pair: Value = serde_json::from_str(&natter.shell(&["app", "push", "list", "--app", &id])?)?;
    ensure!(pair["credentials"][0]["public_key"].as_str().is_some_and(|key| key.len() == 87 && key != public_key), "{pair}");

    // The key is lost: a start makes another one, which opens nothing of what was kept.
    natter.kill().await?;
    let kept = natter.data().join("push.kept");
    std::fs::rename(natter.data().join("push.key"), &kept)?;
    natter.restart().await?;
    let after = list(&natter)?;
    ensure!(after["credentials"][2]["public_key"] == public_key.as_str(), "{after}");
    ensure!(after["credentials"][0]["problem"].as_str().is_some_and(|why| why.contains("which is not here")), "{after}");
    let told = natter.output(&["doctor"])?;
    ensure!(!told.status.success() && String::from_utf8_lossy(&told.stdout).contains("are sealed with a key that is not here"));
    // A file that is no key: the server runs, and says why it keeps nothing.
    let none = natter.data().join("none");
    natter.restart_with(&[&format!("push.key_file={}", none.display())]).await?;
    let told = natter.output(&["doctor"])?;
    ensure!(!told.status.success() && String::from_utf8_lossy(&told.stdout).contains("cannot read"), "{told:?}");
    let refused = providers.give(&natter, 1).unwrap_err();
    ensure!(format!("{refused:#}").contains("no key for push credentials"), "{refused:#}");
    // Named as an older one, it opens what was kept.
    let key = natter.data().join("push.key");
    let (current, older) = (format!("push.key_file={}", key.display()), format!("push.older_key_files=[\"{}\"]", kept.display()));
    natter.restart_with(&[&current, &older]).await?;
    ensure!(list(&natter)? == before);
    natter.shell(&["app", "push", "remove", "fcm"])?;
    ensure!(list(&natter)?["credentials"].as_array().map(Vec::len) == Some(2));
    Ok(())
}

#[tokio::test]
async fn an_operator_says_how_alerts_look_and_sees_what_became_of_them() {
    be_set().await.unwrap();
}

async fn be_set() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let device = rest.done(rest.post("/subscriptions", &bob.token, &android(0))).await?;
    let device = device[0]["subscription"]["id"].clone();
    let file = tempfile::NamedTempFile::new()?;
    let said = |arguments: &[&str]| -> Result<Value> { Ok(serde_json::from_str(&natter.shell(arguments)?)?) };
    let path = file.path().to_str().context("a path")?;

    std::fs::write(file.path(), json!({"template": {"body": "a\n{{ nobody }}"}}).to_string())?;
    let refused =
        natter.shell(&["app", "alerts", "set", "--file", path]).err().context("a broken template was kept")?.to_string();
    ensure!(refused.contains("template.body") && refused.contains("line 2") && refused.contains("nobody"), "{refused}");
    std::fs::write(file.path(), json!({"template": {"body": "{{ sender.name }} says {{ text }}"}}).to_string())?;
    let kept = said(&["app", "alerts", "set", "--file", path])?;
    ensure!(kept["alerts"]["enabled"] == true && said(&["app", "alerts", "get"])? == kept, "{kept}");
    let preview = said(&["app", "alerts", "preview"])?;
    ensure!(preview["preview"]["body"].as_str().is_some_and(|body| body.starts_with("Romeo says ")), "{preview}");
    ensure!(preview["preview"]["payloads"].as_array().map(Vec::len) == Some(3), "{preview}");

    // Three ways to his device: a message, an event, a test. Nobody has credentials here, and the journal says so.
    let dialog = rest.dialog(&ann, &bob).await?;
    let body = json!({"chat_dialog_id": dialog, "message": "hi", "send_to_chat": 1});
    rest.done(rest.post("/chat/Message", &ann.token, &body)).await?;
    let event =
        json!({"notification_type": "push", "environment": "production", "message": "hi", "user": {"ids": [bob.account.user]}});
    rest.done(rest.post("/events", &ann.token, &json!({ "event": event }))).await?;
    let operator = Operator::renewed(&natter)?;
    let admin = format!("http://localhost:{}/admin/v1/apps/1", natter.ports.console);
    let test = http()?.post(format!("{admin}/alerts/test")).basic_auth(&operator.name, Some(&operator.password));
    let test = test.json(&json!({"user": bob.account.user, "subscription": device})).send().await?;
    ensure!(test.status() == 202, "{}", test.status());
    let user = bob.account.user.to_string();
    let noted = async || loop {
        let known = said(&["user", "push", &user])?;
        let of = |reason: &str| known["notes"].as_array().into_iter().flatten().filter(|note| note["reason"] == reason).count();
        if of("offline") > 0 && of("event") > 1 {
            return anyhow::Ok(known);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let known = timeout(PATIENCE, noted()).await.context("the journal does not say it")??;
    let notes = known["notes"].as_array().context("notes")?;
    ensure!(notes.iter().all(|note| note["answer"] == "refused no credentials for the channel"), "{known}");
    ensure!(known["unread"] == 1 && known["dialogs"][0]["id"] == json!(dialog), "{known}");
    ensure!(known["subscriptions"][0]["id"] == device && !known.to_string().contains("token-0"), "{known}");

    natter.kill().await?;
    natter.restart().await?;
    ensure!(serde_json::from_str::<Value>(&natter.shell(&["app", "alerts", "get"])?)? == kept);
    Ok(())
}

pub fn android(n: usize) -> Value {
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
