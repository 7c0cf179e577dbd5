//! One client that posts at a low rate, while nobody else does: what a message costs, without what passes anyway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use natter_tests::client::{Account, Client};
use tokio_rustls::TlsConnector;

use super::add_spent;
use super::chat::millis;
use crate::place::{Clock, Place};
use crate::report::Report;
use crate::stream::{Stream, latencies};

/// Messages a second.
pub const RATE: f64 = 20.0;

/// Who posts, and where to.
pub struct Post<'a> {
    pub place: &'a Place,
    pub tls: &'a TlsConnector,
    pub writer: &'a Account,
    pub to: Vec<String>,
    pub type_: &'static str,
    /// What passes when nobody asks anything.
    pub idle: &'a (Clock, Duration),
}

/// What that cost.
pub struct Cost {
    count: u64,
    acks: Histogram<u64>,
    spent: Clock,
}

impl Post<'_> {
    /// At the first edge.
    pub async fn run(&self, time: Duration) -> Result<Cost> {
        let client = Client::connect(self.place.edges()[0], self.tls, self.writer, true).await?;
        let (before, started) = (self.place.clock()?, Instant::now());
        let pace = Some(Duration::from_secs_f64(1.0 / RATE));
        let (to, stop, window) = (self.to.clone(), Arc::default(), 1);
        let stream = Stream { to, type_: self.type_, lane: 0, pace, window, time, stop, epoch: started };
        let acked = stream.run(client).await?;
        // What is told and what it leads to is done soon after the ack.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let spent = self.place.clock()?.since(&before).without_idle(started.elapsed(), self.idle);
        Ok(Cost { count: acked.len() as u64, acks: latencies(&acked)?, spent })
    }
}

impl Cost {
    pub fn add(&self, report: &mut Report, what: &str) {
        report.add(&format!("{what}: p50 until the ack"), millis(&self.acks, 0.5), "ms", "");
        report.add(&format!("{what}: p99 until the ack"), millis(&self.acks, 0.99), "ms", "");
        add_spent(report, what, &self.spent, self.count);
    }
}
