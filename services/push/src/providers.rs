//! The seam between the queue and whoever sends: here is decided that something is to be sent, with which credentials, and noted
//! what came of it.

use natter_proto::AppId;
use natter_rpc::async_trait;

use crate::provider::{Alert, Credentials, Outcome, Senders, Target};

/// Whoever sends. One call is one attempt, which ends by itself.
#[async_trait]
pub trait Providers: Send + Sync {
    async fn send(&self, app: AppId, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome;
}

#[async_trait]
impl Providers for Senders {
    async fn send(&self, app: AppId, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome {
        Senders::send(self, app, credentials, target, alert).await
    }
}
