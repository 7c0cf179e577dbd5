//! The seam between the queue and whoever sends: here is decided that something is to be sent, and noted what came of it. Whoever
//! sends knows the credentials of the apps.

use natter_proto::AppId;
use natter_rpc::async_trait;

use crate::provider::{Alert, Outcome, Target};

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
        Outcome::Credentials { status: None, reason: "no credentials for the channel".to_owned() }
    }
}
