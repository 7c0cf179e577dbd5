//! The durable log as one stream of NATS JetStream, which all processes share. Whoever tells waits until the servers have it, in
//! bounded time; whoever reads a lane has a pull consumer of that lane, which stays when he goes.
//!
//! The stream is a work queue: an entry is in it until it is acknowledged, dropped for too many bytes, or too old. What is told twice
//! within two minutes under one id is one entry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures::StreamExt;
use natter_db::Error;
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::sync::{Notify, OnceCell};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::drops::{Drops, Tally};
use super::lanes::{HELD_MAX, Held, LANES, Lane, Taken, lane_of};
use super::{Entry, LogOptions};
use crate::NatsOptions;

/// What is told twice within this time is one entry.
const TWICE_WITHIN: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Servers answer what is asked of streams and consumers within this time.
const ANSWER: Duration = Duration::from_secs(5);
/// So long the servers keep a question for entries, and so many are asked for at once. Servers that were away are asked again some
/// seconds after that.
const ASKED: Duration = Duration::from_secs(5);
const PAGE: usize = 256;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at what waits.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The engine.
pub struct JetStream {
    shared: Arc<Shared>,
    /// The lanes that this process reads.
    owned: Mutex<BTreeMap<u64, Reading>>,
}

struct Reading {
    owned: Arc<Owned>,
    /// They end when this is dropped.
    _tasks: JoinSet<()>,
}

struct Owned {
    lane: Mutex<Lane>,
    room: Notify,
}

struct Shared {
    context: Context,
    /// Before the lane, in subjects.
    subject: String,
    options: LogOptions,
    made: OnceCell<()>,
    moved: Notify,
    meters: Meters,
}

#[derive(Clone)]
struct Meters {
    told: Histogram,
    waiting: Gauge,
    dropped: Counter,
    connected: Gauge,
}

impl JetStream {
    pub async fn connect(nats: &NatsOptions, options: &LogOptions) -> std::io::Result<JetStream> {
        options.check()?;
        let told = Histogram::new(exponential_buckets(0.000_5, 2.0, 12));
        let meters = Meters { told, waiting: Gauge::default(), dropped: Counter::default(), connected: Gauge::default() };
        let (connected, slow) = (meters.connected.clone(), Counter::default());
        let connecting = nats.connecting()?.event_callback(move |event| {
            crate::nats::note(&event, &connected, &slow);
            async {}
        });
        let client = connecting.connect(&nats.nodes).await.map_err(std::io::Error::other)?;
        let context = ContextBuilder::new().timeout(ANSWER).ack_timeout(options.deadline()).build(client);
        let prefix = if nats.prefix.is_empty() { String::new() } else { format!("{}.", nats.prefix) };
        let (subject, options, made) = (format!("{prefix}natter.posted."), options.clone(), OnceCell::new());
        let shared = Shared { context, subject, options, made, moved: Notify::new(), meters };
        Ok(JetStream { shared: Arc::new(shared), owned: Mutex::default() })
    }

