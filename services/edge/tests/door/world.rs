//! What is around the edge: sockets on loopback, and the other services as fakes (`fakes.rs`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use natter_actor::{Chance, Clock, Dial, Executor};
use natter_bus::{Bus, Payload};
use natter_cluster::Shard;
use natter_edge::{Doors, Drains, Options, Parts, Service, Streams};
use natter_peer::Proxies;
use natter_proto::account::v1::accounts_server::AccountsServer;
use natter_proto::cluster::v1::Learn;
use natter_proto::dialog::v1::dialogs_server::DialogsServer;
use natter_proto::dialog::v1::{MarkRequest, PostRequest};
use natter_proto::event::v1::Frame;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Ended, Expelled, Head, Heads, Message, OccupantState, SessionRef};
use natter_proto::history::v1::GapRequest;
use natter_proto::history::v1::history_server::HistoryServer;
use natter_proto::presence::v1::presence_server::PresenceServer;
use natter_proto::presence::v1::{Entrance, SessionState};
use natter_proto::subject::Subject;
use natter_proto::{DialogId, EdgeFrame};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use natter_trace::Recorder;
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::fakes::{Fakes, MEMBERS};
pub use crate::fakes::{PASSWORD, TOKEN, TOKEN_ID, dialog, group};

/// What edges share.
#[derive(Clone)]
pub struct Around {
    fakes: Fakes,
    streams: Streams,
}

impl Around {
    /// Edges find the streams of one another.
    pub fn keeping() -> Around {
        Around::keeping_in(Streams::memory())
    }

    pub fn keeping_in(streams: Streams) -> Around {
        Around { fakes: Fakes::new(Bus::local()), streams }
    }
}

/// One running edge and its surroundings.
pub struct World {
    pub tcp: u16,
    pub ws: u16,
    pub certificate: CertificateDer<'static>,
    pub drains: Drains,
    pub dials: Vec<Dial>,
    fakes: Fakes,
    metrics: Metrics,
    stop: Arc<Notify>,
    edge: Mutex<Option<JoinHandle<()>>>,
    _executor: Executor,
}

impl World {
    pub async fn start(options: Options) -> World {
        let around = Around::keeping_in(Streams::default());
        World::start_in(&around, Options { id: "e1".to_owned(), ..options }).await
    }

    pub async fn start_in(around: &Around, options: Options) -> World {
        let (world, service, doors) = World::made(around.clone(), options, Executor::arbiters(1).unwrap()).await;
        let stopped = world.stop.clone();
        let edge = tokio::spawn(async move { service.run(doors, async move { stopped.notified().await }).await.unwrap() });
        *world.edge.lock() = Some(edge);
        world
    }

    /// One that lives on a thread of its own until it is killed: without a word to anybody.
    pub async fn start_mortal(around: &Around, options: Options) -> (World, Mortal) {
        let (around, (ready, made), (kill, killed)) = (around.clone(), oneshot::channel(), oneshot::channel::<()>());
        let thread = std::thread::spawn(move || {
            let (runtime, actors) = (Builder::new_current_thread().enable_all().build().unwrap(), LocalSet::new());
            runtime.block_on(actors.run_until(async move {
                let (world, service, doors) = World::made(around, options, Executor::local()).await;
                drop(ready.send(world));
                spawn_local(async move { service.run(doors, std::future::pending()).await });
                let _ = killed.await;
            }));
        });
        (made.await.unwrap(), Mortal { kill, thread })
    }

