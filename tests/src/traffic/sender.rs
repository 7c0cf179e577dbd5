//! Clients that stream numbered messages, come back by themselves, and remember what was acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::build::Build;
use crate::client::{ASK, Account, Client, group_message, message};
use crate::heard::{self, Heard};
use crate::sdk::Sdk;
use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_xmpp::StreamReader;
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use super::record::{Answer, Lane, Record, Ticks};

/// What a sender is to do: say something in one lane after the other until `stop`.
pub struct Errand {
    pub name: &'static str,
    pub me: Account,
    pub lanes: Vec<Lane>,
    pub ticks: Ticks,
    pub stop: Arc<AtomicBool>,
}

impl Errand {
    fn record(&self) -> Record {
        Record::new(self.name, &self.me, self.lanes.clone())
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

// === the lean client ===

/// Sends through the lean client, so many messages on their way at most, and after these were answered nothing for a while.
pub struct Lean {
    pub errand: Errand,
    pub port: u16,
    pub tls: TlsConnector,
    pub window: usize,
    pub pause: Duration,
}

/// One stream of it.
struct Stream {
    client: Client,
    reader: StreamReader,
    handled: u64,
    /// What was refused on it, and whether because its sender may not send it.
    refused: BTreeMap<String, bool>,
}

impl Lean {
    /// A message whose answer is outstanding when the stream ends is sent again with its id on the next one, so it must become
    /// one message, not two.
    pub async fn run(self) -> Result<Record> {
        let mut record = self.errand.record();
        let (mut unanswered, mut repeated) = (VecDeque::new(), BTreeSet::new());
        while !self.errand.is_over() || !unanswered.is_empty() {
            let Ok(client) = Client::connect(self.port, &self.tls, &self.errand.me, true).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let stream = Stream { client, reader: heard::reader(), handled: 0, refused: BTreeMap::new() };
            let _ = self.stream(stream, &mut record, &mut unanswered, &repeated).await;
            repeated.extend(&unanswered);
        }
        Ok(record)
    }

    async fn stream(
        &self,
        mut stream: Stream,
        record: &mut Record,
        unanswered: &mut VecDeque<usize>,
        repeated: &BTreeSet<usize>,
    ) -> Result<()> {
        for n in unanswered.iter() {
            send(&mut stream.client, record, *n).await?;
        }
        loop {
            while unanswered.len() < self.window && !self.errand.is_over() {
                let number = record.sent.len() as u64;
                let id = MessageId::from_random(0x6b00_0000, (self.errand.me.user << 32 | number).to_be_bytes());
                unanswered.push_back(record.begin(id.to_string(), self.errand.ticks.next()));
                send(&mut stream.client, record, record.sent.len() - 1).await?;
            }
            stream.client.flush().await?;
            while !unanswered.is_empty() {
                let frame = stream.client.next().await?.context("the stream ended")?;
                let Some(heard) = heard::hear(&mut stream.reader, &frame)? else { continue };
                if self.hear(heard, &mut stream, record, unanswered, repeated) {
                    break;
                }
            }
            if unanswered.is_empty() {
                if self.errand.is_over() {
                    return Ok(());
                }
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    /// Whether it is an answer.
    fn hear(
        &self,
        heard: Heard,
        stream: &mut Stream,
        record: &mut Record,
        unanswered: &mut VecDeque<usize>,
        repeated: &BTreeSet<usize>,
    ) -> bool {
        match heard {
            Heard::Message { id, .. } => drop(record.heard.insert(id.to_string())),
            Heard::Refused { id, forbidden } => drop(stream.refused.insert(id.to_string(), forbidden)),
            Heard::Acked(h) => {
                let tick = self.errand.ticks.next();
                let newly = usize::try_from(h.saturating_sub(stream.handled)).map_or(0, |newly| newly.min(unanswered.len()));
                for n in unanswered.drain(..newly) {
                    let sent = &mut record.sent[n];
                    sent.answer = match stream.refused.get(&sent.id) {
                        None => Answer::Acked(tick),
                        Some(true) if !repeated.contains(&n) => Answer::Refused(tick),
                        // Earlier it may have become a message.
                        Some(_) => Answer::None,
                    };
                }
                stream.handled = h;
                return true;
            }
            Heard::Changed { .. } | Heard::End => {}
        }
        false
    }
}

async fn send(client: &mut Client, record: &Record, n: usize) -> Result<()> {
    let sent = &record.sent[n];
    let stanza = match &record.lanes[sent.lane] {
        Lane::Private(to) => message(to, &sent.id, &sent.id),
        Lane::Group(group) => group_message(record.app, &group.to_string(), &sent.id, &sent.id),
    };
    client.feed(stanza).await?;
    client.feed(ASK.into()).await
}

// === the SDK ===

/// Sends through the unmodified SDK. Acknowledged is what `onSentMessageCallback` reports for a message of the same connection:
/// of an older one, the SDK itself may report wrongly (contract xmpp 5).
pub async fn sdk(errand: Errand, build: Build, config: Value, chat: Value) -> Result<Record> {
    let mut record = errand.record();
    let client = Sdk::start(build, &config, chat).await?;
    let login = json!([{"userId": errand.me.user, "password": errand.me.password}]);
    while client.call("chat.connect", login.clone()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The place of each message, and on which connection it was sent.
    let mut places = BTreeMap::new();
    let mut epoch = 0;
    while !errand.is_over() {
        epoch += client.drain("onReconnectListener").await.len() + client.drain("onDisconnectedListener").await.len();
        if client.get("chat.isConnected").await? == true {
            let (began, call) = (errand.ticks.next(), call(&record));
            if let Ok(id) = client.call("chat.send", call).await {
                let id = id.as_str().context("send returns the id")?.to_owned();
                places.insert(id.clone(), (record.begin(id, began), epoch));
            }
        }
        collect(&client, &errand, &places, epoch, &mut record).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    collect(&client, &errand, &places, epoch, &mut record).await;
    Ok(record)
}

/// The arguments of `chat.send` for the next message.
fn call(record: &Record) -> Value {
    let body = format!("{} {}", record.name, record.sent.len());
    let extension = json!({"save_to_history": 1, "n": record.sent.len()});
    match record.next_lane() {
        Lane::Private(to) => json!([to.user, {"type": "chat", "body": body, "extension": extension}]),
        Lane::Group(group) => json!([group.to_string(), {"type": "groupchat", "body": body, "extension": extension}]),
    }
}

async fn collect(client: &Sdk, errand: &Errand, places: &BTreeMap<String, (usize, usize)>, epoch: usize, record: &mut Record) {
    for event in client.drain("onSentMessageCallback").await {
        let place = event[1]["id"].as_str().and_then(|id| places.get(id));
        if let Some((n, _)) = place.filter(|(_, then)| *then == epoch) {
            record.sent[*n].answer = Answer::Acked(errand.ticks.next());
        }
    }
    // What is refused is acknowledged as well, behind its error (contract xmpp 5).
    for event in client.drain("onMessageErrorListener").await {
        if let Some((n, then)) = event[0].as_str().and_then(|id| places.get(id)) {
            record.errors += usize::from(matches!(record.sent[*n].answer, Answer::Acked(_)));
            record.sent[*n].answer = match event[1]["code"] == 403 && *then == epoch {
                true => Answer::Refused(errand.ticks.next()),
                // Earlier it may have become a message.
                false => Answer::None,
            };
        }
    }
    let heard = client.drain("onMessageListener").await;
    record.heard.extend(heard.iter().filter_map(|event| event[1]["id"].as_str().map(str::to_owned)));
}
