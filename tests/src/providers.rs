//! The push providers on this machine, which check what they are sent, and a process that is told of them: settings, credentials
//! from the shell, as an operator gives them.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_actor::Clock;
use natter_push::provider::testing::{AppleDevice, Browser, Providers as Checking};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use crate::process::Natter;

/// The bundle of the app on Apple's devices, and its project at Google.
pub const BUNDLE: &str = "org.example.chat";
pub const PROJECT: &str = "verona-chat";

const PATIENCE: Duration = Duration::from_secs(120);

/// The three of them.
pub struct Providers {
    pub checking: Checking,
    authority: NamedTempFile,
}

/// A device of each of the three kinds, and what it tells the server when it subscribes.
pub struct Devices {
    pub apple: AppleDevice,
    pub google: String,
    pub browser: Browser,
}

impl Providers {
    pub async fn start() -> Result<Providers> {
        let checking = Checking::start(Clock::system()).await;
        let mut authority = NamedTempFile::new()?;
        authority.write_all(checking.authority.pem().as_bytes())?;
        Ok(Providers { checking, authority })
    }

    /// Settings by which a process finds them.
    pub fn settings(&self) -> Vec<String> {
        let found = self.checking.options(self.authority.path());
        vec![
            "push.allow_private=true".to_owned(),
            format!("push.extra_ca={}", self.authority.path().display()),
            format!("push.apns_url={}", found.apns_url),
            format!("push.apns_sandbox_url={}", found.apns_sandbox_url),
            format!("push.fcm_url={}", found.fcm_url),
            format!("push.fcm_token_url={}", found.fcm_token_url),
            "push.contact=mailto:ops@example.test".to_owned(),
        ]
    }

    /// An app is given Apple's key and Google's account through the shell. Its public key for Web Push comes back.
    pub fn give(&self, natter: &Natter, app: u64) -> Result<String> {
        let key = self.checking.apple.key(&[BUNDLE]);
        let account = self.checking.google.account(PROJECT);
        let app = app.to_string();
        let (apple, google) = (file(&key.pem)?, file(&account.json)?);
        let ids = ["--key-id", &key.key_id, "--team-id", &key.team_id, "--topic", BUNDLE];
        let set = ["app", "push", "set"];
        natter.shell(&[&set[..], &["apns-token", "--app", &app, "--file", path(&apple)?], &ids].concat())?;
        natter.shell(&[&set[..], &["fcm", "--app", &app, "--file", path(&google)?]].concat())?;
        let listed: Value = serde_json::from_str(&natter.shell(&["app", "push", "list", "--app", &app])?)?;
        let all = listed["credentials"].as_array().context("a list of credentials")?;
        let kinds: Vec<&str> = all.iter().filter_map(|one| one["kind"].as_str()).collect();
        ensure!(kinds == ["apns_token", "fcm", "vapid"], "{listed}");
        ensure!(all.iter().all(|one| one["problem"].is_null()), "{listed}");
        Ok(all[2]["public_key"].as_str().context("a public key")?.to_owned())
    }

    /// A fresh device of each kind. `public_key`: of the app's pair.
    pub fn devices(&self, public_key: &str) -> Devices {
        Devices {
            apple: self.checking.apple.device(BUNDLE, false),
            google: self.checking.google.device(PROJECT),
            browser: self.checking.postman.subscribe(public_key),
        }
    }
}

impl Devices {
    /// What a client tells of each (contract rest 7.1).
    pub fn subscriptions(&self) -> [Value; 3] {
        let device = |channel: &str, platform: &str, token: Value| {
            json!({
                "notification_channel": channel,
                "device": {"platform": platform, "udid": format!("{channel}-1")},
                "push_token": token,
            })
        };
        let Browser { endpoint, p256dh, auth, .. } = &self.browser;
        let web = json!({"environment": "production", "web_endpoint": endpoint, "web_p256dh": p256dh, "web_auth": auth});
        let (apple, google) = (&self.apple.token, &self.google);
        [
            device(
                "apns",
                "ios",
                json!({"environment": "production", "client_identification_sequence": apple, "bundle_identifier": BUNDLE}),
            ),
            device("gcm", "android", json!({"environment": "production", "client_identification_sequence": google})),
            json!({
                "notification_channels": "web",
                "device": {"platform": "web", "udid": "web-1"},
                "push_token": web,
            }),
        ]
    }
}

/// Looks again until there is something.
pub async fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(begun.elapsed() < PATIENCE, "{what} did not come");
        sleep(Duration::from_millis(20)).await;
    }
}

fn file(text: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn path(file: &NamedTempFile) -> Result<&str> {
    file.path().to_str().context("a path that is no text")
}
