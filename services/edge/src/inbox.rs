//! What presence tells this edge, handed to the sessions it is for (design.md 6, step 12).

use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Mailbox, Refused};
use natter_bus::Subscription;
use natter_proto::event::v1::EdgeFrame;
use natter_proto::{AppId, UserId};
use prost::Message;
use tokio::time::timeout;

use crate::actor::SessionMessage;
use crate::metrics::Metrics;
use crate::table::Table;

/// How long a session's full mailbox may hold all others up. Its actor never waits for anything, so it is a matter of turns.
const PATIENCE: Duration = Duration::from_millis(200);

/// Hands frames out, in the order they came, until the bus ends.
pub(crate) async fn run(mut frames: Subscription, table: Arc<Table>, metrics: Metrics) {
    while let Some(bytes) = frames.next().await {
        let Ok(EdgeFrame { frame: Some(frame), users }) = EdgeFrame::decode(bytes) else {
            tracing::warn!("a frame on the bus cannot be read");
            continue;
        };
        metrics.frames.inc();
        let app = AppId(frame.app);
        let frame = Arc::new(frame);
        for user in users {
            for session in table.sessions_of((app, UserId(user))) {
                hand(&session, SessionMessage::Frame(frame.clone()), &metrics).await;
            }
        }
    }
}

async fn hand(session: &Mailbox<SessionMessage>, message: SessionMessage, metrics: &Metrics) {
    let Err(Refused::Full(message)) = session.tell(message) else { return };
    if timeout(PATIENCE, session.deliver(message)).await.is_err() {
        // The session sees the jump with the next frame and fetches what is stored.
        metrics.frames_lost.inc();
    }
}
