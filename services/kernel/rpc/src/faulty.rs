//! Links that lose and delay calls by a seed, for simulations on one thread with paused time.

use std::future::pending;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use natter_actor::Chance;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::link::{Link, LinkOptions, Transport};
use crate::{Routes, transport};

/// How bad a link is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// Of a thousand requests, and of a thousand answers, so many are lost. A lost answer's request was carried out.
    pub lost_per_mille: u32,
    /// Longest delay of a request, and of an answer; each is drawn anew, so calls overtake one another.
    pub delay_max: Duration,
}

impl Link {
    /// This link with faults. Whoever calls through it waits for what is lost until the deadline.
    pub fn faulty(mut self, faults: Faults, chance: Chance) -> Link {
        self.transport = BoxCloneSyncService::new(Faulty { transport: self.transport, faults, chance });
        self
    }
}

#[derive(Clone)]
struct Faulty {
    transport: Transport,
    faults: Faults,
    chance: Chance,
}

impl Faulty {
    /// One way of a call.
    async fn travel(&self) {
        if self.chance.below(1_000) < u64::from(self.faults.lost_per_mille) {
            pending::<()>().await;
        }
        let delay_max = self.faults.delay_max.as_micros() as u64;
        sleep(Duration::from_micros(self.chance.below(delay_max + 1))).await;
    }
}

impl Service<Request<Body>> for Faulty {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let way = self.clone();
        Box::pin(async move {
            way.travel().await;
            let answer = way.transport.clone().oneshot(request).await;
            way.travel().await;
            answer
        })
    }
}

/// A call on its way to a simulated process.
pub struct Call(Request<Body>);

/// What came of it: a failure says whether it may have been carried out.
pub type Answered = Result<Response<Body>, Status>;

/// Whatever lies between two processes that are simulated together.
pub trait Carrier: Send + Sync + 'static {
    /// Takes a call there, and brings the answer back.
    fn carry(&self, call: Call) -> BoxFuture<'static, Answered>;
}

impl Call {
    /// The door and the verb.
    pub fn path(&self) -> &str {
        self.0.uri().path()
    }

    /// Arrives at what a process serves.
    pub async fn at(self, routes: Routes) -> Answered {
        transport::guarded(routes, self.0, None).await
    }
}

impl Link {
    /// A link to another simulated process.
    pub fn carried(carrier: Arc<dyn Carrier>, options: LinkOptions) -> Link {
        Link::over(Carried(carrier), options)
    }
}

#[derive(Clone)]
struct Carried(Arc<dyn Carrier>);

impl Service<Request<Body>> for Carried {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Answered>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.carry(Call(request))
    }
}
