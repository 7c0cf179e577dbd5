//! Senders, and the three providers on this machine.

use std::io::Write;

use natter_actor::Clock;
use natter_proto::AppId;
use natter_push::provider::testing::{AppleDevice, AppleKey, Browser, GoogleAccount, Providers};
use natter_push::provider::{Alert, Credentials, Options, Outcome, Senders, Target, VapidPair};
use natter_telemetry::Metrics;
use tempfile::NamedTempFile;

pub const APP: AppId = AppId(7);
pub const BUNDLE: &str = "org.example.chat";

pub struct World {
    pub providers: Providers,
    pub senders: Senders,
    pub metrics: Metrics,
    _authority: NamedTempFile,
}

impl World {
    pub async fn start() -> World {
        World::start_with(|options| options).await
    }

    pub async fn start_with(change: impl FnOnce(Options) -> Options) -> World {
        let clock = Clock::system();
        let providers = Providers::start(clock.clone()).await;
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(providers.authority.pem().as_bytes()).unwrap();
        let metrics = Metrics::new();
        let senders = Senders::new(&change(providers.options(authority.path())), clock, &metrics).unwrap();
        World { providers, senders, metrics, _authority: authority }
    }

    pub async fn send(&self, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome {
        self.senders.send(APP, credentials, target, alert).await
    }

    /// Apple's key for the bundle, and its credentials.
    pub fn apple(&self) -> (AppleKey, Credentials) {
        let key = self.providers.apple.key(&[BUNDLE]);
        let credentials = Credentials::apns_token(&key.pem, &key.key_id, &key.team_id, Some(BUNDLE)).unwrap();
        (key, credentials)
    }

    pub fn google(&self, project: &str) -> (GoogleAccount, Credentials) {
        let account = self.providers.google.account(project);
        let credentials = Credentials::fcm(&account.json).unwrap();
        (account, credentials)
    }
}

pub fn vapid() -> (VapidPair, Credentials) {
    let pair = VapidPair::generate().unwrap();
    let credentials = Credentials::vapid(&pair.private, "mailto:ops@example.test").unwrap();
    (pair, credentials)
}

pub fn apns(device: &AppleDevice) -> Target {
    let voip = device.topic.ends_with(".voip");
    Target::Apns { token: device.token.clone(), topic: BUNDLE.into(), sandbox: device.sandbox, voip }
}

pub fn web(browser: &Browser) -> Target {
    Target::Web { endpoint: browser.endpoint.clone(), p256dh: browser.p256dh.clone(), auth: browser.auth.clone() }
}

pub fn alert(text: &str) -> Alert {
    Alert {
        text: text.into(),
        title: Some("Ann".into()),
        collapse: "0123456789abcdef01234567-42".into(),
        badge: Some(3),
        high: true,
        data: vec![("dialog_id".into(), "0123456789abcdef01234567".into()), ("user_id".into(), 5.into())],
        ..Alert::default()
    }
}

pub fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { id: Some(id) } if !id.is_empty())
}

pub fn refused(status: u16, reason: &str) -> Outcome {
    Outcome::Refused { status: Some(status), reason: reason.into() }
}

pub fn credentials(status: u16, reason: &str) -> Outcome {
    Outcome::Credentials { status: Some(status), reason: reason.into() }
}
