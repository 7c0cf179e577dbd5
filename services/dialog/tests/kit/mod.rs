//! The dialog service at its gRPC door: the real service on a memory store, its neighbours as fakes of the generated traits,
//! on one thread with paused time. Not a place for assertions.

#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod history;
mod neighbours;
mod rooms;

use std::future::Future;
use std::time::Duration;

use natter_actor::{Chance, Clock, Executor};
use natter_bus::{Bus, Log, Subscription};
use natter_cluster::Own;
use natter_db::{Kv, Table};
use natter_dialog::{Options, Parts, Service};
use natter_proto::account::v1::accounts_server::AccountsServer;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::{DialogKind, PostReply, PostRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Heads, Message, SessionRef};
use natter_proto::history::v1::archive_server::ArchiveServer;
use natter_proto::history::v1::history_server::HistoryServer;
use natter_proto::presence::v1::presence_server::PresenceServer;
use natter_proto::subject::Subject;
use natter_proto::{Code, DialogId, Failure, UserId};
use natter_rpc::{Link, LinkOptions, Status};
use natter_telemetry::Metrics;
use natter_trace::Recorder;
use prost::Message as _;
use tokio::task::LocalSet;

pub use history::{Fate, History};
pub use neighbours::Accounts;
pub use rooms::Presence;

pub const APP: u64 = 7;
pub const ANN: u64 = 34;
pub const BOB: u64 = 78;
pub const CAT: u64 = 56;
pub const DAN: u64 = 90;
/// Of no user.
pub const NOBODY: u64 = 404;
pub const NOW: i64 = 1_700_000_000_000;
pub const PAIR_KEY: &[u8] = b"a key of thirty-two bytes, or so.";

/// What outlives a process.
#[derive(Clone)]
pub struct World {
    pub db: Kv,
    /// The durable log, on a store of its own, which fails alone.
    pub posted: (Kv, Log),
    pub history: History,
    pub presence: Presence,
    pub accounts: Accounts,
    pub options: Options,
    /// One of so many messages is traced; 0: none.
    pub one_in: u32,
}

/// One process.
pub struct Door {
    pub dialogs: DialogsClient<Link>,
    pub service: Service,
    /// Where hops are told, and who notes them. Boxed, so that a test with two of these stays small.
    pub ways: Box<(Bus, Recorder)>,
    told: Subscription,
    heads: Subscription,
}

/// Runs a test on one thread where actors can live.
pub async fn play(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

impl World {
    pub fn new() -> World {
        let posted = Kv::memory();
        World {
            db: Kv::memory(),
            posted: (posted.clone(), Log::embedded(posted, Table("posted"), 100)),
            history: History::default(),
            presence: Presence::default(),
            accounts: Accounts::default(),
            options: Options::default(),
            one_in: 0,
        }
    }

    /// Starts a process. Call it inside the LocalSet that is to be its life.
    pub fn start(&self) -> Door {
        self.start_as(Own::All, Link::absent())
    }

    /// One among several, whose dialogs are those of `own`, and others are reached by `peers`.
    pub fn start_as(&self, own: Own, peers: Link) -> Door {
        let bus = Bus::local();
        let deadline = LinkOptions { deadline: Duration::from_secs(2) };
        let tracing = natter_trace::Options { one_in: self.one_in, ..natter_trace::Options::default() };
        let trace = Recorder::new(&tracing, "dialog", bus.clone(), Clock::paused(NOW), &Metrics::new());
        let parts = Parts {
            db: self.db.clone().into(),
            bus: bus.clone(),
            posted: self.posted.1.clone(),
            history: Link::local(HistoryServer::new(self.history.clone()), deadline),
            account: Link::local(AccountsServer::new(self.accounts.clone()), deadline),
            presence: Link::local(PresenceServer::new(self.presence.clone()), deadline),
            old_rows: Link::local(ArchiveServer::new(self.history.clone()), deadline),
            own,
            peers,
            executor: Executor::local(),
            clock: Clock::paused(NOW),
            chance: Chance::seeded(1),
            metrics: Metrics::new(),
            trace: trace.clone(),
        };
        let (told, heads) = (bus.subscribe(&Subject::Told.to_string()), bus.subscribe(&Subject::Heads.to_string()));
        let service = Service::new(self.options.clone(), parts);
        // A neighbour that hangs must end before the caller does.
        let patient = LinkOptions { deadline: Duration::from_secs(20) };
        let dialogs = DialogsClient::new(Link::local(service.server(), patient));
        Door { dialogs, service, ways: Box::new((bus, trace)), told, heads }
    }
}

impl Door {
    pub async fn post(&self, request: PostRequest) -> Result<PostReply, Failure> {
        // Boxed, so that a test that posts in many places stays small.
        let reply = Box::pin(async { self.dialogs.clone().post(request).await }).await;
        reply.map(|reply| reply.into_inner()).map_err(Failure::from)
    }

    /// The frames told so far, once nothing moves any more.
    pub async fn told(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Ok(Some(told)) = tokio::time::timeout(Duration::from_millis(1), self.told.next()).await {
            frames.push(told.read::<Frame>().unwrap().as_ref().clone());
        }
        frames
    }

    /// The messages told so far.
    pub async fn told_messages(&mut self) -> Vec<Message> {
        let messages = self.told().await.into_iter().filter_map(|frame| match frame.told {
            Some(Told::Message(message)) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    /// The next heads that are published.
    pub async fn heads(&mut self) -> Heads {
        self.heads.next().await.unwrap().read::<Heads>().unwrap().as_ref().clone()
    }
}

pub fn pair(a: u64, b: u64) -> Vec<u8> {
    DialogId::of_pair(PAIR_KEY, UserId(a), UserId(b)).to_vec()
}

/// A message to be stored and told.
pub fn post(sender: u64, recipient: u64, n: u16, body: &str) -> PostRequest {
    PostRequest {
        app: APP,
        dialog: pair(sender, recipient),
        recipient,
        message: Some(Message { id: id(n), sender, body: Some(body.into()), ..Message::default() }),
        store: true,
        deliver: true,
        origin: Some(session(sender)),
        traceparent: String::new(),
        only_repeat: false,
        brief: false,
    }
}

/// A message that is told, and kept only for those who are away.
pub fn unsaved(sender: u64, recipient: u64, n: u16, body: &str) -> PostRequest {
    PostRequest { store: false, ..post(sender, recipient, n, body) }
}

pub fn session(user: u64) -> SessionRef {
    SessionRef { edge: "e1".into(), boot: 1, session: user, resource: format!("r-{user}") }
}

pub fn id(n: u16) -> Vec<u8> {
    [&[0x66; 10], n.to_be_bytes().as_slice()].concat()
}

pub fn code<T: std::fmt::Debug>(outcome: Result<T, impl Into<Failure>>) -> Code {
    outcome.map_err(Into::into).unwrap_err().code
}

pub fn refusal(code: Code) -> Status {
    Failure::new(code, "as the test wants it").into()
}

pub const PRIVATE: i32 = DialogKind::Private as i32;
