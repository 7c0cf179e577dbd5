//! Webhooks on a real process: what is acknowledged is told to a server that fails, hangs and hangs up, whatever dies in between, of each
//! dialog in its order and under one id; the signatures are checked by a library that is not ours.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use natter_tests::receiver::{Mood, Receiver, Taken};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::operator::Operator;
use crate::rest::{Person, Rest};

/// Messages that are said before and after each kill, in each dialog.
const ROUND: usize = 6;
const KILLS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);
const SEED: u64 = 20_261_130;

/// Checks what comes on its input, a line of JSON each, with npm's `standardwebhooks`, and writes what became of each.
const CHECK: &str = r#"
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
const { Webhook } = createRequire(process.env.NATTER_CONSOLE_MODULES)('standardwebhooks');
for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try { new Webhook(secret).verify(body, headers); console.log('ok'); } catch (error) { console.log(String(error.message)); }
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_nothing_is_lost_and_each_dialog_keeps_its_order() {
    be_killed().await.unwrap();
}

async fn be_killed() -> Result<()> {
    println!("seed {SEED}");
    let receiver = Receiver::start(SEED).await?;
    let settings = [&Receiver::settings()[..], &QUICK[..]].concat();
    let mut natter = Natter::start(&settings).await?;
    let operator = Operator::renewed(&natter)?;
    let rest = Rest::of(&natter, 1)?;
    let people = [rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?];
    let [ann, bob, cat] = &people;
    let dialogs = [rest.dialog(ann, bob).await?, rest.dialog(ann, cat).await?, rest.dialog(bob, cat).await?];
    let made = admin(&natter, &operator, Method::POST, "", Some(json!({"url": receiver.url, "name": "Shop"}))).await?;
    let secret = made["secret"].as_str().context("no secret")?.to_owned();
    receiver.set(Mood { fails: 20, breaks: 10, hangs: 2, slow: 20 });
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for round in 0..=KILLS {
        for n in 0..ROUND {
            for (dialog, by) in dialogs.iter().zip([ann, cat, bob]) {
                let id = say(&rest, by, dialog, &format!("{round}.{n}")).await?;
                said.entry(dialog.clone()).or_default().push(id);
            }
        }
        if round < KILLS {
            natter.kill().await?;
            natter.restart().await?;
        }
    }
    // An edit and a removal of the first dialog come behind all of it.
    let first = &said[&dialogs[0]][0];
    let edit = json!({"chat_dialog_id": dialogs[0], "message": "edited"});
    let path = format!("/chat/Message/{first}");
    rest.done(rest.request(Method::PUT, &path).header("CB-Token", &ann.token).json(&edit)).await?;
    rest.done(rest.request(Method::DELETE, &format!("{path}?force=1")).header("CB-Token", &ann.token)).await?;

    receiver.set(Mood::default());
    let began = Instant::now();
    let is_all = |taken: &[Taken]| -> Result<bool> {
        let seen = first_of(taken)?;
        let created =
            |dialog: &String| seen.get(dialog).map_or(0, |all| all.iter().filter(|one| one.0 == "message.created").count());
        let changed = seen.get(&dialogs[0]).is_some_and(|all| all.iter().any(|one| one.0 == "message.deleted"));
        Ok(changed && dialogs.iter().all(|dialog| created(dialog) == said[dialog].len()))
    };
    while !is_all(&receiver.taken())? {
        let state = admin(&natter, &operator, Method::GET, "", None).await?;
        ensure!(began.elapsed() < PATIENCE, "not all was told: {state}, {:?}", first_of(&receiver.taken())?);
        sleep(Duration::from_millis(100)).await;
    }
    let taken = receiver.taken();
    let seen = first_of(&taken)?;
    for dialog in &dialogs {
        let created: Vec<&String> = seen[dialog].iter().filter(|one| one.0 == "message.created").map(|one| &one.1).collect();
        ensure!(created == said[dialog].iter().collect::<Vec<_>>(), "{dialog}: {created:?}, said {:?}", said[dialog]);
    }
    let kinds: Vec<&str> = seen[&dialogs[0]].iter().map(|one| one.0.as_str()).filter(|kind| *kind != "message.created").collect();
    ensure!(kinds.ends_with(&["message.edited", "message.deleted"]), "{kinds:?}");
    let verdicts = checked(&taken, &secret).await?;
    ensure!(verdicts.len() == taken.len() && verdicts.iter().all(|one| one == "ok"), "{verdicts:?}");
    let other = checked(&taken[..1], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await?;
    ensure!(other != ["ok"], "another secret's signature is taken");
    let waiting = admin(&natter, &operator, Method::GET, "", None).await?;
    ensure!(waiting["webhooks"][0]["parked"] == 0, "{waiting}");
    Ok(())
}

/// So that a test does not wait as a user would.
const QUICK: [&str; 4] = [
    "push.webhooks.retry_ms=20",
    "push.webhooks.probe_ms=100",
    "push.webhooks.probe_ms_max=200",
    "push.webhooks.deadline_ms=1000",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_pauses_and_says_so_and_private_addresses_are_not_reached() {
    be_slow().await.unwrap();
}

async fn be_slow() -> Result<()> {
    let receiver = Receiver::start(SEED).await?;
    let natter =
        Natter::start(&["push.webhooks.allow_http=true", "push.webhooks.retry_ms=20", "push.webhooks.probe_ms=200"]).await?;
    let operator = Operator::renewed(&natter)?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let dialog = rest.dialog(&ann, &bob).await?;
    let made = admin(&natter, &operator, Method::POST, "", Some(json!({"url": receiver.url}))).await?;
    let id = made["webhook"]["id"].as_u64().context("no id")?;
    let ping = admin(&natter, &operator, Method::POST, &format!("/{id}/ping"), None).await?;
    ensure!(ping["delivered"] == false && ping["answer"].as_str().is_some_and(|text| text.contains("public internet")), "{ping}");
    for n in 0..3 {
        say(&rest, &ann, &dialog, &n.to_string()).await?;
    }
    let began = Instant::now();
    loop {
        let hook = admin(&natter, &operator, Method::GET, &format!("/{id}"), None).await?["webhook"].clone();
        if hook["state"] == "failing" {
            ensure!(hook["failures"].as_u64() >= Some(5) && hook["waiting"].as_u64() >= Some(3), "{hook}");
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "{hook}");
        sleep(Duration::from_millis(50)).await;
    }
    ensure!(receiver.taken().is_empty());
    Ok(())
}

/// Of each dialog what was told, each once: the type, and the message.
fn first_of(taken: &[Taken]) -> Result<BTreeMap<String, Vec<(String, String)>>> {
    let (mut seen, mut ids): (BTreeMap<String, Vec<(String, String)>>, BTreeMap<String, Value>) = Default::default();
    for one in taken {
        let body = one.json()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&body["id"]);
        ensure!(one.header("webhook-id") == id, "{body}");
        // Told twice it is about the same.
        let about = json!([body["type"], body["dialog_id"], body["data"]["_id"], body["created_at"]]);
        match ids.get(&id) {
            Some(before) => ensure!(*before == about, "{before} and {about}"),
            None => {
                ids.insert(id, about);
                seen.entry(text(&body["dialog_id"])).or_default().push((text(&body["type"]), text(&body["data"]["_id"])));
            }
        }
    }
    Ok(seen)
}

async fn say(rest: &Rest, by: &Person, dialog: &str, body: &str) -> Result<String> {
    let message = json!({"chat_dialog_id": dialog, "message": body, "send_to_chat": 1});
    let said = rest.done(rest.post("/chat/Message", &by.token, &message)).await?;
    Ok(said["_id"].as_str().with_context(|| format!("no id in {said}"))?.to_owned())
}

async fn admin(natter: &Natter, operator: &Operator, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let url = format!("http://localhost:{}/admin/v1/apps/1/webhooks{path}", natter.ports.console);
    let request = http()?.request(method, url).basic_auth(&operator.name, Some(&operator.password));
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// What the library says of each.
async fn checked(taken: &[Taken], secret: &str) -> Result<Vec<String>> {
    std::env::var_os("NATTER_CONSOLE_MODULES").context("NATTER_CONSOLE_MODULES names the packages")?;
    let mut node = Command::new("node")
        .args(["--input-type=module", "-e", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = node.stdin.take().context("no input")?;
    let lines: String =
        taken.iter().map(|one| format!("{}\n", json!({"secret": secret, "headers": one.headers, "body": one.body}))).collect();
    let written = tokio::spawn(async move {
        let _ = input.write_all(lines.as_bytes()).await;
    });
    let output = node.wait_with_output().await?;
    written.await?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
