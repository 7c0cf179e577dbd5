//! The door under test and the fake behind it.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use natter_actor::Clock;
use natter_console::{Archives, Check, Examined, Options, Parts, SdkFacts, Service, Setting, SystemFacts};
use natter_peer::Proxies;
use natter_proto::account::v1::accounts_server::{Accounts, AccountsServer};
use natter_proto::account::v1::administration_server::{Administration, AdministrationServer};
use natter_proto::account::v1::audit_server::AuditServer;
use natter_proto::account::v1::operators_server::OperatorsServer;
use natter_proto::account::v1::reports_server::{Reports, ReportsServer};
use natter_proto::account::v1::tokens_server::TokensServer;
use natter_proto::account::v1::*;
use natter_proto::dialog::v1::dialogs_server::DialogsServer;
use natter_proto::erasure::v1::Erased;
use natter_proto::history::v1::archive_server::ArchiveServer as RowsServer;
use natter_proto::history::v1::history_server::HistoryServer;
use natter_proto::presence::v1::presence_server::PresenceServer;
use natter_proto::presence::v1::sessions_server::SessionsServer;
use natter_proto::push::v1 as push;
use natter_proto::push::v1::alerting_server::AlertingServer;
use natter_proto::push::v1::credentials_server::{Credentials, CredentialsServer};
use natter_proto::push::v1::events_server::EventsServer;
use natter_proto::push::v1::push_server::PushServer;
use natter_proto::push::v1::webhooks_server::WebhooksServer;
use natter_proto::storage::v1::storage_server::StorageServer;
use natter_proto::trace::v1::traces_server::{Traces, TracesServer};
use natter_proto::trace::v1::{Hop, Kind as HopKind, OfReply, OfRequest, SwitchReply, SwitchRequest, SwitchedRequest};
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Reply, Request, Response, Status, async_trait};
use natter_telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::people::People;
use crate::pushed::{FIRST_TRIAL, Pushed};
use crate::running::Running;
use crate::staff::Staff;

/// What opens the door.
pub const TOKEN: &str = "t0ken";

