//! The service under test: on a memory store and a paused clock, its neighbours as fakes, its providers as one that records.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use natter_actor::{Chance, Clock};
use natter_bus::{Bus, Log};
use natter_db::{Kv, Table};
use natter_outbound::Outbound;
use natter_proto::account::v1::accounts_server::AccountsServer;
use natter_proto::dialog::v1::DialogKind;
use natter_proto::dialog::v1::dialogs_server::DialogsServer;
use natter_proto::event::v1::{CallKind, Message, Posted, PostedCall, PostedRequest, PostedRow};
use natter_proto::history::v1::history_server::HistoryServer;
use natter_proto::presence::v1::Attending;
use natter_proto::presence::v1::presence_server::PresenceServer;
use natter_proto::push::v1::alerting_client::AlertingClient;
use natter_proto::push::v1::credentials_client::CredentialsClient;
use natter_proto::push::v1::push_client::PushClient;
use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::webhooks_client::WebhooksClient;
use natter_proto::push::v1::*;
use natter_proto::{AppId, Failure};
use natter_push::provider::{Alert, Credentials, Outcome, Target};
use natter_push::{Keys, Links, Options, Parts, Providers, Service};
use natter_rpc::{Link, LinkOptions, async_trait};
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fakes::{Fakes, Room, World};

pub const APP: u64 = 1;
pub const ANN: u64 = 34;
pub const BOB: u64 = 78;
pub const CAT: u64 = 90;
pub const START_MS: i64 = 1_700_000_000_000;

/// A request that reached the providers.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    pub app: u64,
    pub target: Target,
    pub alert: Alert,
    /// Of the credentials it was sent with.
    pub fingerprint: String,
}

/// Answers what a test put, else that it was accepted.
#[derive(Default)]
pub struct Recording {
    pub sent: Mutex<Vec<Sent>>,
    pub answers: Mutex<VecDeque<Outcome>>,
    /// Tokens whose requests never end.
    pub hanging: Mutex<Vec<String>>,
}

