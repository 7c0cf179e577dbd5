//! Pairs of users who chat, all together at a rate or as fast as acks come. Of a place with several edges a reader is at the edge after
//! his writer's, so that a message crosses over. What is acknowledged has to be heard, or there is no figure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use natter_tests::client::{Account, Client, trusting};
use natter_tests::process::cpu_of;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::fixture::{Doors, users};
use crate::place::{Clock, Place};
use crate::stream::{Acked, Heard, PATIENCE, Stream, WINDOW, latencies, listen};

/// Messages of all pairs on their way at a time, as fast as they go.
const IN_FLIGHT: usize = 1_024;
/// Connections made at once.
pub const AT_ONCE: usize = 16;

/// Who chats, and where.
pub struct Chat<'a> {
    pub place: &'a Place,
    pub tls: TlsConnector,
    /// Writer and reader.
    pub pairs: Vec<(Account, Account)>,
    pub edges: Vec<u16>,
}

/// Longer than anything measured beside it.
const HOURS: Duration = Duration::from_secs(3 * 3_600);

/// A chat that goes on.
struct Running {
    readers: Vec<JoinHandle<Result<Heard>>>,
    senders: Vec<JoinHandle<Result<Vec<Acked>>>>,
    before: Clock,
    generator: Duration,
    started: Instant,
}

/// What was seen of a chat.
pub struct Seen {
    pub acked: Vec<Acked>,
    pub per_second: f64,
    /// Microseconds from when a message was due.
    pub acks: Histogram<u64>,
    pub heard: Histogram<u64>,
    pub spent: Clock,
    pub took: Duration,
    pub generator: Duration,
}

impl Seen {
    pub fn count(&self) -> u64 {
        self.acked.len() as u64
    }

    pub fn generator_us(&self) -> f64 {
        self.generator.as_secs_f64() * 1e6 / self.count().max(1) as f64
    }
}

/// Milliseconds of a quantile.
pub fn millis(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1_000.0
}

impl<'a> Chat<'a> {
    /// So many new pairs on these edges.
    pub async fn of(place: &'a Place, name: &str, pairs: usize, edges: &[u16]) -> Result<Chat<'a>> {
        let name = place.named(name);
        let writers = users(place, &format!("{name}-from"), pairs).await?;
        let readers = users(place, &format!("{name}-to"), pairs).await?;
        let tls = trusting(&place.ca())?;
        Ok(Chat { place, tls, pairs: writers.into_iter().zip(readers).collect(), edges: edges.to_vec() })
    }

    /// All together at this rate, or as fast as acks come.
    pub async fn run(&self, rate: Option<f64>, time: Duration) -> Result<Seen> {
        let seen = self.begin(rate, time, Arc::default()).await?.end(self.place).await?;
        let (acked, heard) = (seen.count(), seen.heard.len());
        ensure!(heard == acked, "{acked} messages were acknowledged, {heard} reached their recipients");
        Ok(seen)
    }

    /// At this rate for as long as something else takes. What is not heard is for the caller.
    pub async fn run_beside<T>(&self, rate: f64, other: impl Future<Output = Result<T>>) -> Result<(Seen, T)> {
        let stop = Arc::new(AtomicBool::new(false));
        let running = self.begin(Some(rate), HOURS, stop.clone()).await?;
        let outcome = other.await;
        stop.store(true, Ordering::Relaxed);
        let seen = running.end(self.place).await?;
        Ok((seen, outcome?))
    }

    async fn begin(&self, rate: Option<f64>, time: Duration, stop: Arc<AtomicBool>) -> Result<Running> {
        let epoch = Instant::now();
        let readers = self.connect(false).await?;
        let readers = readers.into_iter().map(|client| tokio::spawn(listen(client, epoch))).collect();
        let writers = self.connect(true).await?;
        let pace = rate.map(|rate| Duration::from_secs_f64(self.pairs.len() as f64 / rate));
        let (before, generator, started) = (self.place.clock()?, cpu_of("self")?, Instant::now());
        let lanes = writers.into_iter().zip(&self.pairs).zip(0..);
        let window = (IN_FLIGHT / self.pairs.len()).clamp(1, WINDOW);
        let stream = |lane, to| Stream { window, stop: stop.clone(), ..Stream::to_user(to, lane, pace, time, epoch) };
        let senders = lanes.map(|((client, (_, to)), lane)| tokio::spawn(stream(lane, to).run(client))).collect();
        Ok(Running { readers, senders, before, generator, started })
    }

    async fn connect(&self, is_writer: bool) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        let numbers: Vec<usize> = (0..self.pairs.len()).collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let connecting = numbers.iter().map(|n| {
                let (from, to) = &self.pairs[*n];
                let (account, at) = if is_writer { (from, *n) } else { (to, n + 1) };
                Client::connect(self.edges[at % self.edges.len()], &self.tls, account, is_writer)
            });
            clients.extend(try_join_all(connecting).await?);
        }
        Ok(clients)
    }
}

impl Running {
    /// When all is sent, acknowledged and heard.
    async fn end(self, place: &Place) -> Result<Seen> {
        let mut acked = Vec::new();
        for sender in self.senders {
            acked.extend(sender.await??);
        }
        let took = self.started.elapsed();
        let mut heard = Histogram::new(3)?;
        for reader in self.readers {
            let of_one = tokio::time::timeout(PATIENCE, reader).await.context("messages did not reach their recipient")???;
            heard.add(of_one.latency)?;
        }
        Ok(Seen {
            per_second: acked.len() as f64 / took.as_secs_f64(),
            acks: latencies(&acked)?,
            acked,
            heard,
            spent: place.clock()?.since(&self.before),
            took,
            generator: cpu_of("self")? - self.generator,
        })
    }
}