/// The door under test.
pub struct Console {
    address: SocketAddr,
    pub fake: Arc<Mutex<Asked>>,
    pub pushed: Pushed,
    pub people: People,
    pub running: Running,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Console {
    pub async fn start() -> Console {
        let fake = Arc::new(Mutex::new(Asked::default()));
        let account = Link::local(AccountsServer::new(Fake(fake.clone())), LinkOptions::default());
        let operators = Link::local(OperatorsServer::new(Fake(fake.clone())), LinkOptions::default());
        let audit = Link::local(AuditServer::new(Fake(fake.clone())), LinkOptions::default());
        let reports = Link::local(ReportsServer::new(Fake(fake.clone())), LinkOptions::default());
        let administration = Link::local(AdministrationServer::new(Fake(fake.clone())), LinkOptions::default());
        let traces = Link::local(TracesServer::new(Fake(fake.clone())), LinkOptions::default());
        let credentials = Link::local(CredentialsServer::new(Fake(fake.clone())), LinkOptions::default());
        let token = format!("{TOKEN}\n");
        let (pushed, people, link) = (Pushed::default(), People::default(), LinkOptions::default());
        let beside = Running::default();
        let parts = Parts {
            account,
            operators,
            audit,
            reports,
            administration,
            traces,
            credentials,
            webhooks: Link::local(WebhooksServer::new(pushed.clone()), link),
            push: Link::local(PushServer::new(pushed.clone()), link),
            alerting: Link::local(AlertingServer::new(pushed.clone()), link),
            dialog: Link::local(DialogsServer::new(pushed.clone()), link),
            history: Link::local(HistoryServer::new(pushed.clone()), link),
            clock: Clock::paused(1_700_000_000_000),
            proxies: Proxies::default(),
            tokens: Link::local(TokensServer::new(people.clone()), link),
            presence: Link::local(PresenceServer::new(people.clone()), link),
            chat_sessions: Link::local(SessionsServer::new(people.clone()), link),
            storage: Link::local(StorageServer::new(people.clone()), link),
            events: Link::local(EventsServer::new(people.clone()), link),
            archives: Archives { history: Link::local(RowsServer::new(pushed.clone()), link), ..Archives::absent() },
            rows: None,
            overriding: beside.overriding(),
            processes: beside.processes(),
            metrics: Metrics::new(),
            token,
            sdk: facts(),
            system: system(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = Service::new(Options::default(), parts);
        let task = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            service.run(listener, stop).await.unwrap();
        });
        Console { address, fake, pushed, people, running: beside, stop, task }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }

    pub fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.fake.lock().unwrap()
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
        ))
        .await
    }

    pub async fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.call("POST", path, body).await
    }

    pub async fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        self.send(&format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await
    }

    pub async fn put(&self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("PUT {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        self.send(&format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await
    }

    /// Sends bytes as they are and reads the answer to its end.
    pub async fn send(&self, request: &str) -> (u16, String) {
        let (head, body) = self.exchange(request).await;
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    /// The same, with the answer's head as it came.
    pub async fn exchange(&self, request: &str) -> (String, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        // A refusal may come before the last byte was sent.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request}"));
        let lower = head.to_ascii_lowercase();
        assert!(!lower.contains("access-control"), "{head}");
        (head.to_owned(), body.to_owned())
    }
}

fn facts() -> SdkFacts {
    SdkFacts {
        api_host: "natter.test:8443".into(),
        chat_host: "natter.test".into(),
        websocket: "wss://natter.test:5291".into(),
        api_url_plain: "http://natter.test:8080".into(),
        chat_url_plain: "ws://natter.test:5290".into(),
        ca_path: "/data/ca.pem".into(),
    }
}

fn system() -> SystemFacts {
    let setting = |path: &str, value: &str, origin: &str| Setting {
        path: path.into(),
        value: value.into(),
        is_default: origin == "default",
        origin: origin.into(),
    };
    let settings = vec![
        setting("edge.tls_port", "15223", "flag"),
        setting("mail.password", "\"***\"", "file"),
        setting("health.port", "9600", "default"),
        setting("trace.one_in", "100", "default"),
    ];
    let checks = vec![Check { name: "disk", verdict: "warn", text: "12 MiB free: make <room> soon".into() }];
    let examined = Examined { at: 1_700_000_000, checks };
    let examine = Arc::new(move || -> std::pin::Pin<Box<dyn Future<Output = Examined> + Send>> {
        Box::pin(std::future::ready(examined.clone()))
    });
    SystemFacts { version: "1.2.3".into(), settings, examine }
}

pub fn check_json(body: &str, parts: &[&str]) {
    for part in parts {
        assert!(body.contains(part), "no {part} in {body}");
    }
}

// === A fake of the account service ===

/// What the fake was asked.
#[derive(Default)]
pub struct Asked {
    pub calls: usize,
    pub apps: Vec<App>,
    pub sign_ups: Vec<SignUpRequest>,
    pub checks: Vec<CheckOperatorRequest>,
    pub staff: Staff,
    pub report_pages: Vec<ListReportsRequest>,
    /// One that is known besides the usual one, and what was closed.
    pub report: Option<Report>,
    pub closed: Vec<CloseReportRequest>,
    pub user_pages: Vec<ListUsersRequest>,
    pub fails: Option<Failure>,
    /// Users and apps (user 0) that were ended.
    pub ended: Vec<(u64, u64)>,
    pub applied: Vec<ApplyAppRequest>,
    pub switches: Vec<SwitchRequest>,
    /// Credentials that were put, and that were to be forgotten.
    pub put: Vec<push::PutCredentialRequest>,
    pub forgotten: Vec<push::DeleteCredentialRequest>,
    pub refuses_put: Option<Failure>,
    /// Starts of a trial. The first login has the id [`FIRST_TRIAL`], the next one the next.
    pub trials: Vec<TrialRequest>,
}

impl Asked {
    fn trial(&self, asked: &TrialRequest) -> Option<User> {
        let mut known: Vec<&TrialRequest> = Vec::new();
        for one in &self.trials {
            if !known.iter().any(|other| (other.app, &other.login) == (one.app, &one.login)) {
                known.push(one);
            }
        }
        let place = known.iter().position(|one| (one.app, &one.login) == (asked.app, &asked.login))?;
        let id = FIRST_TRIAL + place as u64;
        Some(User { id, login: Some(asked.login.clone()), ..User::default() }).filter(|_| !self.ended.contains(&(asked.app, id)))
    }
}

#[derive(Clone)]
pub struct Fake(Arc<Mutex<Asked>>);

impl Fake {
    /// Without a count or a failure: what goes along with other calls.
    pub fn beside(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.0.lock().unwrap()
    }

    pub fn asked(&self) -> Result<std::sync::MutexGuard<'_, Asked>, Status> {
        let mut asked = self.0.lock().unwrap();
        asked.calls += 1;
        match asked.fails.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(asked),
        }
    }
}

