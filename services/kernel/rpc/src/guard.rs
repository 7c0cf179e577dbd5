//! A server that takes only what its process should serve: the other end of `routed.rs`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use crate::about::About;
use crate::routed::elsewhere;

/// Whether this process should serve what is about this.
pub type Serves = Arc<dyn Fn(&About) -> bool + Send + Sync>;

/// A generated server behind the question whether it should be asked at all.
#[derive(Clone)]
pub struct Guarded<S> {
    server: S,
    serves: Serves,
}

/// `server` for what `serves` says yes to. Everything else is refused as [`elsewhere`], and nothing is done.
pub fn guarded<S>(server: S, serves: Serves) -> Guarded<S> {
    Guarded { server, serves }
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut server, serves) = (self.server.clone(), Arc::clone(&self.serves));
        Box::pin(async move {
            let (head, mut body) = request.into_parts();
            let mut begun = Vec::new();
            // What begins a message may come in several frames.
            let mut seen = Vec::new();
            while seen.len() < LOOKED_AT && is_cut_off(&seen) {
                match body.frame().await {
                    Some(Ok(frame)) => {
                        let data = frame.data_ref().cloned().unwrap_or_else(Bytes::new);
                        seen.extend_from_slice(&data[..data.len().min(LOOKED_AT)]);
                        begun.push(Ok(frame));
                    }
                    Some(Err(error)) => begun.push(Err(error)),
                    None => break,
                }
                if matches!(begun.last(), Some(Err(_))) {
                    break;
                }
            }
            if !serves(&About::of_frame(&seen)) {
                return Ok(elsewhere().into_http());
            }
            let body = Body::new(StreamBody::new(futures::stream::iter(begun).chain(BodyStream::new(body))));
            server.call(Request::from_parts(head, body)).await
        })
    }
}

/// Bytes in which the first two fields lie: a head, a number, an id, and what their tags take.
const LOOKED_AT: usize = 64;

/// Whether more of a message has to come before it can be read what it is about.
fn is_cut_off(seen: &[u8]) -> bool {
    let Some((head, rest)) = seen.split_first_chunk::<5>() else { return true };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    rest.len() < length
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::net::TcpListener;
    use tonic::Code;

    use super::*;
    use crate::contract::echo::{Echo, ask, say};
    use crate::{Link, LinkOptions, Routes, serve};

    #[tokio::test]
    async fn what_another_process_should_serve_is_refused_and_the_rest_arrives_whole() {
        let ours = Arc::new(AtomicBool::new(true));
        let said = ours.clone();
        let echo = guarded(Echo::new(|word| async { Ok(word) }), Arc::new(move |_| said.load(Ordering::Relaxed)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Routes::new(echo), std::future::pending()));
        let link = Link::channel(&uri, LinkOptions::default()).unwrap();
        for length in [0, 1, 58, 59, 60, 100_000, 3 << 20] {
            assert_eq!(say(&link, "x".repeat(length)).await.unwrap().len(), length);
        }
        ours.store(false, Ordering::Relaxed);
        let refused = ask(&link, "romeo").await.unwrap_err();
        assert_eq!((refused.code(), refused.metadata().contains_key("natter-elsewhere")), (Code::Unavailable, true));
    }
}
