//! One client that sends to one place, as fast as acks come or at a pace, and one that listens. At a pace a message is due at its time
//! whether or not earlier ones were slow, and its latency counts from then (no coordinated omission). A body begins with the time its
//! message was due at, so that whoever listens knows how long it was on its way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use natter_actor::Chance;
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, between};

use crate::fixture::stored;

/// What the last message of a stream says.
const LAST: &str = "<body>Good night.</body>";
const TEXT: &str = "How are you today? The weather in Verona is fine and the balcony is free.";
/// On their way at a time, where there is no pace.
pub const WINDOW: usize = 64;
/// Longest wait for what is on its way at the end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where messages go, and how.
#[derive(Clone)]
pub struct Stream {
    /// The addresses of users or of groups, one after the other.
    pub to: Vec<String>,
    /// `chat` or `groupchat`.
    pub type_: &'static str,
    /// Distinguishes the ids of this stream from those of others in the same dialog.
    pub lane: i64,
    /// Between two messages; none: as fast as acks come.
    pub pace: Option<Duration>,
    /// Without a pace, so many on their way at a time.
    pub window: usize,
    pub time: Duration,
    /// Ends it before its time.
    pub stop: Arc<AtomicBool>,
    /// What the times in bodies count from.
    pub epoch: Instant,
}

/// A message that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Acked {
    pub due: Instant,
    pub took: Duration,
}

/// What was heard.
pub struct Heard {
    pub count: u64,
    /// Microseconds from when a message was due.
    pub latency: Histogram<u64>,
}

/// The address of a user.
pub fn address(account: &Account) -> String {
    format!("{}-{}@localhost", account.user, account.app)
}

/// Of what was acknowledged, microseconds.
pub fn latencies<'a>(acked: impl IntoIterator<Item = &'a Acked>) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new(3)?;
    for acked in acked {
        latency.record(acked.took.as_micros() as u64)?;
    }
    Ok(latency)
}

impl Stream {
    /// To one user for a time.
    pub fn to_user(to: &Account, lane: i64, pace: Option<Duration>, time: Duration, epoch: Instant) -> Stream {
        let (to, stop) = (vec![address(to)], Arc::default());
        Stream { to, type_: "chat", lane, pace, window: WINDOW, time, stop, epoch }
    }

    /// Sends, and waits until all of it is acknowledged. Then every place is told that it was the last.
    pub async fn run(self, mut client: Client) -> Result<Vec<Acked>> {
        let started = Instant::now();
        let end = started + self.time;
        let is_over = || Instant::now() >= end || self.stop.load(Ordering::Relaxed);
        let salt = Chance::system().u64();
        let (mut due_times, mut acked) = (VecDeque::new(), Vec::new());
        let (mut sent, mut counted) = (0_u64, 0_u64);
        while !is_over() || !due_times.is_empty() {
            let mut fed = false;
            while !is_over() {
                let due = match self.pace {
                    None if due_times.len() < self.window => Instant::now(),
                    None => break,
                    Some(pace) => started + pace.mul_f64(sent as f64),
                };
                if due > Instant::now() {
                    break;
                }
                let body = format!("{} {TEXT}", due.duration_since(self.epoch).as_micros());
                client.feed(self.message(sent, salt, &body)).await?;
                client.feed(ASK.into()).await?;
                due_times.push_back(due);
                sent += 1;
                fed = true;
            }
            if fed {
                client.flush().await?;
            }
            if is_over() && due_times.is_empty() {
                break;
            }
            // Until the end the next message is waited for, and acks beside it; after it, only acks.
            let next_due = self.pace.map(|pace| (started + pace.mul_f64(sent as f64)).min(end)).filter(|_| !is_over());
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
                    acked.push(Acked { due, took: due.elapsed() });
                }
                counted = h;
            }
        }
        for n in 0..self.to.len() as u64 {
            client.feed(self.message(sent + n, salt, "Good night.")).await?;
            // Only what a question follows directly is counted.
            client.feed(ASK.into()).await?;
        }
        client.flush().await?;
        client.expect(&format!("h=\"{}\"", counted + self.to.len() as u64)).await?;
        client.close().await?;
        Ok(acked)
    }

    fn message(&self, number: u64, salt: u64, body: &str) -> String {
        let id = MessageId::from_random(self.lane, salt.wrapping_add(number).to_be_bytes());
        stored(&self.to[number as usize % self.to.len()], self.type_, id, body)
    }
}

/// Hears messages up to the last one, and leaves properly, so that nobody is owed anything.
pub async fn listen(mut client: Client, epoch: Instant) -> Result<Heard> {
    let mut heard = Heard { count: 0, latency: Histogram::new(3)? };
    loop {
        let frame = client.next().await?.context("the stream of a recipient ended")?;
        // What an earlier run said last may come again.
        if frame.contains("<delay") {
            continue;
        }
        if frame.contains(LAST) {
            client.close().await?;
            return Ok(heard);
        }
        let Some(due) = between(&frame, "<body>", " ").and_then(|text| text.parse().ok()) else { continue };
        heard.count += 1;
        let took = epoch.elapsed().saturating_sub(Duration::from_micros(due));
        heard.latency.record(took.as_micros() as u64)?;
    }
}
