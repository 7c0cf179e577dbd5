//! Unary calls from one process to another that go together over one stream (decision 0044): what waits at the same time is one message
//! of the stream, on the way there and on the way back. `caller.rs` is the end that calls, `server.rs` the one that is called. Not here:
//! calls with a stream of messages, and long messages; those travel by themselves.
//!
//! - What a call is does not change: deadlines, spans, codes and headers are those of a call by itself, and a caller that leaves takes its
//!   handler with it.
//! - A call that was not handed to the stream, or that a server which stops has not begun, is `unavailable`; one that was, and is not
//!   answered when the stream breaks, is `unknown`.
//! - To a server that does not know the stream calls go by themselves; it is tried again after a while.

mod caller;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use caller::{Caller, Heard, MESSAGE_BYTES_MAX};
pub(crate) use server::Together;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use natter_proto::rpc::v1 as wire;

/// Headers that each end knows without being told.
const IMPLIED: [HeaderName; 3] = [http::header::TE, http::header::CONTENT_TYPE, http::header::USER_AGENT];

fn to_wire(headers: &HeaderMap) -> Vec<wire::Header> {
    let told = headers.iter().filter(|(name, _)| !IMPLIED.contains(name));
    told.map(|(name, value)| wire::Header { name: name.to_string(), value: Bytes::copy_from_slice(value.as_bytes()) }).collect()
}

/// A header that is none is left out.
fn from_wire(headers: Vec<wire::Header>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    headers.into_iter().filter_map(|wire::Header { name, value }| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    })
}
