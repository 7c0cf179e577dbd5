//! What is around the edge: fakes of the other services, in one process and in memory. They know two users of app 905, one
//! password, and remember what they were asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use natter_actor::{Chance, Clock, Executor};
use natter_bus::Bus;
use natter_edge::{Doors, Options, Parts, Service};
use natter_proto::account::v1::accounts_server::{Accounts, AccountsServer};
use natter_proto::account::v1::{self as account, AuthenticateReply, AuthenticateRequest, TokenRequest};
use natter_proto::dialog::v1::dialogs_server::{Dialogs, DialogsServer};
use natter_proto::dialog::v1::{self as dialogs, ListReply, ListRequest, MarkReply, MarkRequest, PostReply, PostRequest};
use natter_proto::dialog::v1::{Dialog, DialogKind, Entry, SignalReply, SignalRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{EdgeFrame, Frame, Head, Heads, Marker, Message};
use natter_proto::history::v1::history_server::{History, HistoryServer};
use natter_proto::history::v1::{self as history, DropReply, DropRequest, GapReply, GapRequest, GapRow, KeptReply, KeptRequest};
use natter_proto::presence::v1::presence_server::{Presence, PresenceServer};
use natter_proto::presence::v1::{
    self as presence, AnnounceReply, AnnounceRequest, ReachableReply, ReachableRequest, RecordReply, SessionRecord, SessionState,
    SettleDebtReply, SettleDebtRequest, TakeDebtReply, TakeDebtRequest,
};
use natter_proto::subject::Subject;
use natter_proto::{Code, DialogId, Failure, UserId};
use natter_rpc::{Link, LinkOptions, Reply, Request, Response, Status, async_trait};
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prost::Message as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

pub const PASSWORD: &str = "s3cret";
const KEY: &[u8] = b"pair key";

/// One running edge and its surroundings.
pub struct World {
    pub tcp: u16,
    pub ws: u16,
    pub certificate: CertificateDer<'static>,
    fakes: Fakes,
    metrics: Metrics,
    stop: Arc<Notify>,
    edge: Mutex<Option<JoinHandle<()>>>,
    _executor: Executor,
}

#[derive(Clone)]
struct Fakes(Arc<State>);

struct State {
    bus: Bus,
    posts: watch::Sender<Vec<PostRequest>>,
    marks: watch::Sender<Vec<MarkRequest>>,
    announced: watch::Sender<Vec<(u64, SessionState)>>,
    owed: Mutex<Vec<(u64, Message)>>,
    /// Rows whose frames were lost.
    stored: Mutex<Vec<Message>>,
    history_fails: AtomicBool,
    settled: AtomicBool,
    seq: AtomicU64,
    /// A post is answered when it gets a permit.
    permits: Semaphore,
    held: Mutex<bool>,
}

pub fn dialog(a: u64, b: u64) -> DialogId {
    DialogId::of_pair(KEY, UserId(a), UserId(b))
}

impl World {
    pub async fn start(options: Options) -> World {
        let options = Options { id: "e1".to_owned(), ..options };
        let bus = Bus::local();
        let fakes = Fakes(Arc::new(State {
            bus: bus.clone(),
            posts: watch::Sender::default(),
            marks: watch::Sender::default(),
            announced: watch::Sender::default(),
            owed: Mutex::default(),
            stored: Mutex::default(),
            history_fails: AtomicBool::new(false),
            settled: AtomicBool::new(false),
            seq: AtomicU64::new(0),
            permits: Semaphore::new(0),
            held: Mutex::new(false),
        }));
        let executor = Executor::arbiters(1).unwrap();
        let metrics = Metrics::new();
        let link = LinkOptions::default();
        let parts = Parts {
            account: Link::local(AccountsServer::new(fakes.clone()), link),
            dialog: Link::local(DialogsServer::new(fakes.clone()), link),
            presence: Link::local(PresenceServer::new(fakes.clone()), link),
            history: Link::local(HistoryServer::new(fakes.clone()), link),
            bus,
            executor: executor.clone(),
            clock: Clock::system(),
            chance: Chance::system(),
            metrics: metrics.clone(),
        };
        let (tcp, ws) = (listener().await, listener().await);
        let (tcp_port, ws_port) = (tcp.local_addr().unwrap().port(), ws.local_addr().unwrap().port());
        let (certificate, tls_config) = certificate();
        let doors = Doors { tcp: Some(tcp), ws: Some(ws), tls_config: Some(tls_config), ..Doors::default() };
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let service = Service::new(options, parts).unwrap();
        let edge = tokio::spawn(async move { service.run(doors, async move { stopped.notified().await }).await.unwrap() });
        World { tcp: tcp_port, ws: ws_port, certificate, fakes, metrics, stop, edge: Mutex::new(Some(edge)), _executor: executor }
    }

    /// From here on posts are taken but not answered.
    pub fn hold_posts(&self) {
        *self.fakes.0.held.lock() = true;
    }

    pub fn release_posts(&self) {
        *self.fakes.0.held.lock() = false;
        self.fakes.0.permits.add_permits(1_000);
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
    pub fn publish_head(&self, a: u64, b: u64) {
        let seq = self.fakes.0.seq.load(Ordering::Relaxed);
        let head = Head { app: 905, dialog: dialog(a, b).to_vec(), seq, ..Head::default() };
        self.fakes.0.bus.publish(&Subject::Heads.to_string(), Heads { heads: vec![head] }.encode_to_vec().into());
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

    pub async fn announced(&self, user: u64, state: SessionState) {
        self.fakes.0.announced.subscribe().wait_for(|announced| announced.contains(&(user, state))).await.unwrap();
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

// === the services ===

impl Fakes {
    fn tell(&self, users: Vec<u64>, frame: Frame) {
        let frame = Frame { app: 905, to: users.clone(), ..frame };
        let bytes = EdgeFrame { frame: Some(frame), users }.encode_to_vec();
        self.0.bus.publish(&Subject::Edge("e1".to_owned()).to_string(), bytes.into());
    }
}

/// A fake of a service: what it answers, and what it does not know.
macro_rules! fake {
    ($service:ident, $v:ident, { $($known:tt)* } $($name:ident: $request:ident => $reply:ident,)*) => {
        #[async_trait]
        impl $service for Fakes {
            $($known)*
            $(async fn $name(&self, _: Request<$v::$request>) -> Reply<$v::$reply> {
                Err(Status::unimplemented("not in this fake"))
            })*
        }
    };
}

fake! { Accounts, account, {
        async fn authenticate(&self, request: Request<AuthenticateRequest>) -> Reply<AuthenticateReply> {
            let request = request.into_inner();
            if request.app != 905 || request.secret != PASSWORD.as_bytes() {
                return Err(Failure::new(Code::Unauthenticated, "wrong").into());
            }
            Ok(Response::new(AuthenticateReply { pair_key: KEY.to_vec(), ..AuthenticateReply::default() }))
        }

        async fn touch(&self, _: Request<TokenRequest>) -> Reply<account::Empty> {
            Ok(Response::new(account::Empty {}))
        }
    }
    create_app: CreateAppRequest => App,
    get_app: GetAppRequest => App,
    list_apps: ListAppsRequest => ListAppsReply,
    find_app: FindAppRequest => App,
    open_session: OpenSessionRequest => Session,
    login: LoginRequest => Session,
    logout: TokenRequest => Empty,
    close_session: TokenRequest => Empty,
    resolve: TokenRequest => Session,
    sign_up: SignUpRequest => User,
    update_user: UpdateUserRequest => User,
    delete_user: UserRequest => Empty,
    get_users: GetUsersRequest => GetUsersReply,
    find_user: FindUserRequest => User,
    list_users: ListUsersRequest => ListUsersReply,
}

fake! { Dialogs, dialogs, {
        async fn post(&self, request: Request<PostRequest>) -> Reply<PostReply> {
            let request = request.into_inner();
            self.0.posts.send_modify(|posts| posts.push(request.clone()));
            let held = *self.0.held.lock();
            if held {
                self.0.permits.acquire().await.unwrap().forget();
            }
            let mut message = request.message.unwrap();
            message.seq = self.0.seq.fetch_add(1, Ordering::Relaxed) + 1;
            let reply = PostReply { seq: message.seq, ..PostReply::default() };
            let users = vec![message.sender, request.recipient];
            let told = Some(Told::Message(message));
            self.tell(users, Frame { dialog: request.dialog, origin: request.origin, told, ..Frame::default() });
            Ok(Response::new(reply))
        }

        async fn mark(&self, request: Request<MarkRequest>) -> Reply<MarkReply> {
            let request = request.into_inner();
            self.0.marks.send_modify(|marks| marks.push(request.clone()));
            if request.relay {
                let marker = Marker {
                    kind: request.kind,
                    message_id: request.ids[0].clone(),
                    user: request.user,
                    resource: request.origin.clone().unwrap().resource,
                    stanza_id: request.stanza_id,
                    author: request.author,
                    ..Marker::default()
                };
                let told = Some(Told::Marker(marker));
                let frame = Frame { dialog: request.dialog, origin: request.origin, told, ..Frame::default() };
                self.tell(vec![request.author, request.user], frame);
            }
            Ok(Response::new(MarkReply { found: 1 }))
        }

        async fn signal(&self, _: Request<SignalRequest>) -> Reply<SignalReply> {
            Ok(Response::new(SignalReply {}))
        }

        async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
            let id = dialog(34, 78).to_vec();
            let dialog = Dialog { id, app: request.into_inner().app, kind: DialogKind::Private.into(), ..Dialog::default() };
            Ok(Response::new(ListReply { entries: vec![Entry { dialog: Some(dialog), state: None }] }))
        }
    }
    create: CreateRequest => Dialog,
    get: GetRequest => Dialog,
    delete: DeleteRequest => DeleteReply,
    update: UpdateMessageRequest => UpdateMessageReply,
    remove: RemoveMessagesRequest => RemoveMessagesReply,
    unread: UnreadCountsRequest => UnreadCountsReply,
}

fake! { History, history, {
        async fn gap(&self, request: Request<GapRequest>) -> Reply<GapReply> {
            let request = request.into_inner();
            let owed = self.0.owed.lock();
            let mine = owed.iter().filter(|(user, _)| *user == request.user && !request.undelivered.is_empty());
            let row = |(_, row): &(u64, Message)| {
                GapRow { dialog: dialog(row.sender, row.recipient).to_vec(), row: Some(row.clone()) }
            };
            if self.0.history_fails.load(Ordering::Relaxed) {
                return Err(Failure::new(Code::Internal, "the log is corrupt").into());
            }
            let missing = self.0.stored.lock();
            let above = |row: &&Message| request.from.iter().any(|from| row.seq > from.seq);
            let filled = missing.iter().filter(above).map(|row| (request.user, row.clone())).collect::<Vec<_>>();
            let rows = mine.map(row).chain(filled.iter().map(row)).collect();
            Ok(Response::new(GapReply { rows, ..GapReply::default() }))
        }

        async fn kept(&self, _: Request<KeptRequest>) -> Reply<KeptReply> {
            Ok(Response::new(KeptReply::default()))
        }

        async fn drop(&self, _: Request<DropRequest>) -> Reply<DropReply> {
            Ok(Response::new(DropReply {}))
        }
    }
    append: AppendRequest => AppendReply,
    load: LoadRequest => LoadReply,
    heads: HeadsRequest => HeadsReply,
    page: PageRequest => PageReply,
    find: FindRequest => FindReply,
    mark: MarkRequest => MarkReply,
    hide: HideRequest => HideReply,
    clear: ClearRequest => ClearReply,
    edit: EditRequest => EditReply,
    remove: RemoveRequest => RemoveReply,
    unread: UnreadRequest => UnreadReply,
    members: MembersRequest => MembersReply,
    keep: KeepRequest => KeepReply,
    changes: ChangesRequest => ChangesReply,
}

#[async_trait]
impl Presence for Fakes {
    async fn announce(&self, request: Request<AnnounceRequest>) -> Reply<AnnounceReply> {
        let request = request.into_inner();
        self.0.announced.send_modify(|announced| announced.push((request.user, request.state())));
        Ok(Response::new(AnnounceReply { sessions: 1 }))
    }

    async fn reachable(&self, request: Request<ReachableRequest>) -> Reply<ReachableReply> {
        Ok(Response::new(ReachableReply { users: request.into_inner().users }))
    }

    async fn online(&self, _: Request<presence::OnlineRequest>) -> Reply<presence::OnlineReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn record(&self, _: Request<SessionRecord>) -> Reply<RecordReply> {
        Ok(Response::new(RecordReply {}))
    }

    async fn take_debt(&self, _: Request<TakeDebtRequest>) -> Reply<TakeDebtReply> {
        Ok(Response::new(TakeDebtReply { debt: Some(SessionRecord::default()) }))
    }

    async fn settle_debt(&self, _: Request<SettleDebtRequest>) -> Reply<SettleDebtReply> {
        self.0.settled.store(true, Ordering::Relaxed);
        Ok(Response::new(SettleDebtReply {}))
    }
}
