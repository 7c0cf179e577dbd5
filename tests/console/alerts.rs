//! The pages about alerts and push credentials, with a user who has a device and providers that check what they are sent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use natter_tests::providers::{BUNDLE, PROJECT, Providers, eventually};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::act;

const PASSWORD: &str = "correct horse";
/// How soon the certificate of the scenario ends.
const SOON: Duration = Duration::from_secs((10 * 24 + 12) * 60 * 60);

const ALERTS: &[&str] = &[
    "a broken template is named at its line, while it is typed and when it is saved",
    "a template is saved, and the preview follows what is typed",
    "a variant is added, and removed again",
    "what may leave and in which dialogs is kept",
    "a test reaches the device",
    "the journal tells it in words, of a user and of a message",
];
const PLAIN: &[&str] = &["a draft is previewed, changed and saved without a script"];
const CREDENTIALS: &[&str] = &[
    "a refused key is named at its field and does not come back",
    "an APNs key is kept, and nothing of it is shown",
    "a service account is taken from its file",
    "a certificate that ends soon is warned of",
    "credentials are removed after a question",
    "the pair for Web Push is replaced only by who knows what that does",
];

mod mouse {
    use super::*;

    #[tokio::test]
    async fn how_alerts_look_and_what_became_of_them() {
        alert("alerts", "mouse", ALERTS).await.unwrap();
    }

    #[tokio::test]
    async fn how_alerts_look_without_a_script() {
        alert("alerts-without-script", "mouse", PLAIN).await.unwrap();
    }

    #[tokio::test]
    async fn who_an_app_is_to_the_providers() {
        give("mouse").await.unwrap();
    }
}

mod keyboard {
    use super::*;

    #[tokio::test]
    async fn how_alerts_look_and_what_became_of_them() {
        alert("alerts", "keyboard", ALERTS).await.unwrap();
    }

    #[tokio::test]
    async fn who_an_app_is_to_the_providers() {
        give("keyboard").await.unwrap();
    }
}

// The app has its credentials, and one user of it an Android device.
async fn alert(scenario: &str, hand: &str, steps: &[&str]) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let natter = Natter::start(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    providers.give(&natter, 1)?;
    let user = natter.create_user(1, "nurse", PASSWORD)?;
    subscribe(&natter, "nurse", &providers.checking.google.device(PROJECT)).await?;
    act(&natter, scenario, hand, steps, &json!({ "user": user })).await?;
    if scenario == "alerts" {
        let google = &providers.checking.google;
        let pushed = eventually("the test", || google.pushed().first().cloned()).await?;
        ensure!(pushed.message.to_string().contains("Mercutio says a plague"), "{}", pushed.message);
    }
    Ok(())
}

async fn give(hand: &str) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let natter = Natter::start(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let key = providers.checking.apple.key(&[BUNDLE]);
    let stage = json!({
        "key": key.pem, "key_id": key.key_id, "team_id": key.team_id, "bundle": BUNDLE,
        "account": providers.checking.google.account(PROJECT).json, "project": PROJECT,
        "certificate": certificate()?,
    });
    act(&natter, "credentials", hand, CREDENTIALS, &stage).await
}

// As a client does it (contract rest 7.1).
async fn subscribe(natter: &Natter, login: &str, token: &str) -> Result<()> {
    let config = natter.sdk_config(1, true)?;
    let root = format!("http://127.0.0.1:{}", natter.ports.rest_plain);
    let client = http()?;
    let session = json!({
        "application_id": 1, "auth_key": config["credentials"]["authKey"], "user": {"login": login, "password": PASSWORD},
    });
    let session: Value = client.post(format!("{root}/session.json")).json(&session).send().await?.json().await?;
    let token_of_session = session["session"]["token"].as_str().with_context(|| format!("no session: {session}"))?;
    let device = json!({
        "notification_channel": "gcm",
        "push_token": {"environment": "production", "client_identification_sequence": token},
        "device": {"platform": "android", "udid": "phone-1"},
    });
    let request = client.post(format!("{root}/subscriptions.json")).header("CB-Token", token_of_session);
    let answer = request.json(&device).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

// PEM with its key, as it comes out of Apple's file.
fn certificate() -> Result<String> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(1970, 1, 1) + (SystemTime::now().duration_since(UNIX_EPOCH)? + SOON);
    Ok(format!("{}{}", params.self_signed(&key)?.pem(), key.serialize_pem()))
}
