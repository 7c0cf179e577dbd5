//! The seam to the providers: what is sent, where to, and what may come of it. Whoever sends knows the credentials of the apps,
//! the protocols and their pauses; here is decided that something is to be sent, and noted what came of it.

use std::time::Duration;

use natter_proto::AppId;
use natter_rpc::async_trait;
use serde_json::Value;

/// What one device is to be sent.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Alert {
    pub text: String,
    pub title: Option<String>,
    /// The same for each attempt at the same message: devices show one. At most 64 bytes, url-safe.
    pub collapse: String,
    pub badge: Option<u64>,
    pub sound: Option<String>,
    pub category: Option<String>,
    pub thread: Option<String>,
    /// Shows nothing.
    pub silent: bool,
    /// Unix milliseconds; none: the provider's own.
    pub expires_at: Option<i64>,
    pub high: bool,
    /// `dialog_id`, `message_id`, `user_id`, keys of the app.
    pub data: Vec<(String, Value)>,
}

/// Where a device is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    Apns {
        token: String,
        /// The bundle; empty: the one of the credentials.
        topic: String,
        sandbox: bool,
        voip: bool,
    },
    Fcm {
        token: String,
    },
    Web {
        endpoint: String,
        p256dh: String,
        auth: String,
    },
}

/// Why a provider does not know a device any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason(pub String);

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The provider took it, under this id of its own.
    Accepted { id: Option<String> },
    /// The device is gone: it is left alone.
    Rejected(Reason),
    /// This request is wrong, and would be again.
    Refused { status: u16, reason: String },
    /// The app's credentials are, or there are none: the channel pauses.
    Credentials { status: u16, reason: String },
    /// Not now.
    Later { after: Option<Duration>, reason: String },
}

/// Whoever sends. One call is one attempt, which ends by itself.
#[async_trait]
pub trait Providers: Send + Sync {
    async fn send(&self, app: AppId, target: &Target, alert: &Alert) -> Outcome;
}

/// Of an installation in which no app has credentials: says so of each attempt.
pub struct NoProviders;

#[async_trait]
impl Providers for NoProviders {
    async fn send(&self, _: AppId, _: &Target, _: &Alert) -> Outcome {
        Outcome::Credentials { status: 0, reason: "no credentials for the channel".to_owned() }
    }
}