    async fn made(around: Around, options: Options, executor: Executor) -> (World, Service, Doors) {
        let Around { fakes, streams } = around;
        let (bus, metrics) = (fakes.0.bus.clone(), Metrics::new());
        let link = LinkOptions::default();
        let parts = Parts {
            account: Link::local(AccountsServer::new(fakes.clone()), link),
            dialog: Link::local(DialogsServer::new(fakes.clone()), link),
            presence: Link::local(PresenceServer::new(fakes.clone()), link),
            history: Link::local(HistoryServer::new(fakes.clone()), link),
            bus,
            executor: executor.clone(),
            clock: Clock::system(),
            boot: Chance::system().u64(),
            chance: Chance::system(),
            proxies: Proxies::default(),
            metrics: metrics.clone(),
            trace: Recorder::default(),
            streams,
        };
        let (tcp, ws) = (listener().await, listener().await);
        let (tcp_port, ws_port) = (tcp.local_addr().unwrap().port(), ws.local_addr().unwrap().port());
        let (certificate, tls_config) = certificate();
        let doors = Doors { tcp: Some(tcp), ws: Some(ws), tls_config: Some(tls_config), ..Doors::default() };
        let stop = Arc::new(Notify::new());
        let service = Service::new(options, parts).unwrap();
        let edge = Mutex::default();
        let (drains, dials) = (service.drains(), service.dials());
        let (tcp, ws, _executor) = (tcp_port, ws_port, executor);
        let world = World { tcp, ws, certificate, drains, dials, fakes, metrics, stop, edge, _executor };
        (world, service, doors)
    }

    /// What presence was told of the sessions of a user.
    pub fn announcements(&self, user: u64) -> Vec<SessionState> {
        let announced = self.fakes.0.announced.borrow();
        announced.iter().filter(|(of, _)| *of == user).map(|(_, state)| *state).collect()
    }

    /// From here on posts are taken but not answered.
    pub fn hold_posts(&self) {
        *self.fakes.0.held.lock() = true;
    }

    pub fn release_posts(&self) {
        *self.fakes.0.held.lock() = false;
        self.fakes.0.permits.add_permits(1_000);
    }

    /// Everybody else keeps this user out. What is told live is told all the same.
    pub fn block(&self, user: u64) {
        self.fakes.0.blocked.lock().insert(user);
    }

    /// The account service says that somebody may be connected no more; of an app, everybody.
    pub fn end(&self, app: u64, user: u64) {
        self.fakes.0.bus.publish(&Subject::Ended.to_string(), Payload::of(Ended { app, user }));
    }

    /// An operator ends sessions.
    pub fn expel(&self, expelled: Expelled) {
        self.fakes.0.bus.publish(&Subject::Expelled.to_string(), Payload::of(expelled));
    }

    /// How the sessions of a user came, as presence was told at last.
    pub fn entrances(&self, user: u64) -> Vec<(SessionRef, Entrance)> {
        let entrances = self.fakes.0.entrances.lock();
        entrances
            .iter()
            .filter(|(of, ..)| *of == user)
            .map(|(_, session, entrance)| (session.clone(), entrance.clone()))
            .collect()
    }

    /// The token is over.
    pub fn end_token(&self) {
        self.fakes.0.token_over.store(true, Ordering::Relaxed);
    }

    /// He is no more, and nobody says so.
    pub fn refuse(&self, user: u64) {
        self.fakes.0.ended.lock().insert(user);
    }

    /// From here on history does not answer what is asked of a gap.
    pub fn fail_history(&self) {
        self.fakes.0.history_fails.store(true, Ordering::Relaxed);
    }

    /// Whether any debt was settled.
    pub fn settled(&self) -> bool {
        self.fakes.0.settled.load(Ordering::Relaxed)
    }

    /// A message that is stored, and whose frame is lost.
    pub fn store_untold(&self, to: u64, from: u64, body: &str) {
        let seq = self.fakes.0.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let body = Some(body.to_owned());
        let row = Message { id: vec![0x77; 12], sender: from, recipient: to, seq, body, ..Message::default() };
        self.fakes.0.stored.lock().push(row);
    }

    /// The owner of the dialog publishes its head.
    pub fn publish_head(&self, dialog: DialogId) {
        let seq = self.fakes.0.seq.load(Ordering::Relaxed);
        let head = Head { app: 905, dialog: dialog.to_vec(), seq, ..Head::default() };
        self.fakes.0.bus.publish(&Subject::Heads.to_string(), Payload::of(Heads { heads: vec![head] }));
    }