    pub fn observe(&self, metrics: &Metrics) {
        let meters = self.shared.meters.clone();
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_bus");
            ours.register("log_told_seconds", "How long the servers took to keep an entry of the durable log", meters.told);
            let help = "Entries of the durable log that are not done; told by who reads its first lane";
            ours.register("log_waiting", help, meters.waiting);
            let help = "Entries of the durable log dropped unread, at least; told by who reads its first lane";
            ours.register("log_dropped", help, meters.dropped);
            ours.register("log_connected", "Whether a NATS server is reached for the durable log", meters.connected);
        });
    }

    pub fn dropped(&self) -> u64 {
        self.shared.meters.dropped.get()
    }

    pub async fn ready(&self) -> Result<(), Error> {
        self.shared.ready().await
    }

    pub async fn is_kept(&self) -> Result<bool, Error> {
        match self.shared.context.get_stream(&self.shared.options.stream).await {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(false),
                _ => Err(Error::NotStored(format!("the durable log has no stream: {error}"))),
            },
        }
    }

    pub async fn tell(&self, app: u64, id: &str, value: Bytes) -> Result<(), Error> {
        let begun = Instant::now();
        let outcome = timeout(self.shared.options.deadline(), self.shared.publish(app, id, value)).await;
        self.shared.meters.told.observe(begun.elapsed().as_secs_f64());
        outcome.unwrap_or_else(|_| Err(Error::Unknown("the durable log does not answer in time".into())))
    }

    pub fn own(&self, is_owned: impl Fn(u64) -> bool) {
        let mut given_back = Vec::new();
        let mut owned = self.owned.lock();
        for lane in 0..LANES {
            if is_owned(lane) {
                owned.entry(lane).or_insert_with(|| Reading::begin(&self.shared, lane));
            } else if let Some(gone) = owned.remove(&lane) {
                given_back.extend(std::mem::take(&mut *gone.owned.lane.lock()).give_back());
            }
        }
        drop(owned);
        if !given_back.is_empty() {
            let shared = self.shared.clone();
            tokio::spawn(async move { shared.answer(given_back, "-NAK").await });
        }
    }

    #[cfg(test)]
    pub(super) async fn tally(&self) -> Result<(u64, Tally), async_nats::Error> {
        self.shared.tally().await
    }

    pub async fn moved(&self) {
        self.shared.moved.notified().await;
    }

    pub fn lanes(&self) -> Vec<u64> {
        let owned = self.owned.lock();
        owned.iter().filter(|(_, reading)| !reading.owned.lane.lock().is_empty()).map(|(lane, _)| *lane).collect()
    }

    pub fn read(&self, lane: u64, limit: usize) -> Vec<Entry> {
        self.owned.lock().get(&lane).map_or_else(Vec::new, |reading| reading.owned.lane.lock().read(limit))
    }

    /// An acknowledgement that does not reach the servers is given when they send the entry again.
    pub async fn done(&self, entries: &[Entry]) {
        let mut replies = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(Reading { owned, .. }) = self.owned.lock().get(&lane_of(entry.app)) {
                replies.extend(owned.lane.lock().finish(entry.number));
                owned.room.notify_one();
            }
        }
        self.shared.answer(replies, "+ACK").await;
    }
}

impl Reading {
    fn begin(shared: &Arc<Shared>, lane: u64) -> Reading {
        let (owned, mut tasks) = (Arc::new(Owned { lane: Mutex::default(), room: Notify::new() }), JoinSet::new());
        tasks.spawn(follow(shared.clone(), owned.clone(), lane));
        if lane == 0 {
            tasks.spawn(look(shared.clone()));
        }
        Reading { owned, _tasks: tasks }
    }
}

impl Shared {
    /// The stream as the settings say, made or changed once by each process.
    async fn ready(&self) -> Result<(), Error> {
        self.made.get_or_try_init(|| self.make()).await.map(drop)
    }

