//! Reading a request body within a bound and a time.

use std::time::Duration;

use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::error::Refusal;

/// How many bytes of a body are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Kept in memory; a longer body is refused.
    pub kept: usize,
    /// Read at all. What is beyond `kept` is thrown away, but it is read: a client that is cut off while it writes sees a
    /// reset instead of the answer, and the oldest SDK takes a reset for success (contract rest 1.5).
    pub drained: usize,
}

/// The whole body, or 413, 408, or 400 if the client left half way.
pub(crate) async fn read(body: web::Payload, bounds: Bounds, deadline: Duration) -> Result<Bytes, Refusal> {
    let read = tokio::time::timeout(deadline, collect(body, bounds)).await;
    read.unwrap_or_else(|_| Err(Refusal::list(408, "the request body took too long")))
}

async fn collect(mut body: web::Payload, bounds: Bounds) -> Result<Bytes, Refusal> {
    let (mut kept, mut seen) = (BytesMut::new(), 0_usize);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Refusal::list(400, "the request body ended early"))?;
        seen = seen.saturating_add(chunk.len());
        if seen > bounds.drained {
            break;
        }
        if seen <= bounds.kept {
            kept.extend_from_slice(&chunk);
        }
    }
    if seen > bounds.kept { Err(Refusal::too_large()) } else { Ok(kept.freeze()) }
}
