//! A stream that another edge had, on its way here: it is claimed, the session it was ends, and what presence knows of that is handed
//! over, without a word to anybody: the new session has the same resource, and comes within the grace of the old one.

use std::time::Duration;

use natter_bus::Payload;
use natter_proto::Failure;
use natter_proto::event::v1::Expelled;
use natter_proto::presence::v1::SessionState;
use natter_proto::subject::Subject;

use crate::calls::Caller;
use crate::service::Edge;
use crate::session::{AGAIN_MS, Identity, KeptStream};
use crate::streams::StreamKey;

/// Bytes of the longest id that is asked for; ours are 32.
const ID_BYTES_MAX: usize = 64;

/// How long a stream stays that nobody keeps again: as long as its client may wait, and until it is kept again while that is there.
pub(crate) fn life(edge: &Edge) -> Duration {
    Duration::from_secs(edge.options.resume_s) + 2 * Duration::from_millis(AGAIN_MS.unsigned_abs())
}

/// Takes a stream, once. Nothing if it cannot be resumed; the client binds anew then.
pub(crate) async fn claim(edge: &Edge, key: StreamKey) -> Option<KeptStream> {
    if key.id.len() > ID_BYTES_MAX {
        return None;
    }
    let stored = edge.streams.kept()?.claim(&key, life(edge)).await;
    let stored = stored.inspect_err(|error| tracing::warn!("a stream cannot be claimed: {error}")).ok()??;
    let stream = KeptStream::read(key.id, stored);
    if stream.is_none() {
        tracing::warn!(app = key.app.0, user = key.user.0, "a kept stream cannot be read");
    }
    stream
}

/// Ends the session that had the stream, wherever it is. What it had proved is owed from here on. `me`: who goes on.
///
/// # Errors
/// Presence does not answer.
pub(crate) async fn let_go(edge: &Edge, me: &Identity, stream: &KeptStream) -> Result<(), Failure> {
    let (Some(old), Some(record)) = (stream.session().cloned(), stream.record().cloned()) else { return Ok(()) };
    // It learns it as well from whatever it wants to write next.
    let expelled = Expelled { app: me.app.0, user: me.user.0, session: Some(old.clone()), token: Vec::new() };
    edge.bus.publish(&Subject::Expelled.to_string(), Payload::of(expelled));
    let caller = Caller { session: old, token: String::new(), ..Caller::of(me) };
    edge.links.announce(&caller, SessionState::Vanished, Some(record), None).await.map(drop)
}
