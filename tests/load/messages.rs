//! Durable 1-1 messages over TLS WebSockets: the most per second, and latencies at fixed rates. At a fixed rate a message is
//! due at its time whether or not earlier ones were slow, and its latency counts from then (no coordinated omission).

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use natter_actor::Chance;
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, message, trusting};
use natter_tests::process::Natter;
use tokio_rustls::TlsConnector;

use crate::report::Report;

const PAIRS: usize = 16;
const SECONDS: u64 = 10;
const BODY: &str = "How are you today? The weather in Verona is fine and the balcony is free.";

/// The most, then 1,000/s and 5,000/s.
pub async fn run(report: &mut Report) -> Result<()> {
    let natter = Natter::start(&["dialog.app_rate=1000000"]).await?;
    let tls = trusting(&natter.ca())?;
    let pairs = pairs(&natter)?;
    let most = at_rate(&natter, &tls, &pairs, None).await?;
    report.add("durable 1-1 messages, as fast as they go", most.per_second, "msg/s", "10,000");
    report.add("  p50 ack latency at that load", most.millis(0.5), "ms", "");
    report.add("  p99 ack latency at that load", most.millis(0.99), "ms", "");
    for rate in [1000, 5000] {
        let run = at_rate(&natter, &tls, &pairs, Some(rate)).await?;
        let target = if rate == 1000 { "10 ms" } else { "" };
        report.add(&format!("at {rate}/s: reached"), run.per_second, "msg/s", "");
        report.add(&format!("at {rate}/s: p50"), run.millis(0.5), "ms", "");
        report.add(&format!("at {rate}/s: p95"), run.millis(0.95), "ms", "");
        report.add(&format!("at {rate}/s: p99"), run.millis(0.99), "ms", target);
    }
    Ok(())
}

/// Makes the users of all pairs.
fn pairs(natter: &Natter) -> Result<Vec<(Account, Account)>> {
    let user = |login: String| -> Result<Account> {
        let user = natter.create_user(1, &login, "correct horse")?;
        Ok(Account { app: 1, user, password: "correct horse".into() })
    };
    (0..PAIRS).map(|n| Ok((user(format!("from{n}"))?, user(format!("to{n}"))?))).collect()
}

struct Run {
    per_second: f64,
    latency: Histogram<u64>,
}

impl Run {
    fn millis(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

async fn at_rate(natter: &Natter, tls: &TlsConnector, pairs: &[(Account, Account)], rate: Option<u64>) -> Result<Run> {
    let mut readers = Vec::new();
    let mut senders = Vec::new();
    for (n, (from, to)) in pairs.iter().enumerate() {
        let mut reader = Client::connect(natter.ports.wss, tls, to, false).await?;
        readers.push(tokio::spawn(async move { while let Ok(Some(_)) = reader.next().await {} }));
        let client = Client::connect(natter.ports.wss, tls, from, true).await?;
        let pace = rate.map(|rate| Duration::from_secs_f64(pairs.len() as f64 / rate as f64));
        senders.push(tokio::spawn(stream(client, to.clone(), n as i64, pace)));
    }
    let mut latency = Histogram::new(3)?;
    let mut acked = 0_u64;
    for sender in senders {
        let (count, of_one) = sender.await??;
        acked += count;
        latency.add(of_one)?;
    }
    for reader in readers {
        reader.abort();
    }
    Ok(Run { per_second: acked as f64 / SECONDS as f64, latency })
}

const WINDOW: usize = 64;
const PATIENCE: Duration = Duration::from_secs(20);

async fn stream(mut client: Client, to: Account, lane: i64, pace: Option<Duration>) -> Result<(u64, Histogram<u64>)> {
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
    Ok((counted, latency))
}
