//! Durable 1-1 messages over TLS WebSockets: the most per second, and latencies at fixed rates. Every message has to be acknowledged
//! to its sender and has to reach its recipient, or there is no figure.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use natter_tests::client::{Account, Client, trusting};
use natter_tests::process::{Natter, cpu_of};
use tokio_rustls::TlsConnector;

use crate::report::Report;
use crate::stream::{PATIENCE, Stream, latencies, listen};

const PAIRS: usize = 16;
pub const SECONDS: u64 = 10;

/// The most, then 1,000/s and 5,000/s.
pub async fn run(report: &mut Report) -> Result<()> {
    let natter = Natter::start(&["dialog.app_rate=1000000"]).await?;
    let tls = trusting(&natter.ca())?;
    let pairs = pairs(&natter)?;
    let most = at_rate(&natter, &tls, &pairs, None).await?;
    report.add("durable 1-1 messages, as fast as they go", most.per_second, "msg/s", "20,000");
    report.add("  p50 ack latency at that load", most.millis(0.5), "ms", "");
    report.add("  p99 ack latency at that load", most.millis(0.99), "ms", "");
    report.add("  time of the server on a core, per message", most.server_us, "us", "");
    report.add("  time of the generator on a core, per message", most.generator_us, "us", "");
    for rate in [1000, 5000] {
        let run = at_rate(&natter, &tls, &pairs, Some(rate)).await?;
        let target = if rate == 1000 { "10 ms" } else { "" };
        report.add(&format!("at {rate}/s: reached"), run.per_second, "msg/s", "");
        report.add(&format!("at {rate}/s: p50"), run.millis(0.5), "ms", "");
        report.add(&format!("at {rate}/s: p95"), run.millis(0.95), "ms", "");
        report.add(&format!("at {rate}/s: p99"), run.millis(0.99), "ms", target);
        report.add(&format!("at {rate}/s: time of the server on a core, per message"), run.server_us, "us", "");
    }
    Ok(())
}

/// Makes the users of all pairs.
pub fn pairs(natter: &Natter) -> Result<Vec<(Account, Account)>> {
    let user = |login: String| -> Result<Account> {
        let user = natter.create_user(1, &login, "correct horse")?;
        Ok(Account { app: 1, user, password: "correct horse".into() })
    };
    (0..PAIRS).map(|n| Ok((user(format!("from{n}"))?, user(format!("to{n}"))?))).collect()
}

/// What a run at one rate saw.
pub struct Run {
    per_second: f64,
    latency: Histogram<u64>,
    /// Microseconds on a core per message: what a noisy machine changes least.
    server_us: f64,
    generator_us: f64,
}

impl Run {
    pub fn millis(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// Every pair talks for `SECONDS`, all together at this rate, or as fast as acks come.
pub async fn at_rate(natter: &Natter, tls: &TlsConnector, pairs: &[(Account, Account)], rate: Option<u64>) -> Result<Run> {
    // All who read, then all who write: connections are dealt out to threads in turn, and each is to get half of either.
    let (mut readers, mut clients) = (Vec::new(), Vec::new());
    let epoch = Instant::now();
    for (_, to) in pairs {
        readers.push(tokio::spawn(listen(Client::connect(natter.ports.wss, tls, to, false).await?, epoch)));
    }
    for (from, _) in pairs {
        clients.push(Client::connect(natter.ports.wss, tls, from, true).await?);
    }
    let (server, generator) = (natter.cpu()?, cpu_of("self")?);
    let pace = rate.map(|rate| Duration::from_secs_f64(pairs.len() as f64 / rate as f64));
    let stream = |lane, to| Stream::to_user(to, lane, pace, Duration::from_secs(SECONDS), epoch);
    let streams = clients.into_iter().zip(pairs).zip(0..);
    let senders: Vec<_> = streams.map(|((client, (_, to)), lane)| tokio::spawn(stream(lane, to).run(client))).collect();
    let started = Instant::now();
    let mut all = Vec::new();
    for sender in senders {
        all.extend(sender.await??);
    }
    let (took, acked) = (started.elapsed(), all.len() as u64);
    let mut heard = 0;
    for reader in readers {
        let reader = tokio::time::timeout(PATIENCE, reader).await.context("messages did not reach their recipient")?;
        heard += reader??.count;
    }
    ensure!(heard == acked, "{acked} messages were acknowledged, {heard} reached their recipients");
    let per_message = |spent: Duration| spent.as_secs_f64() * 1e6 / acked as f64;
    Ok(Run {
        per_second: acked as f64 / took.as_secs_f64(),
        latency: latencies(&all)?,
        server_us: per_message(natter.cpu()? - server),
        generator_us: per_message(cpu_of("self")? - generator),
    })
}