#[async_trait]
impl Accounts for Fake {
    async fn create_app(&self, request: Request<CreateAppRequest>) -> Reply<App> {
        let CreateAppRequest { id, title, auth_key, auth_secret } = request.into_inner();
        let created_at = 1_700_000_000_000;
        let app = App { id, title, auth_key, auth_secret, pair_key: vec![1; 32], created_at, ..App::default() };
        self.asked()?.apps.push(app.clone());
        Ok(Response::new(app))
    }

    async fn get_app(&self, request: Request<GetAppRequest>) -> Reply<App> {
        let id = request.into_inner().id;
        let app = self.asked()?.apps.iter().find(|app| app.id == id).cloned();
        app.map(Response::new).ok_or_else(|| Failure::new(Code::NotFound, "App not found").into())
    }

    async fn set_identity(&self, request: Request<SetIdentityRequest>) -> Reply<App> {
        let SetIdentityRequest { app, identity } = request.into_inner();
        let mut asked = self.asked()?;
        let app = asked.apps.iter_mut().find(|row| row.id == app);
        let app = app.ok_or_else(|| Status::from(Failure::new(Code::NotFound, "App not found")))?;
        if identity.as_ref().and_then(|identity| identity.custom.as_ref()).is_some_and(|custom| custom.url.is_empty()) {
            return Err(Failure::of_field(Code::Invalid, "custom.url", "must be an address").into());
        }
        app.identity = identity;
        Ok(Response::new(app.clone()))
    }

    async fn list_apps(&self, _: Request<ListAppsRequest>) -> Reply<ListAppsReply> {
        Ok(Response::new(ListAppsReply { apps: self.asked()?.apps.clone() }))
    }

    async fn sign_up(&self, request: Request<SignUpRequest>) -> Reply<User> {
        let request = request.into_inner();
        let user = User { id: request.id, app: request.app, ..request.user.clone().unwrap() };
        if user.login.as_deref() == Some("taken") {
            return Err(Failure::of_field(Code::Exists, "login", "has already been taken").into());
        }
        self.asked()?.sign_ups.push(request);
        Ok(Response::new(user))
    }

    async fn get_users(&self, request: Request<GetUsersRequest>) -> Reply<GetUsersReply> {
        let ids = request.into_inner().ids;
        let asked = self.asked()?;
        let found = asked.sign_ups.iter().filter(|request| ids.contains(&request.id));
        let users = found.map(|request| User { id: request.id, ..request.user.clone().unwrap() }).collect();
        Ok(Response::new(GetUsersReply { users }))
    }

    async fn open_session(&self, _: Request<OpenSessionRequest>) -> Reply<Session> {
        unused()
    }

    async fn login(&self, _: Request<LoginRequest>) -> Reply<Session> {
        unused()
    }

    async fn logout(&self, _: Request<TokenRequest>) -> Reply<Empty> {
        unused()
    }

    async fn close_session(&self, _: Request<TokenRequest>) -> Reply<Empty> {
        unused()
    }

