//! Plain writes of many callers in few requests. A request is an unlogged batch of several partitions: each partition is written wholly or
//! not at all, and they are independent of one another. Where there are more servers than copies, whoever takes the batch passes on
//! what it keeps no copy of.

use std::time::Instant;

use super::{Cql, Servers, Write};
use crate::error::Error;
use crate::gather::Gather;
use crate::metrics::Op;

/// Plain writes in one partition: all of them or none.
pub struct Part {
    pub writes: Vec<Write>,
    /// About how long their values are.
    pub bytes: usize,
}

/// Writes that wait for a request.
pub(super) type Grouped = Gather<Vec<Write>, Result<(), Error>>;

impl Cql {
    /// Plain writes in several partitions, each of them durable on a quorum when answered; in one request with those of other callers, if it
    /// comes to that. Fails with the first failure, when all are answered: the others may be written. Whoever is dropped does not stop it.
    pub async fn write_parts(&self, parts: Vec<Part>) -> Result<(), Error> {
        let ask = |Part { writes, bytes }| {
            let cql = self.clone();
            let send = move |parts| {
                let cql = cql.clone();
                async move { cql.write_together(parts).await }
            };
            self.inner.grouped.ask(writes, bytes, send)
        };
        let answers: Vec<_> = parts.into_iter().map(ask).collect();
        let mut all = Ok(());
        for answer in answers {
            let written = answer.await.unwrap_or_else(|_| Err(Error::Unknown("too much waits, or the process ends".into())));
            all = all.and(written);
        }
        all
    }

    async fn write_together(&self, parts: Vec<Vec<Write>>) -> Vec<Result<(), Error>> {
        let count = parts.len();
        let started = Instant::now();
        let written = self.written(parts.into_iter().flatten().collect()).await;
        self.observe(Op::Commit, started, &written);
        // Of several partitions some may be written when another one is refused.
        let written = written.map_err(|error| match error {
            Error::Unknown(text) => Error::Unknown(text),
            error if count == 1 => error,
            error => Error::Unknown(format!("a part of a request: {error}")),
        });
        vec![written; count]
    }

    async fn written(&self, writes: Vec<Write>) -> Result<(), Error> {
        match &self.inner.servers {
            Servers::Real(real) => real.together(writes, true).await.map(drop),
            #[cfg(feature = "testing")]
            Servers::Simulated(client) => client.write_parts(client.bound_all(&writes)?).await,
        }
    }
}
