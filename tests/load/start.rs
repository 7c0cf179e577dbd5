//! How long a start takes: with an empty store, and with a million messages.

use std::time::Instant;

use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, message, trusting};
use natter_tests::process::Natter;

use crate::report::Report;

const MESSAGES: u64 = 1_000_000;
const PAIRS: u64 = 16;

/// Two starts.
pub async fn run(report: &mut Report) -> Result<()> {
    let started = Instant::now();
    let mut natter = Natter::start(&[]).await?;
    report.add("start, empty store (first start, with certificates)", started.elapsed().as_secs_f64(), "s", "1 s");
    fill(&natter).await?;
    natter.kill().await?;
    let started = Instant::now();
    natter.restart().await?;
    report.add("start after SIGKILL with a million messages", started.elapsed().as_secs_f64(), "s", "2 s");
    Ok(())
}

async fn fill(natter: &Natter) -> Result<()> {
    let tls = trusting(&natter.ca())?;
    let mut tasks = Vec::new();
    for n in 0..PAIRS {
        let mut users = Vec::new();
        for side in ["a", "b"] {
            let user = natter.create_user(1, &format!("fill{n}{side}"), "correct horse")?;
            users.push(Account { app: 1, user, password: "correct horse".into() });
        }
        let client = Client::connect(natter.ports.wss, &tls, &users[0], true).await?;
        tasks.push(tokio::spawn(send_all(client, users[1].clone(), n)));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn send_all(mut client: Client, to: Account, lane: u64) -> Result<()> {
    let (mut sent, mut acked) = (0, 0);
    while acked < MESSAGES / PAIRS {
        while sent < MESSAGES / PAIRS && sent - acked < 128 {
            sent += 1;
            let id = MessageId::from_random(lane as i64, sent.to_be_bytes());
            client.feed(message(&to, &id.to_string(), "a message of a usual length, about sixty bytes of text")).await?;
            client.feed(ASK.into()).await?;
        }
        client.flush().await?;
        let frame = client.next().await?.context("the stream ended")?;
        acked = acknowledged(&frame).unwrap_or(acked);
    }
    Ok(())
}