    async fn resolve(&self, _: Request<ResolveRequest>) -> Reply<Session> {
        unused()
    }

    async fn authenticate(&self, _: Request<AuthenticateRequest>) -> Reply<AuthenticateReply> {
        unused()
    }

    async fn touch(&self, _: Request<TokenRequest>) -> Reply<Empty> {
        unused()
    }

    async fn update_user(&self, _: Request<UpdateUserRequest>) -> Reply<User> {
        unused()
    }

    async fn delete_user(&self, request: Request<UserRequest>) -> Reply<Empty> {
        let UserRequest { app, id } = request.into_inner();
        self.asked()?.ended.push((app, id));
        Ok(Response::new(Empty {}))
    }

    async fn admit(&self, _: Request<UserRequest>) -> Reply<Empty> {
        unused()
    }

    async fn find_user(&self, _: Request<FindUserRequest>) -> Reply<User> {
        unused()
    }

    async fn ask_password_reset(&self, _: Request<AskPasswordResetRequest>) -> Reply<Empty> {
        unused()
    }

    async fn reset_password(&self, _: Request<ResetPasswordRequest>) -> Reply<Empty> {
        unused()
    }

    async fn find_app(&self, _: Request<FindAppRequest>) -> Reply<App> {
        unused()
    }

    async fn visit_app(&self, _: Request<VisitAppRequest>) -> Reply<App> {
        unused()
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Reply<ListUsersReply> {
        let request = request.into_inner();
        let is_asked = |what: &str| request.any.iter().any(|filter| filter.texts.iter().any(|text| text == what));
        let (is_nobody, is_ann) = (is_asked("nobody"), is_asked("5") && request.skip == 0);
        self.asked()?.user_pages.push(request);
        let ann = User { id: 5, login: Some("ann".into()), created_at: 1_700_000_000_000, ..User::default() };
        let users = if is_nobody { Vec::new() } else { vec![ann] };
        let total = if is_nobody || is_ann { users.len() as u64 } else { 120 };
        Ok(Response::new(ListUsersReply { users, total }))
    }
}

/// Knows the way of one message, by its id and by its place.
#[async_trait]
impl Traces for Fake {
    async fn of(&self, request: Request<OfRequest>) -> Reply<OfReply> {
        let OfRequest { app, message, dialog, seq } = request.into_inner();
        drop(self.asked()?);
        let known = app == 77 && (message == [7; 12] && seq == 0 || dialog == [8; 12] && seq == 5);
        if !known {
            return Err(Failure::new(Code::NotFound, "nothing is known").into());
        }
        let hop = Hop { dialog: vec![8; 12], seq: 5, at: 1_700_000_000_123, node: "edge-1".into(), user: 34, ..Hop::default() };
        let ordered = Hop { kind: HopKind::Ordered.into(), message: vec![7; 12], ..hop.clone() };
        let told = Hop { kind: HopKind::Told.into(), count: 3, ..hop.clone() };
        let written = Hop { kind: HopKind::Written.into(), resource: "r1".into(), ..hop };
        Ok(Response::new(OfReply { hops: vec![ordered, told, written] }))
    }

    async fn switch(&self, request: Request<SwitchRequest>) -> Reply<SwitchReply> {
        let request = request.into_inner();
        let until = request.until;
        self.asked()?.switches.push(request);
        Ok(Response::new(SwitchReply { until }))
    }