#[async_trait]
impl Providers for Recording {
    async fn send(&self, app: AppId, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome {
        let fingerprint = credentials.facts().fingerprint;
        self.sent.lock().push(Sent { app: app.0, target: target.clone(), alert: alert.clone(), fingerprint });
        let hangs = matches!(target, Target::Fcm { token } if self.hanging.lock().contains(token));
        if hangs {
            std::future::pending::<()>().await;
        }
        self.answers.lock().pop_front().unwrap_or(Outcome::Accepted { id: Some("p1".into()) })
    }
}

/// The service, and what it stands on.
pub struct Door {
    pub db: Kv,
    pub bus: Bus,
    pub posted: Log,
    pub clock: Clock,
    pub world: Arc<World>,
    pub providers: Arc<Recording>,
    pub client: PushClient<Link>,
    pub credentials: CredentialsClient<Link>,
    pub service: Service,
    keys: Keys,
    receivers: Outbound,
    /// Apps that have credentials, or shall be given none.
    pub without: Mutex<BTreeSet<u64>>,
    options: Options,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Door {
    /// It answers, and alerts.
    pub fn start() -> Door {
        Door::with(Options::default())
    }

    pub fn with(options: Options) -> Door {
        let receivers = options.webhooks.receivers().unwrap();
        Door::heard_by(options, receivers)
    }

    /// What its webhooks are told goes there.
    pub fn heard_by(options: Options, receivers: Outbound) -> Door {
        let keys = Keys::new([7; 32], &[]);
        let clock = Clock::paused(START_MS);
        let mut door = Door::made(Kv::memory(), clock, Arc::default(), Arc::default(), options, keys, receivers);
        door.run();
        door
    }

    /// What it alerts of is told by this log.
    pub fn told_by(posted: Log) -> Door {
        let (clock, keys) = (Clock::paused(START_MS), Keys::new([7; 32], &[]));
        let (options, all) = (Options::default(), (Arc::default(), Arc::default()));
        let receivers = options.webhooks.receivers().unwrap();
        let mut door = Door::on((Kv::memory(), posted), clock, all.0, all.1, options, keys, receivers);
        door.run();
        door
    }

    fn made(
        db: Kv,
        clock: Clock,
        world: Arc<World>,
        providers: Arc<Recording>,
        options: Options,
        keys: Keys,
        receivers: Outbound,
    ) -> Door {
        let posted = Log::embedded(db.clone(), Table("posted"), options.queue_max);
        Door::on((db, posted), clock, world, providers, options, keys, receivers)
    }

    fn on(
        (db, posted): (Kv, Log),
        clock: Clock,
        world: Arc<World>,
        providers: Arc<Recording>,
        options: Options,
        keys: Keys,
        receivers: Outbound,
    ) -> Door {
        let (bus, fakes) = (Bus::local(), Fakes(world.clone()));
        let deadline = LinkOptions::default();
        let links = Links {
            account: Link::local(AccountsServer::new(fakes.clone()), deadline),
            dialog: Link::local(DialogsServer::new(fakes.clone()), deadline),
            history: Link::local(HistoryServer::new(fakes.clone()), deadline),
            presence: Link::local(PresenceServer::new(fakes), deadline),
        };
        let parts = Parts {
            db: db.clone().into(),
            bus: bus.clone(),
            posted: posted.clone(),
            links,
            providers: providers.clone(),
            receivers: receivers.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            chance: Chance::system(),
            metrics: Metrics::new(),
        };
        let service = Service::new(options.clone(), parts);
        let client = PushClient::new(Link::local(service.server(), deadline));
        let credentials = CredentialsClient::new(Link::local(service.credentials_server(), deadline));
        let (without, running) = (Mutex::default(), None);
        Door {
            db,
            bus,
            posted,
            clock,
            world,
            providers,
            client,
            credentials,
            service,
            keys,
            receivers,
            without,
            options,
            running,
        }
    }

    /// Another process on the same store, which answers and does not alert.
    pub fn beside(other: &Door) -> Door {
        let Door { db, clock, world, providers, options, .. } = other;
        let (keys, receivers) = (other.keys.clone(), other.receivers.clone());
        Door::made(db.clone(), clock.clone(), world.clone(), providers.clone(), options.clone(), keys, receivers)
    }

    pub fn alerting(&self) -> AlertingClient<Link> {
        AlertingClient::new(Link::local(self.service.alerting_server(), LinkOptions::default()))
    }

    pub fn webhooks(&self) -> WebhooksClient<Link> {
        WebhooksClient::new(Link::local(self.service.webhooks_server(), LinkOptions::default()))
    }

    pub fn run(&mut self) {
        let (service, (stop, stopped)) = (self.service.clone(), oneshot::channel());
        let running = tokio::spawn(async move { service.run(async { stopped.await.unwrap_or_default() }).await });
        self.running = Some((stop, running));
    }

    pub async fn stop(&mut self) {
        let (stop, running) = self.running.take().unwrap();
        stop.send(()).unwrap();
        running.await.unwrap();
    }

    /// The process dies where it is; the next one starts on what was stored.
    pub async fn killed(self) -> Door {
        let keys = self.keys.clone();
        self.killed_and_given(keys).await
    }

    /// The next one has these keys.
    pub async fn killed_and_given(mut self, keys: Keys) -> Door {
        let (_, running) = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
        let Door { db, clock, world, providers, options, without, receivers, .. } = self;
        let mut door = Door::made(db.crash(), clock, world, providers, options, keys, receivers);
        door.without = without;
        door.run();
        door
    }

    /// Lets time pass; 0: as much as it takes to look at what was posted.
    pub async fn pass(&self, ms: u64) {
        settle().await;
        tokio::time::sleep(Duration::from_millis(if ms == 0 { 20 } else { ms })).await;
        settle().await;
    }

    // === what is so ===

    pub fn dialog(&self, id: u8, kind: DialogKind, members: &[u64]) {
        let members = members.iter().map(|user| (*user, false)).collect();
        let name = if kind == DialogKind::Private { String::new() } else { "Verona".to_owned() };
        self.world.dialogs.lock().insert(vec![id; 12], Room { kind, name, members });
    }

    pub fn mute(&self, id: u8, user: u64) {
        self.world.dialogs.lock().get_mut(&vec![id; 12]).unwrap().members.insert(user, true);
    }

    pub fn session(&self, user: u64, active: bool, unproving: bool, proved: u64) {
        self.world.sessions.lock().insert(user, Attending { user, active, unproving, proved });
    }

    /// Ann says something in a dialog, and history tells of it.
    pub async fn says(&self, dialog: u8, seq: u64, body: &str) {
        self.posts(dialog, &[self.message(dialog, seq, body)]).await;
    }

    pub fn message(&self, dialog: u8, seq: u64, body: &str) -> Message {
        let is_private = self.world.dialogs.lock().get(&vec![dialog; 12]).is_some_and(|room| room.kind == DialogKind::Private);
        Message {
            id: id_of(seq),
            sender: ANN,
            recipient: if is_private { BOB } else { 0 },
            seq,
            created_at: self.clock.now_ms(),
            body: Some(body.into()),
            ..Message::default()
        }
    }

    pub async fn posts(&self, dialog: u8, messages: &[Message]) {
        self.world.rows.lock().extend(messages.iter().cloned());
        self.tells(dialog, messages.iter().map(|message| (message.clone(), message.seq)).collect(), 0).await;
    }

    /// Outside the log: in Bob's queue.
    pub async fn keeps(&self, dialog: u8, place: u64, body: &str) {
        let message = Message { seq: 0, ..self.message(dialog, place, body) };
        self.world.kept.lock().insert((BOB, place), message.clone());
        self.tells(dialog, vec![(message, place)], BOB).await;
    }

    async fn tells(&self, dialog: u8, messages: Vec<(Message, u64)>, kept_for: u64) {
        self.posted.ready().await.unwrap();
        let row = |(message, place): (Message, u64)| PostedRow {
            id: message.id,
            place,
            sender: message.sender,
            recipient: message.recipient,
            at: message.created_at,
            quiet: false,
        };
        let rows: Vec<PostedRow> = messages.into_iter().map(row).collect();
        let id = format!("{dialog}:{}", rows[0].place);
        let posted = Posted { dialog: vec![dialog; 12], rows, kept_for, ..Posted::default() };
        self.posted.tell(APP, &id, posted.encode_to_vec()).await.unwrap();
    }

    /// Ann asks Bob to be her contact, and presence tells of it.
    pub async fn asks(&self) {
        self.world.asking.lock().insert((ANN, BOB));
        self.posted.ready().await.unwrap();
        let contact_request = Some(PostedRequest { from: ANN, to: BOB, at: self.clock.now_ms() });
        let posted = Posted { contact_request, ..Posted::default() };
        self.posted.tell(APP, "asks", posted.encode_to_vec()).await.unwrap();
    }

    /// Ann calls Bob, and the dialog service tells of it.
    pub async fn calls(&self, session: &str) {
        self.calls_of(self.call(session)).await;
    }

    /// It rings no more.
    pub async fn ends(&self, session: &str) {
        self.calls_of(PostedCall { over: true, ..self.call(session) }).await;
    }

    pub fn call(&self, session: &str) -> PostedCall {
        let (kind, at) = (CallKind::Video.into(), self.clock.now_ms());
        PostedCall { caller: ANN, callee: BOB, session: session.into(), kind, at, over: false }
    }

    pub async fn calls_of(&self, call: PostedCall) {
        self.posted.ready().await.unwrap();
        self.posted.tell(APP, "", Posted { call: Some(call), ..Posted::default() }.encode_to_vec()).await.unwrap();
    }

    // === what is asked ===

    pub async fn subscribe(&self, request: SubscribeRequest) -> Result<Subscription, Failure> {
        if self.without.lock().insert(request.app) {
            self.put(request.app, "", fcm_secret()).await.unwrap();
            self.put(request.app, "", apns_secret(&apple_key())).await.unwrap();
        }
        answer(self.client.clone().subscribe(request).await)
    }

    /// An Android device with this token.
    pub async fn device(&self, user: u64, token: &str) -> Subscription {
        self.subscribe(android(user, token)).await.unwrap()
    }

    /// The operator of an app gives it credentials.
    pub async fn put(&self, app: u64, topic: &str, secret: Secret) -> Result<Credential, Failure> {
        let request = PutCredentialRequest { app, topic: topic.into(), secret: Some(secret), ..Default::default() };
        answer(self.credentials.clone().put(request).await)
    }

    /// What may be shown of the credentials of an app.
    pub async fn shown(&self, app: u64) -> Result<Vec<Credential>, Failure> {
        let listed = answer(self.credentials.clone().list(ListCredentialsRequest { app }).await)?;
        Ok(listed.credentials)
    }

    pub async fn list(&self, user: u64) -> Vec<Subscription> {
        answer(self.client.clone().list(ListRequest { app: APP, user }).await).unwrap().subscriptions
    }

    /// What the journal says of a message, oldest first: for whom, why, and what was answered.
    pub async fn journal(&self, dialog: u8, seq: u64) -> Vec<(u64, String, String)> {
        let request =
            JournalRequest { app: APP, dialog: vec![dialog; 12], message: id_of(seq), limit: 100, ..Default::default() };
        let mut notes = answer(self.client.clone().journal(request).await).unwrap().notes;
        notes.reverse();
        notes.into_iter().map(|note| (note.user, note.reason, note.answer)).collect()
    }

    /// What reached the providers since it was asked last: the token, and the text.
    pub fn sent(&self) -> Vec<(String, String)> {
        let sent = std::mem::take(&mut *self.providers.sent.lock());
        sent.into_iter().map(|one| (token_of(&one.target), one.alert.text)).collect()
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = Outcome>) {
        self.providers.answers.lock().extend(answers);
    }
}

/// A key as Apple gives it out, PEM.
pub fn apple_key() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    pem(pair.to_pkcs8v1().unwrap().as_ref())
}

pub fn apns_secret(key_pem: &str) -> Secret {
    let (key_id, team_id) = ("ABCDE12345".to_owned(), "TEAM123456".to_owned());
    Secret { of: Some(Of::ApnsToken(ApnsTokenSecret { key_pem: key_pem.into(), key_id, team_id })) }
}

/// A service account of Google's.
pub fn fcm_secret() -> Secret {
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        pem(AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref())
    });
    let file = serde_json::json!({"project_id": "verona", "client_email": "push@verona.test", "private_key": *KEY});
    Secret { of: Some(Of::Fcm(FcmSecret { service_account: file.to_string() })) }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der))
}

