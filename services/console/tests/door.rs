//! The admin API over loopback, with a fake of the account service behind it.

#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use natter_console::{Options, Parts, SdkFacts, Service};
use natter_proto::account::v1::accounts_server::{Accounts, AccountsServer};
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Reply, Request, Response, Status, async_trait};
use natter_telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const TOKEN: &str = "t0ken";

#[tokio::test]
async fn an_app_is_made_listed_and_shown() {
    let console = Console::start().await;
    let (status, body) = console.post("/admin/v1/apps", r#"{"id": "77", "auth_key": "demoKey", "auth_secret": "s3cret"}"#).await;
    assert_eq!(status, 201, "{body}");
    check_json(
        &body,
        &[r#""id":77"#, r#""auth_key":"demoKey""#, r#""auth_secret":"s3cret""#, r#""created_at":"2023-11-14T22:13:20Z""#],
    );
    assert!(!body.contains("pair"), "{body}");

    let (status, body) = console.get("/admin/v1/apps").await;
    assert_eq!(status, 200);
    check_json(&body, &[r#"{"apps":[{"id":77,"#, r#""auth_key":"demoKey""#]);
    assert!(!body.contains("s3cret"), "a list shows no secrets: {body}");

    let (status, body) = console.get("/admin/v1/apps/77").await;
    assert_eq!(status, 200);
    check_json(&body, &[r#""auth_secret":"s3cret""#]);
    assert_eq!(console.post("/admin/v1/apps", "").await.0, 201, "everything is chosen");
    console.stop().await;
}

#[tokio::test]
async fn a_user_is_made_and_shown_without_its_password() {
    let console = Console::start().await;
    let (status, body) =
        console.post("/admin/v1/apps/77/users", r#"{"id": 5, "login": "ann", "password": "secret", "full_name": "Ann"}"#).await;
    assert_eq!(status, 201, "{body}");
    check_json(&body, &[r#""id":5"#, r#""login":"ann""#, r#""full_name":"Ann""#, r#""last_request_at":null"#]);
    assert!(!body.contains("secret"), "{body}");
    assert_eq!(console.asked().sign_ups[0].password, "secret");

    let (status, body) = console.get("/admin/v1/apps/77/users/5").await;
    assert_eq!((status, body.contains(r#""login":"ann""#)), (200, true), "{body}");
    assert_eq!(console.get("/admin/v1/apps/77/users/6").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn the_sdk_finds_its_way_with_what_is_shown() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77, "auth_key": "demoKey", "auth_secret": "s3cret"}"#).await;
    let (status, body) = console.get("/admin/v1/apps/77/sdk-config").await;
    assert_eq!(status, 200);
    let expected = concat!(
        r#"{"credentials":{"appId":77,"authKey":"demoKey","authSecret":"s3cret"},"#,
        r#""config":{"endpoints":{"api":"natter.test:8443","chat":"natter.test"},"#,
        r#""chatProtocol":{"active":2,"websocket":"wss://natter.test:5291"}},"ca":"/data/ca.pem"}"#
    );
    assert_eq!(body, expected);

    let (_, plain) = console.get("/admin/v1/apps/77/sdk-config?plain=1").await;
    let added = r#""api_url":"http://natter.test:8080","chat_url":"ws://natter.test:5290""#;
    check_json(&plain, &[added, r#""websocket":"ws://natter.test:5290""#]);
    console.stop().await;
}

#[tokio::test]
async fn nothing_but_the_front_page_opens_without_the_token() {
    let console = Console::start().await;
    let (status, body) = console.send("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status, body.starts_with("Natter: ")), (200, true), "{body}");
    let paths = [
        "/admin/v1/apps",
        "/admin/v1/apps/",
        "//",
        "/.",
        "/./admin/v1/apps",
        "/x/../admin/v1/apps",
        "/%2e%2e/admin/v1/apps",
        "/%u002e%u002e/admin/v1/apps",
        "/admin%2fv1%2fapps",
        "/setup/setup-/..;/admin/v1/apps",
        "/nothing",
    ];
    for path in paths {
        for header in ["", "authorization: Bearer wrong\r\n", "authorization: Basic dDBrZW4=\r\n", "cookie: token=t0ken\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
            let (status, body) = console.send(&request).await;
            assert!(matches!(status, 401 | 400), "{path} {header}: {status} {body}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(console.send(&request).await.0, 401, "{method}");
    }
    // A body is promised and never sent: the refusal does not wait for it.
    let promise = "POST /admin/v1/apps HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n";
    let (status, body) = console.send(promise).await;
    assert_eq!(status, 401);
    check_json(&body, &[r#"{"error":{"code":"unauthenticated","field":"","text":"#]);
    assert_eq!(console.asked().calls, 0);
    console.stop().await;
}

#[tokio::test]
async fn a_page_whose_name_was_pointed_here_gets_nothing() {
    let console = Console::start().await;
    let request = format!(
        "GET /admin/v1/apps HTTP/1.1\r\nhost: rebound.example.test:8090\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(console.send(&request).await.0, 421);
    assert_eq!(console.send("GET / HTTP/1.0\r\n\r\n").await.0, 421, "nor who names no host");
    console.stop().await;
}

#[tokio::test]
async fn bad_input_is_named_and_never_a_500() {
    let console = Console::start().await;
    let cases = [
        ("/admin/v1/apps", "{", 400, r#""field":"""#),
        ("/admin/v1/apps", "[]", 400, r#""field":"""#),
        ("/admin/v1/apps", r#"{"id": -1}"#, 400, r#""field":"id""#),
        ("/admin/v1/apps", r#"{"titel": "x"}"#, 400, r#""field":"titel""#),
        ("/admin/v1/apps", r#"{"title": 7}"#, 400, r#""field":"title""#),
        ("/admin/v1/apps/77/users", r#"{"login": "ann", "password": 5}"#, 400, r#""field":"password""#),
        ("/admin/v1/apps/77/users", r#"{"login": "taken", "password": "secret"}"#, 409, r#""field":"login""#),
        ("/admin/v1/apps/x/users", "{}", 404, "no such app"),
        ("/admin/v1/apps/0/users", "{}", 404, "no such app"),
        ("/admin/v1/apps/77", "{}", 405, "method"),
        ("/admin/v1/nothing", "{}", 404, "no such route"),
    ];
    for (path, body, status, text) in cases {
        let (answered, answer) = console.post(path, body).await;
        assert_eq!(answered, status, "{path} {body}: {answer}");
        check_json(&answer, &[r#"{"error":{"code":""#, text]);
    }
    let (status, answer) = console.post("/admin/v1/apps", &format!(r#"{{"title": "{}"}}"#, "x".repeat(64 * 1024))).await;
    assert_eq!(status, 413, "{answer}");
    check_json(&answer, &[r#""code":"too_large""#]);
    for path in ["/admin/v1/apps/99", "/admin/v1/apps/99999999999999999999", "/admin/v1/apps/%00", "/admin/v1/apps/77/users/%ff"]
    {
        let (status, answer) = console.get(path).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    console.stop().await;
}

#[tokio::test]
async fn what_the_account_service_says_becomes_a_status() {
    let cases = [
        (Code::Invalid, 422),
        (Code::Forbidden, 403),
        (Code::NotFound, 404),
        (Code::Exists, 409),
        (Code::TooMany, 429),
        (Code::Busy, 503),
        (Code::NotStored, 503),
        (Code::Unknown, 504),
        (Code::Conflict, 409),
    ];
    let console = Console::start().await;
    for (code, status) in cases {
        console.fake.lock().unwrap().fails = Some(Failure::of_field(code, "id", "says why"));
        let (answered, answer) = console.post("/admin/v1/apps", "{}").await;
        assert_eq!(answered, status, "{code:?}");
        check_json(&answer, &[r#""field":"id","text":"says why""#]);
    }
    console.stop().await;
}

// === The door under test ===

struct Console {
    address: SocketAddr,
    fake: Arc<Mutex<Asked>>,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<()>,
}

impl Console {
    async fn start() -> Console {
        let fake = Arc::new(Mutex::new(Asked::default()));
        let account = Link::local(AccountsServer::new(Fake(fake.clone())), LinkOptions::default());
        let parts = Parts { account, metrics: Metrics::new(), token: format!("{TOKEN}\n"), sdk: facts() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = Service::new(Options::default(), parts);
        let running = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            service.run(listener, stop).await.unwrap();
        });
        Console { address, fake, stop, running }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.fake.lock().unwrap()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
        ))
        .await
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        self.send(&format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await
    }

    /// Sends bytes as they are and reads the answer to its end.
    async fn send(&self, request: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        // A refusal may come before the last byte was sent.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request}"));
        let lower = head.to_ascii_lowercase();
        assert!(!lower.contains("set-cookie") && !lower.contains("access-control"), "{head}");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
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

fn check_json(body: &str, parts: &[&str]) {
    for part in parts {
        assert!(body.contains(part), "no {part} in {body}");
    }
}

// === A fake of the account service ===

#[derive(Default)]
struct Asked {
    calls: usize,
    apps: Vec<App>,
    sign_ups: Vec<SignUpRequest>,
    fails: Option<Failure>,
}

struct Fake(Arc<Mutex<Asked>>);

impl Fake {
    fn asked(&self) -> Result<std::sync::MutexGuard<'_, Asked>, Status> {
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
        let app =
            App { id, title, auth_key, auth_secret, pair_key: vec![1; 32], created_at: 1_700_000_000_000, signed_only: false };
        self.asked()?.apps.push(app.clone());
        Ok(Response::new(app))
    }

    async fn get_app(&self, request: Request<GetAppRequest>) -> Reply<App> {
        let id = request.into_inner().id;
        let app = self.asked()?.apps.iter().find(|app| app.id == id).cloned();
        app.map(Response::new).ok_or_else(|| Failure::new(Code::NotFound, "App not found").into())
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

    async fn resolve(&self, _: Request<TokenRequest>) -> Reply<Session> {
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

    async fn delete_user(&self, _: Request<UserRequest>) -> Reply<Empty> {
        unused()
    }

    async fn find_user(&self, _: Request<FindUserRequest>) -> Reply<User> {
        unused()
    }

    async fn find_app(&self, _: Request<FindAppRequest>) -> Reply<App> {
        unused()
    }

    async fn list_users(&self, _: Request<ListUsersRequest>) -> Reply<ListUsersReply> {
        unused()
    }
}

fn unused<T>() -> Reply<T> {
    Err(Status::unimplemented("the console does not call this"))
}
