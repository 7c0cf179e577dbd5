//! Durable 1-1 messages over TLS WebSockets: the most per second, and latencies at fixed rates. At a fixed rate a message is
//! due at its time whether or not earlier ones were slow, and its latency counts from then (no coordinated omission). Every
//! message has to be acknowledged to its sender and has to reach its recipient, or there is no figure.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use natter_actor::Chance;
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, message, trusting};
use natter_tests::process::{Natter, cpu_of};
use tokio_rustls::TlsConnector;

use crate::report::Report;

const PAIRS: usize = 16;
pub const SECONDS: u64 = 10;
/// What the last message of a run says.
const LAST: &str = "<body>Good night.</body>";
const BODY: &str = "How are you today? The weather in Verona is fine and the balcony is free.";

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
    for (_, to) in pairs {
        readers.push(tokio::spawn(count(Client::connect(natter.ports.wss, tls, to, false).await?)));
    }
    for (from, _) in pairs {
        clients.push(Client::connect(natter.ports.wss, tls, from, true).await?);
    }
    let (server, generator) = (natter.cpu()?, cpu_of("self")?);
    let pace = rate.map(|rate| Duration::from_secs_f64(pairs.len() as f64 / rate as f64));
    let streams = clients.into_iter().zip(pairs).zip(0..);
    let senders: Vec<_> = streams.map(|((client, (_, to)), lane)| tokio::spawn(stream(client, to.clone(), lane, pace))).collect();
    let started = Instant::now();
    let (mut latency, mut acked) = (Histogram::new(3)?, 0);
    for sender in senders {
        let (count, of_one) = sender.await??;
        acked += count;
        latency.add(of_one)?;
    }
    let took = started.elapsed();
    let mut heard = 0;
    for reader in readers {
        heard += tokio::time::timeout(PATIENCE, reader).await.context("messages did not reach their recipient")???;
    }
    ensure!(heard == acked, "{acked} messages were acknowledged, {heard} reached their recipients");
    let per_message = |spent: Duration| spent.as_secs_f64() * 1e6 / acked as f64;
    Ok(Run {
        per_second: acked as f64 / took.as_secs_f64(),
        latency,
        server_us: per_message(natter.cpu()? - server),
        generator_us: per_message(cpu_of("self")? - generator),
    })
}

/// Counts messages up to the last one, and leaves properly, so that nobody is owed anything.
pub async fn count(mut reader: Client) -> Result<u64> {
    let mut count = 0;
    loop {
        let frame = reader.next().await?.context("the stream of a recipient ended")?;
        // What an earlier run said last may come again.
        if frame.contains("<delay") {
            continue;
        }
        if frame.contains(LAST) {
            reader.close().await?;
            return Ok(count);
        }
        count += u64::from(frame.contains("<body>"));
    }
}

const WINDOW: usize = 64;
/// Longest wait for what is on its way at the end.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends to one user for `SECONDS`, as fast as acks come, or at a pace, one message in each; how many were acknowledged, and when.
pub async fn stream(mut client: Client, to: Account, lane: i64, pace: Option<Duration>) -> Result<(u64, Histogram<u64>)> {
    let mut latency = Histogram::new(3)?;
    let started = Instant::now();
    let end = started + Duration::from_secs(SECONDS);
    let salt = Chance::system().u64();
    let mut due_times = std::collections::VecDeque::new();
    let (mut sent, mut counted) = (0_u64, 0_u64);
    while Instant::now() < end || !due_times.is_empty() {
        let mut fed = false;
        while Instant::now() < end {
            let due = match pace {
                None if due_times.len() < WINDOW => Instant::now(),
                None => break,
                Some(pace) => started + pace.mul_f64(sent as f64),
            };
            if due > Instant::now() {
                break;
            }
            let id = MessageId::from_random(lane, salt.wrapping_add(sent).to_be_bytes());
            client.feed(message(&to, &id.to_string(), BODY)).await?;
            client.feed(ASK.into()).await?;
            due_times.push_back(due);
            sent += 1;
            fed = true;
        }
        if fed {
            client.flush().await?;
        }
        if Instant::now() >= end && due_times.is_empty() {
            break;
        }
        // Until the end the next message is waited for, and acks beside it; after it, only acks.
        let next_due = pace.map(|pace| (started + pace.mul_f64(sent as f64)).min(end)).filter(|_| Instant::now() < end);
        let frame = match next_due {
            Some(due) => match tokio::time::timeout_at(due.into(), client.next()).await {
                Ok(frame) => frame?,
                Err(_) => continue,
            },
            None => tokio::time::timeout(PATIENCE, client.next())
                .await
                .with_context(|| format!("{} of {sent} acks did not come", due_times.len()))??,
        };
        if let Some(h) = acknowledged(&frame.context("the stream ended")?) {
            for _ in counted..h {
                let due: Instant = due_times.pop_front().context("more acks than messages")?;
                latency.record(due.elapsed().as_micros() as u64)?;
            }
            counted = h;
        }
    }
    let id = MessageId::from_random(lane, salt.wrapping_add(sent).to_be_bytes());
    client.feed(message(&to, &id.to_string(), "Good night.")).await?;
    client.send(ASK.into()).await?;
    client.expect(&format!("h=\"{}\"", counted + 1)).await?;
    client.close().await?;
    Ok((counted, latency))
}
