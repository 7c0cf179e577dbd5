//! Links that lose and delay calls by a seed, for simulations on one thread with paused time.

use std::future::pending;
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

use crate::link::{Link, Transport};

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
