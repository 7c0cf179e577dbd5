//! Clients that stream numbered messages, come back by themselves, and remember what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_tests::build::Build;
use natter_tests::client::{ASK, Account, Client, acknowledged, message};
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

/// What a sender did: ids in the order of sending, and of those which the server acknowledged.
#[derive(Default)]
pub struct Record {
    pub name: &'static str,
    pub sent: Vec<String>,
    pub acked: Vec<String>,
}

/// Streams through the lean client. A message whose ack is outstanding when the stream ends is sent again with its id on the
/// next one, so it must become one message, not two.
pub async fn lean(port: u16, tls: TlsConnector, me: Account, to: Account, stop: Arc<AtomicBool>) -> Result<Record> {
    let mut record = Record { name: "lean client", ..Record::default() };
    let mut unacked: Vec<String> = Vec::new();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) || !unacked.is_empty() {
        let Ok(mut client) = Client::connect(port, &tls, &me, true).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream(&mut client, &to, &mut number, &mut unacked, &mut record, &stop).await;
    }
    Ok(record)
}

const WINDOW: usize = 32;

async fn stream(
    client: &mut Client,
    to: &Account,
    number: &mut u64,
    unacked: &mut Vec<String>,
    record: &mut Record,
    stop: &AtomicBool,
) -> Result<()> {
    let mut counted = 0_u64;
    for id in unacked.iter() {
        client.feed(message(to, id, id)).await?;
        client.feed(ASK.into()).await?;
    }
    loop {
        while unacked.len() < WINDOW && !stop.load(Ordering::Relaxed) {
            *number += 1;
            let id = MessageId::from_random(0x6b00_0000, number.to_be_bytes()).to_string();
            client.feed(message(to, &id, &id)).await?;
            client.feed(ASK.into()).await?;
            record.sent.push(id.clone());
            unacked.push(id);
        }
        client.flush().await?;
        if unacked.is_empty() {
            return Ok(());
        }
        let frame = client.next().await?.context("the stream ended")?;
        if let Some(h) = acknowledged(&frame) {
            let newly = usize::try_from(h.saturating_sub(counted))?.min(unacked.len());
            record.acked.extend(unacked.drain(..newly));
            counted = h;
        }
    }
}

/// Streams through the unmodified SDK. Acknowledged is what `onSentMessageCallback` reports for a message of the same
/// connection: of an older one, the SDK itself may report wrongly (contract xmpp 5).
pub async fn sdk(build: Build, config: Value, chat: Value, me: Account, to: Account, stop: Arc<AtomicBool>) -> Result<Record> {
    let name = build.name();
    let mut record = Record { name, ..Record::default() };
    let client = Sdk::start(build, &config, chat).await?;
    let login = json!([{"userId": me.user, "password": me.password}]);
    while client.call("chat.connect", login.clone()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut epochs: Vec<(String, usize)> = Vec::new();
    let mut epoch = 0;
    while !stop.load(Ordering::Relaxed) {
        epoch += client.drain("onReconnectListener").await.len() + client.drain("onDisconnectedListener").await.len();
        if client.get("chat.isConnected").await? == true {
            let extension = json!({"save_to_history": 1, "n": epochs.len()});
            let message = json!({"type": "chat", "body": format!("{name} {}", epochs.len()), "extension": extension});
            if let Ok(id) = client.call("chat.send", json!([to.user, message])).await {
                let id = id.as_str().context("send returns the id")?.to_owned();
                record.sent.push(id.clone());
                epochs.push((id, epoch));
            }
        }
        collect(&client, &epochs, epoch, &mut record).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    collect(&client, &epochs, epoch, &mut record).await;
    Ok(record)
}

async fn collect(client: &Sdk, epochs: &[(String, usize)], epoch: usize, record: &mut Record) {
    for event in client.drain("onSentMessageCallback").await {
        let Some(id) = event[1]["id"].as_str() else { continue };
        if epochs.iter().rev().any(|(sent, then)| sent == id && *then == epoch) {
            record.acked.push(id.to_owned());
        }
    }
}