    /// A message to `to` that it has not received.
    pub fn owe(&self, to: u64, from: u64, body: &str) {
        let message = Message {
            id: vec![0x66; 12],
            sender: from,
            recipient: to,
            seq: self.fakes.0.seq.fetch_add(1, Ordering::Relaxed) + 1,
            body: Some(body.to_owned()),
            created_at: 1_769_853_600_000,
            date_sent: 1_769_853_600,
            ..Message::default()
        };
        self.fakes.0.owed.lock().push((to, message));
    }

    /// The posts, as soon as there are so many.
    pub async fn posted(&self, count: usize) -> Vec<PostRequest> {
        self.fakes.0.posts.subscribe().wait_for(|posts| posts.len() >= count).await.unwrap().clone()
    }

    /// The first status without relay.
    pub async fn marked(&self) -> MarkRequest {
        let mut marks = self.fakes.0.marks.subscribe();
        let marks = marks.wait_for(|marks| marks.iter().any(|mark| !mark.relay)).await.unwrap();
        marks.iter().find(|mark| !mark.relay).unwrap().clone()
    }

    /// User 34 removes a member of the group. `told`: by a frame; else it is lost.
    pub fn kick(&self, user: u64, told: bool) {
        self.fakes.0.inside.lock().remove(&user);
        self.fakes.0.removed.lock().insert(user);
        if told {
            self.fakes.tell_occupant(MEMBERS.to_vec(), user, OccupantState::Removed);
        }
    }

    /// Whether a session of the user asked to see a dialog before it filled a hole.
    pub fn looked(&self, user: u64) -> bool {
        self.fakes.0.looks.lock().contains(&user)
    }

    /// What history was asked for, as soon as there are so many questions.
    pub async fn gaps(&self, count: usize) -> Vec<GapRequest> {
        self.fakes.0.gaps.subscribe().wait_for(|gaps| gaps.len() >= count).await.unwrap().clone()
    }

    pub async fn announced(&self, user: u64, state: SessionState) {
        self.fakes.0.announced.subscribe().wait_for(|announced| announced.contains(&(user, state))).await.unwrap();
    }

    /// A presence that took over the app of a shard asks who is here.
    pub fn learn(&self, number: u64, shard: Shard) {
        let learn = Learn { by: "p/1".to_owned(), number, shards: vec![shard.0.into()] };
        self.fakes.0.bus.publish(&Subject::Learn.to_string(), Payload::of(learn));
    }

    /// The sessions that were announced again, as soon as there are so many.
    pub async fn announced_again(&self, count: usize) -> Vec<(u64, SessionState)> {
        self.fakes.0.again.subscribe().wait_for(|again| again.len() >= count).await.unwrap().clone()
    }

    /// The same, as soon as this one is among them.
    pub async fn announced_again_with(&self, session: (u64, SessionState)) -> Vec<(u64, SessionState)> {
        self.fakes.0.again.subscribe().wait_for(|again| again.contains(&session)).await.unwrap().clone()
    }

    /// A presence that does not know where users are tells every edge.
    pub fn tell_everywhere(&self, users: Vec<u64>, told: Told) {
        let frame = Frame { app: 905, to: users.clone(), told: Some(told), ..Frame::default() };
        let told = EdgeFrame { frame: frame.into(), users, ..EdgeFrame::default() };
        self.fakes.0.bus.publish(&Subject::Edges.to_string(), Payload::of(told));
    }

    pub fn metrics(&self) -> String {
        self.metrics.encode()
    }

    pub fn stop(&self) {
        self.stop.notify_one();
    }

    pub async fn ended(&self) {
        let edge = self.edge.lock().take().unwrap();
        edge.await.unwrap();
    }
}

/// The life of an edge.
pub struct Mortal {
    kill: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Mortal {
    pub fn kill(self) {
        drop(self.kill);
        self.thread.join().unwrap();
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn certificate() -> (CertificateDer<'static>, Arc<rustls::ServerConfig>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key);
    (certificate, Arc::new(config.unwrap()))
}
