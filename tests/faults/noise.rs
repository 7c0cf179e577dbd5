//! An app that says as much as it can: its users write to each other without waiting for answers, at every edge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, message};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

/// Users who write, two at each of three edges.
pub const USERS: usize = 6;
/// Messages of one user that wait for an answer.
const WINDOW: u64 = 256;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    answered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Noise {
    /// For so long.
    pub async fn make(&self, edges: &[u16], tls: &TlsConnector, users: &[Account], time: Duration) {
        let mut writing = Vec::new();
        for (place, me) in users.iter().enumerate() {
            let to = users[(place + 1) % users.len()].clone();
            let user = self.clone().write(edges[place % edges.len()], tls.clone(), me.clone(), to);
            writing.push(tokio::spawn(timeout(time, user)));
        }
        for written in writing {
            let _ = written.await;
        }
    }

    pub fn told(&self) -> String {
        let (answered, refused) = (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        format!("the noisy app: {answered} messages answered, {refused} of them by a refusal")
    }

    async fn write(self, port: u16, tls: TlsConnector, me: Account, to: Account) {
        let mut number = 0;
        loop {
            let _ = self.stream((port, &tls), &me, &to, &mut number).await;
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stream(&self, (port, tls): (u16, &TlsConnector), me: &Account, to: &Account, number: &mut u64) -> Result<()> {
        let mut client = Client::connect(port, tls, me, true).await?;
        let (mut sent, mut answered) = (0_u64, 0_u64);
        loop {
            while sent - answered < WINDOW {
                *number += 1;
                let id = MessageId::from_random(0x6b00_0002, (me.user << 32 | *number).to_be_bytes()).to_string();
                client.feed(message(to, &id, &"noise ".repeat(20))).await?;
                client.feed(ASK.into()).await?;
                sent += 1;
            }
            client.flush().await?;
            let frame = client.next().await?.context("the stream ended")?;
            if let Some(count) = acknowledged(&frame) {
                self.answered.fetch_add(count.saturating_sub(answered), Ordering::Relaxed);
                answered = answered.max(count).min(sent);
            }
            if frame.contains("type=\"error\"") {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