    async fn switched(&self, _: Request<SwitchedRequest>) -> Reply<SwitchReply> {
        let until = self.asked()?.switches.last().map_or(0, |switch| switch.until);
        Ok(Response::new(SwitchReply { until }))
    }
}

#[async_trait]
impl Administration for Fake {
    async fn apply_app(&self, request: Request<ApplyAppRequest>) -> Reply<ApplyAppReply> {
        let request = request.into_inner();
        let (chat_host, api_host) = (request.chat_host.clone().unwrap_or_default(), request.api_host.clone().unwrap_or_default());
        let (id, quotas, groups) = (request.id, request.quotas, request.groups);
        let app = App { id, auth_secret: "s3cret".into(), quotas, groups, chat_host, api_host, ..App::default() };
        let mut asked = self.asked()?;
        asked.apps.iter_mut().filter(|known| known.id == id).for_each(|known| *known = app.clone());
        asked.applied.push(request);
        Ok(Response::new(ApplyAppReply { app: Some(app), created: false, changed: vec!["title".into()] }))
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Reply<App> {
        let RotateKeysRequest { id, overlap_s } = request.into_inner();
        drop(self.asked()?);
        let until = 1_700_000_000_000 + 1_000 * overlap_s as i64;
        let previous = Some(PreviousKeys { auth_key: "old".into(), auth_secret: "0ld".into(), until });
        Ok(Response::new(App { id, auth_key: "new".into(), auth_secret: "n3w".into(), previous, ..App::default() }))
    }

    async fn end_previous_keys(&self, request: Request<GetAppRequest>) -> Reply<App> {
        drop(self.asked()?);
        Ok(Response::new(App { id: request.into_inner().id, auth_secret: "n3w".into(), ..App::default() }))
    }

    async fn ban_user(&self, request: Request<BanUserRequest>) -> Reply<User> {
        let BanUserRequest { app, id, banned } = request.into_inner();
        let mut asked = self.asked()?;
        for made in asked.sign_ups.iter_mut().filter(|made| made.id == id) {
            made.user.as_mut().unwrap().banned = banned;
        }
        drop(asked);
        match id {
            5 => Ok(Response::new(User { app, id, banned, ..User::default() })),
            _ => Err(Failure::new(Code::NotFound, "User not found").into()),
        }
    }

    async fn suspend_app(&self, request: Request<SuspendAppRequest>) -> Reply<App> {
        let SuspendAppRequest { id, suspended } = request.into_inner();
        drop(self.asked()?);
        let state = if suspended { AppState::Suspended } else { AppState::Unspecified };
        Ok(Response::new(App { id, state: state.into(), ..App::default() }))
    }

    async fn delete_app(&self, request: Request<GetAppRequest>) -> Reply<Erasure> {
        let app = request.into_inner().id;
        self.asked()?.ended.push((app, 0));
        Ok(Response::new(Erasure { app, begun_at: 1_700_000_000_000, ..Erasure::default() }))
    }

    async fn open_trial(&self, request: Request<TrialRequest>) -> Reply<Session> {
        let request = request.into_inner();
        let mut asked = self.asked()?;
        asked.trials.push(request.clone());
        let user = asked.trial(&request).unwrap();
        let token = format!("t0ken-{}", asked.trials.len());
        Ok(Response::new(Session { user: user.id, user_row: Some(user), token, ..Session::default() }))
    }

    async fn find_trial(&self, request: Request<TrialRequest>) -> Reply<User> {
        let found = self.asked()?.trial(&request.into_inner());
        found.map(Response::new).ok_or_else(|| Failure::new(Code::NotFound, "User not found").into())
    }

    async fn get_erasure(&self, request: Request<UserRequest>) -> Reply<Erasure> {
        let UserRequest { app, id } = request.into_inner();
        if !self.asked()?.ended.contains(&(app, id)) {
            return Err(Failure::new(Code::NotFound, "nothing was erased").into());
        }
        let erased = vec![Erased { kind: "files".into(), count: 3 }];
        let (begun_at, ended_at) = (1_700_000_000_000, 1_700_000_001_000);
        Ok(Response::new(Erasure { app, user: id, begun_at, ended_at, erased }))
    }
}

pub fn unused<T>() -> Reply<T> {
    Err(Status::unimplemented("the console does not call this"))
}

fn report(app: u64) -> Report {
    Report {
        id: vec![7; 12],
        app,
        kind: ReportKind::Message.into(),
        reporter: 5,
        created_at: 1_700_000_000_000,
        updated_at: 1_700_000_000_000,
        fields: r#"{"reason":"spam"}"#.into(),
        ..Report::default()
    }
}

#[async_trait]
impl Reports for Fake {
    async fn list(&self, request: Request<ListReportsRequest>) -> Reply<ReportList> {
        let request = request.into_inner();
        self.asked()?.report_pages.push(request.clone());
        Ok(Response::new(ReportList { reports: vec![report(request.app)] }))
    }

