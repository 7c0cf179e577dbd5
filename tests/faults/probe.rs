//! A user who writes to another one again and again, each message when the last one was answered, and the longest that he waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, message};
use std::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

/// Between two messages.
const EVERY: Duration = Duration::from_millis(50);
/// A stream that answers nothing for so long is given up, as a user would who starts his app again.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing was answered, at most, since the counting began.
#[derive(Clone, Debug, Default)]
pub struct Silence(Arc<Mutex<(Option<Instant>, Told)>>);

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    pub longest: Duration,
    pub answers: u64,
    /// Answers that were refusals.
    pub refused: u64,
    /// Streams that ended.
    pub ends: u64,
}

impl Told {
    pub fn and(self, other: Told) -> Told {
        Told {
            longest: self.longest.max(other.longest),
            answers: self.answers + other.answers,
            refused: self.refused + other.refused,
            ends: self.ends + other.ends,
        }
    }
}

impl Silence {
    pub fn count_from_here(&self) {
        *self.0.lock().unwrap() = (Some(Instant::now()), Told::default());
    }

    pub fn told(&self) -> Told {
        self.0.lock().unwrap().1
    }

    fn answered(&self) {
        let (last, told) = &mut *self.0.lock().unwrap();
        let now = Instant::now();
        if let Some(before) = last.replace(now) {
            told.longest = told.longest.max(now - before);
            told.answers += 1;
        }
    }

    fn refused(&self) {
        self.0.lock().unwrap().1.refused += 1;
    }

    fn ended(&self) {
        self.0.lock().unwrap().1.ends += 1;
    }
}

/// The user, while he writes.
pub struct Probe {
    stop: Arc<AtomicBool>,
    running: JoinHandle<()>,
    silence: Silence,
}

impl Probe {
    pub fn begin(port: u16, tls: TlsConnector, me: Account, to: Account, silence: Silence) -> Probe {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, counted) = (stop.clone(), silence.clone());
        let running = tokio::spawn(async move {
            let mut number = 0_u32;
            while !stopped.load(Ordering::Relaxed) {
                if write((port, &tls), (&me, &to), &mut number, &stopped, &counted).await.is_err() {
                    counted.ended();
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        Probe { stop, running, silence }
    }

    /// Stops it when it has been answered once more.
    pub async fn end(self) -> Result<()> {
        let before = self.silence.told().answers;
        let answered = async {
            while self.silence.told().answers == before {
                sleep(EVERY).await;
            }
        };
        timeout(Duration::from_secs(60), answered).await.context("nobody is answered any more")?;
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.running.await?)
    }
}

// One stream, until it ends.
async fn write(
    (port, tls): (u16, &TlsConnector),
    (me, to): (&Account, &Account),
    number: &mut u32,
    stop: &AtomicBool,
    silence: &Silence,
) -> Result<()> {
    let mut client = timeout(PATIENCE, Client::connect(port, tls, me, true)).await??;
    while !stop.load(Ordering::Relaxed) {
        *number += 1;
        let mut unique = [0; 8];
        unique[..4].copy_from_slice(&number.to_be_bytes());
        let id = MessageId::from_random(0x6b00_0001, unique).to_string();
        client.feed(message(to, &id, "still there?")).await?;
        client.send(ASK.into()).await?;
        let answer = async {
            loop {
                let frame = client.next().await?.context("the stream ended")?;
                if frame.contains("type=\"error\"") {
                    silence.refused();
                }
                if acknowledged(&frame).is_some() {
                    return Ok::<_, anyhow::Error>(());
                }
            }
        };
        timeout(PATIENCE, answer).await??;
        silence.answered();
        sleep(EVERY).await;
    }
    client.close().await
}