pub fn android(user: u64, token: &str) -> SubscribeRequest {
    SubscribeRequest {
        app: APP,
        user,
        channel: Channel::Gcm.into(),
        environment: Environment::Production.into(),
        platform: Platform::Android.into(),
        udid: format!("device of {token}"),
        bundle: String::new(),
        token: token.into(),
        web: None,
    }
}

pub fn iphone(user: u64, token: &str) -> SubscribeRequest {
    let (channel, platform, bundle) = (Channel::Apns.into(), Platform::Ios.into(), "org.x".to_owned());
    SubscribeRequest { channel, platform, bundle, environment: Environment::Development.into(), ..android(user, token) }
}

pub fn token_of(target: &Target) -> String {
    match target {
        Target::Apns { token, .. } | Target::Fcm { token } => token.clone(),
        Target::Web { endpoint, .. } => endpoint.clone(),
    }
}

pub fn id_of(seq: u64) -> Vec<u8> {
    [[0xee; 4].as_slice(), &seq.to_be_bytes()].concat()
}

/// Of a journal: how many say this.
pub fn reasons(journal: &[(u64, String, String)]) -> BTreeMap<(u64, &str), usize> {
    let mut counts = BTreeMap::new();
    journal.iter().for_each(|(user, reason, _)| *counts.entry((*user, reason.as_str())).or_default() += 1);
    counts
}

pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub fn answer<T>(reply: Result<natter_rpc::Response<T>, natter_rpc::Status>) -> Result<T, Failure> {
    reply.map(natter_rpc::Response::into_inner).map_err(Failure::from)
}
