//! `GET` and `HEAD` of `/blobs/{uid}`: the content of a file (contract rest 6.2), such that a browser that follows the address
//! shows a picture or saves a file, and never runs it as a page of this origin.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use natter_proto::account::v1::VisitAppRequest;
use natter_proto::storage::v1::{Blob, Chunk, FindRequest, ReadRequest};
use natter_rpc::Streaming;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::channel;
use tokio::time::timeout;

use super::disposition::disposition;
use super::kind::Kind;
use super::range::{Part, names, part};
use crate::answer::{Answer, Body};
use crate::door::{Asked, Door, header_text};
use crate::error::Refusal;
use crate::headers::Known;

/// An origin of its own, no script, nothing else loaded: but the browser's own page around a film or a sound, whose address was
/// opened, has to load it (tried in Chromium).
const POLICY: &str = "sandbox; default-src 'none'; media-src *";
/// A client that takes nothing for so long is no longer read for.
const STALLED: Duration = Duration::from_secs(60);
/// Chunks between the storage service and the socket.
const CHUNKS_WAITING: usize = 1;

/// What a request says about what it has and wants.
#[derive(Default)]
pub(crate) struct Conditions {
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub if_none_match: Option<String>,
}

impl Conditions {
    /// Those of a request.
    pub(crate) fn of(request: &HttpRequest) -> Conditions {
        let text = |name| header_text(request, name).map(str::to_owned);
        Conditions { range: text("range"), if_range: text("if-range"), if_none_match: text("if-none-match") }
    }
}

/// Answers the content, a part of it, or that the client has it.
pub(crate) async fn content(door: &Door, asked: &Asked, known: &mut Known) -> Result<Answer, Refusal> {
    let blob = door.storage().find(FindRequest { uid: asked.ids.clone() }).await?.into_inner();
    match blob.public {
        true => visit(door, asked, blob.app, known).await?,
        false => allow(door, asked, &blob, known).await?,
    }
    let tag = format!("\"{}\"", blob.uid);
    if asked.conditions.if_none_match.as_deref().is_some_and(|header| names(header, &tag)) {
        return Ok(Answer { status: 304, headers: headers(&blob, &tag), body: Body::Empty });
    }
    // A HEAD has no parts (RFC 9110, 14.2); a part of another content is of no use.
    let fresh = asked.conditions.if_range.as_deref().is_none_or(|header| header == tag);
    let wanted = asked.conditions.range.as_deref().filter(|_| fresh && !asked.head);
    let (status, range) = match wanted.map_or(Part::Whole, |header| part(header, blob.size)) {
        Part::Whole => (200, 0..blob.size),
        Part::Some(range) => (206, range),
        Part::Unsatisfiable => return Ok(unsatisfiable(blob.size)),
    };
    let mut headers = headers(&blob, &tag);
    if status == 206 {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.size);
        headers.extend(header_of(header::CONTENT_RANGE, &value));
    }
    let length = range.end - range.start;
    let bytes = if asked.head { stream::empty().boxed() } else { read(door, &blob, range).await? };
    Ok(Answer { status, headers, body: Body::File { length, bytes } })
}

// Without a token nobody has looked whether the app is open, and whether the name that the client came by is another app's: nothing of
// a user is shown under the name of an app that is not his.
async fn visit(door: &Door, asked: &Asked, app: u64, known: &mut Known) -> Result<(), Refusal> {
    let request = VisitAppRequest { id: app, host: asked.host.clone(), origin: asked.origin.clone() };
    known.lists_origins = !door.accounts().visit_app(request).await?.into_inner().origins.is_empty();
    Ok(())
}

// Any user of the app may: who has the uid was given it. The token stands in the address or in the header. A page of pictures
// asks for many at once, so these requests are counted by what is under way, and not by the second.
async fn allow(door: &Door, asked: &Asked, blob: &Blob, known: &mut Known) -> Result<(), Refusal> {
    let token = asked.token.clone().or_else(|| asked.params.word("token"));
    let session = door.session_of(token.as_deref(), asked).await?;
    *known = Known::of(&session);
    match (session.app == blob.app, session.user) {
        (false, _) => Err(Refusal::not_found()),
        (true, 0) => Err(Refusal::need_user()),
        (true, _) => Ok(()),
    }
}

fn headers(blob: &Blob, tag: &str) -> Vec<(HeaderName, HeaderValue)> {
    let kind = Kind::of(&blob.content_type);
    // What is private is asked for again each time: the right to it may be over.
    let cache = if blob.public { "public, max-age=3600" } else { "private, no-cache" };
    let headers = [
        (header::CONTENT_TYPE, kind.content_type),
        (header::CONTENT_DISPOSITION, &disposition(&blob.name, kind.attachment)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, cache),
        (header::ETAG, tag),
    ];
    headers.into_iter().filter_map(|(name, value)| header_of(name, value)).collect()
}

fn header_of(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name, HeaderValue::from_str(value).ok()?))
}

fn unsatisfiable(size: u64) -> Answer {
    let headers = header_of(header::CONTENT_RANGE, &format!("bytes */{size}")).into_iter().collect();
    Answer { status: 416, headers, body: Body::Json(json!({"errors": ["The file has no such part"]})) }
}

async fn read(
    door: &Door,
    blob: &Blob,
    range: std::ops::Range<u64>,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>, Refusal> {
    let permit = Arc::clone(&door.downloads).try_acquire_owned().map_err(|_| Refusal::busy())?;
    let request = ReadRequest { uid: blob.uid.clone(), from: range.start, upto: range.end };
    let chunks = door.storage().read(request).await?.into_inner();
    Ok(paced(chunks, permit))
}

// A task of its own reads on while the client takes, so that one that takes nothing holds no file and no permit: its connection
// ends short when it comes back.
fn paced(mut chunks: Streaming<Chunk>, permit: OwnedSemaphorePermit) -> BoxStream<'static, std::io::Result<Bytes>> {
    let (send, receive) = channel(CHUNKS_WAITING);
    tokio::spawn(async move {
        let _permit = permit;
        loop {
            let next = match chunks.message().await {
                Ok(Some(chunk)) => Ok(chunk.bytes),
                Ok(None) => return,
                Err(status) => Err(std::io::Error::other(status.message().to_owned())),
            };
            let is_last = next.is_err();
            let is_taken = timeout(STALLED, send.send(next)).map(|sent| matches!(sent, Ok(Ok(()))));
            if !is_taken.await || is_last {
                return;
            }
        }
    });
    stream::unfold(receive, |mut receive| async { Some((receive.recv().await?, receive)) }).boxed()
}
