//! Who is there before a scenario begins: Bob, who has a device and is away, and Ann, who has written to him.

use anyhow::{Context, Result};
use natter_tests::client::{ASK, Account, Client, acknowledged, http, trusting};
use natter_tests::process::Natter;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";
/// The message that Ann wrote.
const MESSAGE: &str = "66f100000000000000000001";

/// Settings of the process of a scenario.
pub fn settings_of(scenario: &str) -> &'static [&'static str] {
    if has_cast(scenario) { &["trace.one_in=1"] } else { &[] }
}

fn has_cast(scenario: &str) -> bool {
    matches!(scenario, "devices" | "trace" | "dialogs")
}

/// What a scenario is told of them; null where there is nobody.
pub async fn of(scenario: &str, natter: &Natter) -> Result<Value> {
    if !has_cast(scenario) {
        return Ok(Value::Null);
    }
    let (ann, bob) = (natter.create_user(1, "ann", PASSWORD)?, natter.create_user(1, "bob", PASSWORD)?);
    subscribe(natter, "bob").await?;
    let account = Account { app: 1, user: ann, password: PASSWORD.to_owned() };
    let mut client = Client::connect(natter.ports.wss, &trusting(&natter.ca())?, &account, true).await?;
    client
        .send(format!(
            "<message xmlns='jabber:client' type='chat' id='{MESSAGE}' to='{bob}-1@localhost'><body>Good night!</body>\
             <extraParams><save_to_history>1</save_to_history></extraParams></message>"
        ))
        .await?;
    // Answered when what she wrote before is durable.
    client.send(ASK.to_owned()).await?;
    while acknowledged(&client.next().await?.context("Ann's stream ended")?).is_none() {}
    client.close().await?;
    if scenario == "dialogs" {
        report(natter, "bob").await?;
    }
    Ok(json!({"ann": ann, "bob": bob, "message": MESSAGE}))
}

// A device at Google, of an app that has no credentials for it.
async fn subscribe(natter: &Natter, login: &str) -> Result<()> {
    let device = json!({
        "notification_channel": "gcm",
        "device": {"platform": "android", "udid": "device-1"},
        "push_token": {"environment": "production", "client_identification_sequence": "dK:APA91", "bundle_identifier": "org.x"},
    });
    post(natter, login, "/subscriptions", &device).await
}

// What Ann wrote, reported by whom she wrote to.
async fn report(natter: &Natter, login: &str) -> Result<()> {
    post(natter, login, "/data/MessageReports.json", &json!({"reportedMessageId": MESSAGE, "reason": "an insult"})).await
}

// One request of a user at the REST door.
async fn post(natter: &Natter, login: &str, path: &str, body: &Value) -> Result<()> {
    let config = natter.sdk_config(1, true)?;
    let (root, client) = (format!("http://127.0.0.1:{}", natter.ports.rest_plain), http()?);
    let session = json!({
        "application_id": 1,
        "auth_key": config["credentials"]["authKey"],
        "user": {"login": login, "password": PASSWORD},
    });
    let request = client.post(format!("{root}/session.json")).header("CB-SDK", "JS 6.1.2 - Client").json(&session);
    let session: Value = request.send().await?.error_for_status()?.json().await?;
    let token = session["session"]["token"].as_str().with_context(|| format!("no token in {session}"))?;
    let request = client.post(format!("{root}{path}")).header("CB-Token", token).json(body);
    request.send().await?.error_for_status()?;
    Ok(())
}