    async fn make(&self) -> Result<(), Error> {
        let options = &self.options;
        let config = Config {
            name: options.stream.clone(),
            subjects: vec![format!("{}*", self.subject)],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            num_replicas: options.replicas as usize,
            max_bytes: i64::try_from(options.bytes_max).unwrap_or(i64::MAX),
            max_age: DAY * options.days_max,
            duplicate_window: TWICE_WITHIN,
            ..Config::default()
        };
        match timeout(ANSWER, self.context.create_or_update_stream(config)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::NotStored(format!("the durable log has no stream: {error}"))),
            Err(_) => Err(Error::NotStored("the durable log is not reached".into())),
        }
    }

    async fn publish(&self, app: u64, id: &str, value: Bytes) -> Result<(), Error> {
        self.ready().await?;
        let subject = format!("{}{}", self.subject, lane_of(app));
        let message = PublishMessage::build().payload(value).message_id(format!("{app}:{id}"));
        let outcome = async { self.context.send_publish(subject, message).await?.await }.await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                // Somebody removed it: what comes next finds it.
                self.make().await?;
                Err(not_told(&error))
            }
            Err(error) => Err(not_told(&error)),
        }
    }

    async fn consumer(&self, lane: u64) -> Result<PullConsumer, async_nats::Error> {
        let config = pull::Config {
            durable_name: Some(format!("lane-{lane}")),
            filter_subject: format!("{}{lane}", self.subject),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_millis(self.options.patience_ms),
            max_ack_pending: 2 * HELD_MAX as i64,
            ..pull::Config::default()
        };
        // As the settings say, whatever an earlier process had.
        Ok(timeout(ANSWER, self.context.create_consumer_on_stream(config, &self.options.stream)).await??)
    }

    async fn take(&self, owned: &Owned, message: jetstream::Message) -> Result<(), async_nats::Error> {
        let number = message.info()?.stream_sequence;
        let reply = message.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = message.headers.as_ref().and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
        let app = id.and_then(|id| id.as_str().split_once(':')).and_then(|(app, _)| app.parse().ok());
        let Some(app) = app else {
            tracing::error!(number, "an entry of the durable log names no app");
            self.answer(vec![reply], "+TERM").await;
            return Ok(());
        };
        let taken = owned.lane.lock().take(number, Held { app, value: message.payload.clone(), reply });
        match taken {
            Taken::Held => self.moved.notify_one(),
            Taken::Again(reply) => self.answer(vec![reply], "+ACK").await,
        }
        Ok(())
    }

    /// Tells the servers what became of entries, unless they are away.
    async fn answer(&self, replies: Vec<String>, word: &'static str) {
        let client = self.client();
        let all = async {
            for reply in replies {
                // Fails when this process ends.
                drop(client.publish(reply, Bytes::from_static(word.as_bytes())).await);
            }
        };
        drop(timeout(self.options.deadline(), all).await);
    }

    fn client(&self) -> Client {
        self.context.client()
    }

    /// How much waits, and what was counted.
    async fn tally(&self) -> Result<(u64, Tally), async_nats::Error> {
        let stream = self.context.get_stream(&self.options.stream).await?;
        let state = &stream.cached_info().state;
        let removed = state.last_sequence.saturating_sub(state.messages);
        let (mut tally, mut consumers) = (Tally { removed, ..Tally::default() }, stream.consumers());
        while let Some(consumer) = consumers.next().await.transpose()? {
            tally.delivered += consumer.delivered.consumer_sequence;
            tally.pending += consumer.num_ack_pending as u64;
        }
        Ok((state.messages, tally))
    }
}

/// Reads a lane, for ever.
async fn follow(shared: Arc<Shared>, owned: Arc<Owned>, lane: u64) {
    while let Err(error) = read(&shared, &owned, lane).await {
        tracing::warn!(lane, %error, "a lane of the durable log cannot be read");
        sleep(PAUSE).await;
    }
}

async fn read(shared: &Shared, owned: &Owned, lane: u64) -> Result<(), async_nats::Error> {
    shared.ready().await?;
    let consumer = match shared.consumer(lane).await {
        Ok(consumer) => consumer,
        // Somebody removed the stream, perhaps.
        Err(_) => {
            shared.make().await?;
            shared.consumer(lane).await?
        }
    };
    loop {
        let room = owned.lane.lock().room();
        if room == 0 {
            owned.room.notified().await;
            continue;
        }
        let asked = consumer.batch().max_messages(room.min(PAGE)).expires(ASKED).messages();
        let mut batch = timeout(ANSWER, asked).await??;
        while let Some(message) = batch.next().await {
            shared.take(owned, message?).await?;
        }
    }
}

/// Counts what waits and what was dropped, for ever.
async fn look(shared: Arc<Shared>) {
    let mut drops = Drops::default();
    loop {
        match shared.tally().await {
            Ok((waiting, tally)) => {
                shared.meters.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
                shared.meters.dropped.inc_by(drops.since(tally));
            }
            Err(error) => tracing::debug!(%error, "what waits in the durable log cannot be counted"),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether it is certain that the servers do not have it.
fn not_told(error: &PublishError) -> Error {
    let text = format!("the durable log was not told: {error}");
    match error.kind() {
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::MaxAckPending => {
            Error::NotStored(text)
        }
        _ => Error::Unknown(text),
    }
}