    async fn find(&self, request: Request<FindReportRequest>) -> Reply<Report> {
        let FindReportRequest { app, id } = request.into_inner();
        let asked = self.asked()?;
        let known = [report(app)].into_iter().chain(asked.report.clone()).find(|one| one.id == id);
        let mut known = known.ok_or_else(|| Status::from(Failure::new(Code::NotFound, "there is no such report")))?;
        if let Some(closed) = asked.closed.iter().find(|closed| closed.id == id) {
            (known.verdict, known.closed_by, known.closed_at) = (closed.verdict, closed.operator.clone(), known.created_at);
        }
        Ok(Response::new(known))
    }

    async fn close(&self, request: Request<CloseReportRequest>) -> Reply<Report> {
        let request = request.into_inner();
        self.asked()?.closed.push(request.clone());
        self.find(Request::new(FindReportRequest { app: request.app, id: request.id })).await
    }

    async fn file(&self, _: Request<FileReportsRequest>) -> Reply<ReportList> {
        unused()
    }

    async fn list_own(&self, request: Request<ListOwnReportsRequest>) -> Reply<ReportList> {
        let ListOwnReportsRequest { app, user, kind } = request.into_inner();
        let fields = r#"{"reason":"spam"}"#.into();
        let report = Report { id: vec![7; 12], app, kind, reporter: user, fields, ..Report::default() };
        Ok(Response::new(ReportList { reports: vec![report] }))
    }

    async fn amend(&self, _: Request<AmendReportRequest>) -> Reply<Report> {
        unused()
    }

    async fn withdraw(&self, _: Request<WithdrawReportsRequest>) -> Reply<WithdrawReportsReply> {
        unused()
    }
}

#[async_trait]
impl Credentials for Fake {
    async fn put(&self, request: Request<push::PutCredentialRequest>) -> Reply<push::Credential> {
        let request = request.into_inner();
        let shown = push::Credential { topic: request.topic.clone(), ..credential(request.app) };
        let mut asked = self.asked()?;
        if let Some(failure) = asked.refuses_put.take() {
            return Err(failure.into());
        }
        asked.put.push(request);
        Ok(Response::new(shown))
    }

    async fn list(&self, request: Request<push::ListCredentialsRequest>) -> Reply<push::ListCredentialsReply> {
        drop(self.asked()?);
        let app = request.into_inner().app;
        let (kind, public_key) = (push::Kind::Vapid.into(), "BPub".into());
        let pair = push::Credential { kind, public_key, problem: "no key".into(), ..push::Credential::default() };
        Ok(Response::new(push::ListCredentialsReply { credentials: vec![credential(app), pair] }))
    }

    async fn delete(&self, request: Request<push::DeleteCredentialRequest>) -> Reply<push::Empty> {
        self.asked()?.forgotten.push(request.into_inner());
        Ok(Response::new(push::Empty {}))
    }

    async fn look(&self, request: Request<push::LookRequest>) -> Reply<push::LookReply> {
        drop(self.asked()?);
        assert_eq!(request.into_inner().ends_within_ms, 2_592_000_000);
        let reply = push::LookReply { key: "k1".into(), sealed: 3, ending: vec![credential(77)], ..Default::default() };
        Ok(Response::new(reply))
    }
}

fn credential(app: u64) -> push::Credential {
    push::Credential {
        app,
        kind: push::Kind::ApnsCertificate.into(),
        topic: "org.x".into(),
        environment: push::Environment::Development.into(),
        set_at: 1_700_000_000_000,
        expires_at: 1_699_999_999_000,
        fingerprint: "f0".into(),
        ..push::Credential::default()
    }
}
