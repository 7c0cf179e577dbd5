//! A service of one method in the shape that tonic generates, for the contract of links.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use natter_proto::codec::Codec;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::{Service, service_fn};

use crate::{Link, is_repeated};

#[derive(Clone, PartialEq, prost::Message)]
pub struct Word {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// The server: answers what its closure says.
#[derive(Clone)]
pub struct Echo(Arc<Answers>);

type Answers = dyn Fn(Word, bool) -> BoxFuture<'static, Result<Word, Status>> + Send + Sync;

impl Echo {
    pub fn new<Fut>(answer: impl Fn(Word) -> Fut + Send + Sync + 'static) -> Echo
    where
        Fut: Future<Output = Result<Word, Status>> + Send + 'static,
    {
        Echo::told(move |word, _| answer(word))
    }

    /// Of one that is told whether a request is repeated.
    pub fn told<Fut>(answer: impl Fn(Word, bool) -> Fut + Send + Sync + 'static) -> Echo
    where
        Fut: Future<Output = Result<Word, Status>> + Send + 'static,
    {
        Echo(Arc::new(move |word, repeated| Box::pin(answer(word, repeated))))
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "natter.test.v1.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.clone();
        Box::pin(async move {
            let method = service_fn(move |request: tonic::Request<Word>| {
                let repeated = is_repeated(&request);
                let answer = answer(request.into_inner(), repeated);
                async { answer.await.map(tonic::Response::new) }
            });
            Ok(tonic::server::Grpc::new(Codec::<Word, Word>::default()).unary(method, request).await)
        })
    }
}

/// The client.
pub async fn ask(link: &Link, text: &str) -> Result<String, Status> {
    say(link, text.to_owned()).await
}

/// The same with a text of its own.
pub async fn say(link: &Link, text: String) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(link.clone());
    client.ready().await.expect("a link never fails");
    let path = http::uri::PathAndQuery::from_static("/natter.test.v1.Echo/Say");
    let word = tonic::Request::new(Word { text });
    let answer = client.unary(word, path, Codec::<Word, Word>::default()).await?;
    Ok(answer.into_inner().text)
}
