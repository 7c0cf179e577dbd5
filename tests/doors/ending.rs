//! How a process ends: it drains, keeps what it acknowledged, and does not wait when it is told twice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use natter_tests::client::{ASK, Account, Client, acknowledged, http, message, trusting};
use natter_tests::process::Natter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Natterless, says_in_one_line};
use crate::raw::{Over, Raw, numbered};
use crate::rest::Rest;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_process_says_goodbye_and_keeps_what_it_acknowledged() {
    drain().await.unwrap();
}

async fn drain() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let dialog = rest.dialog(&ann, &bob).await?;
    let second = Natterless { ports: true };
    let output =
        second.run(natter.data().parent().context("a folder")?, &["--data", &natter.data().display().to_string()], &[]).await?;
    says_in_one_line(&output, &["another natter", "data"])?;

    let mut web = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    let mut tcp = Raw::signed_in(Over::Tcp, natter.ports.tcp, &bob.account).await?;
    let sender = Client::connect(natter.ports.wss, &trusting(&natter.ca())?, &ann.account, true).await?;
    let streaming = tokio::spawn(stream_to_the_end(sender, bob.account.clone()));
    tcp.expect(&numbered(20)).await?;
    let (ended, web_last, tcp_last) = tokio::join!(natter.stop(), web.end(), tcp.end());
    ensure!(ended?.code() == Some(0), "a drain is no failure");
    ensure!(web_last?.trim_end().ends_with("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>"));
    ensure!(tcp_last?.ends_with("</stream:stream>"));
    let acked = streaming.await??;
    ensure!(acked > 0, "nothing was acknowledged, so nothing was shown");

    natter.restart().await?;
    let stored = rest.bodies(&bob.token, &dialog).await?;
    let acked: Vec<String> = (1..=acked).map(numbered).collect();
    ensure!(stored.starts_with(&acked), "{} acknowledged, {} stored", acked.len(), stored.len());
    stopped_twice(&mut natter, &ann.token).await
}

/// Sends numbered messages until the stream ends; how many were acknowledged.
async fn stream_to_the_end(mut client: Client, to: Account) -> Result<u64> {
    let mut acked = 0;
    for number in 1.. {
        let _ = client.feed(message(&to, &numbered(number), &numbered(number))).await;
        let _ = client.send(ASK.into()).await;
        // One at a time, so that the process is never idle and never far behind.
        while acked < number {
            match client.next().await {
                Ok(Some(frame)) => acked = acknowledged(&frame).unwrap_or(acked),
                Ok(None) | Err(_) => return Ok(acked),
            }
        }
    }
    unreachable!("the loop ends with the stream")
}

/// A request that does not end holds a drain up; a second signal does not wait for it.
async fn stopped_twice(natter: &mut Natter, token: &str) -> Result<()> {
    let mut slow = TcpStream::connect(("127.0.0.1", natter.ports.rest_plain)).await?;
    let head = format!("POST /chat/Message HTTP/1.1\r\nHost: localhost\r\nCB-Token: {token}\r\nContent-Length: 100\r\n\r\n{{");
    slow.write_all(head.as_bytes()).await?;
    Rest::of(natter, 1)?.app_token().await?;
    natter.terminate()?;
    let ready = format!("http://127.0.0.1:{}/readyz", natter.ports.health);
    // The health port is the last to go: while it answers, the process still waits.
    while http()?.get(&ready).send().await.context("the drain did not wait")?.status().is_success() {}
    let before = Instant::now();
    natter.terminate()?;
    let ended = natter.ended().await?;
    ensure!(ended.code() == Some(0), "{ended}");
    ensure!(before.elapsed() < Duration::from_secs(5), "{:?} after the second signal", before.elapsed());
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    Ok(())
}
