//! The service under test, on the memory engine with a paused clock, and the requests that the tests make.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_account::{Argon2Options, Options, Parts, Service};
use natter_actor::{Chance, Clock};
use natter_db::{Faults, Kv};
use natter_mail::Mails;
use natter_outbound::{Answer, Error as Outside, Outbound, Request as Outgoing};
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Response, Status};
use natter_telemetry::Metrics;

pub const START_MS: i64 = 1_700_000_000_000;
pub const MINUTE: Duration = Duration::from_secs(60);

pub struct Door {
    pub client: AccountsClient<Link>,
    pub service: Service,
    pub metrics: Metrics,
    pub db: Kv,
    pub clock: Clock,
}

impl Door {
    pub async fn open() -> Door {
        Door::open_on(Kv::memory_with(Faults::default())).await
    }

    /// A service on `db` with the app of contract rest 2.3.
    pub async fn open_on(db: Kv) -> Door {
        Door::open_as(db, cheap()).await
    }

    pub async fn open_with(options: Options) -> Door {
        Door::open_as(Kv::memory(), options).await
    }

    pub async fn open_as(db: Kv, options: Options) -> Door {
        let clock = Clock::paused(START_MS);
        let (client, service, metrics) = start(&db, &clock, options, [1; 32]);
        let mut door = Door { client, service, metrics, db, clock };
        let app = CreateAppRequest { id: 77, auth_key: "demoKey".into(), auth_secret: "demoSecret".into(), ..Default::default() };
        answer(door.client.create_app(app).await).unwrap();
        door
    }

    /// With an outside that answers so.
    pub async fn open_beside(answer: impl Fn(&Outgoing) -> Result<Answer, Outside> + Send + Sync + 'static) -> Door {
        let mut door = Door::open().await;
        let parts = parts(&door.db, &door.clock, &door.metrics, [1; 32], Mails::off(), Outbound::written(answer));
        door.service = Service::new(cheap(), parts);
        door.client = AccountsClient::new(Link::local(door.service.server(), LinkOptions::default()));
        door
    }

    /// With a way out for mails.
    pub async fn open_with_mails(mails: Mails) -> Door {
        let mut door = Door::open().await;
        let outbound = Outbound::written(|_| Err(Outside::Broken));
        door.service = Service::new(cheap(), parts(&door.db, &door.clock, &door.metrics, [1; 32], mails, outbound));
        door.client = AccountsClient::new(Link::local(door.service.server(), LinkOptions::default()));
        door
    }

    pub async fn set_identity(&mut self, identity: Identity) {
        answer(self.client.set_identity(SetIdentityRequest { app: 77, identity: Some(identity) }).await).unwrap();
    }

    pub fn restart(&mut self) {
        self.restart_with_key([1; 32]);
    }

    pub fn restart_with_key(&mut self, verifier_key: [u8; 32]) {
        (self.client, self.service, self.metrics) = start(&self.db, &self.clock, cheap(), verifier_key);
    }

    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Argon2 runs since the start.
    pub fn hashes(&self) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix("natter_account_hashes_total "));
        line.unwrap().parse().unwrap()
    }

    /// Calls of the store since it was opened: `get` or `commit`.
    pub fn store_calls(&self, op: &str) -> u64 {
        let metrics = Metrics::new();
        self.db.register(&metrics);
        let (text, name) = (metrics.encode(), format!("natter_db_op_seconds_count{{op=\"{op}\"}} "));
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }

    pub async fn sign_up(&mut self, login: &str, password: &str) -> User {
        answer(self.client.sign_up(sign_up_request(login, password)).await).unwrap()
    }

    pub async fn open_session(&mut self, user: Option<Credentials>) -> Result<Response<Session>, Status> {
        let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), user, ..OpenSessionRequest::default() };
        self.client.open_session(request).await
    }

    pub async fn session(&mut self, user: Option<Credentials>) -> Session {
        answer(self.open_session(user).await).unwrap()
    }

    pub async fn resolve(&mut self, text: &str) -> Result<Session, Failure> {
        self.resolve_at("", text).await
    }

    /// As who came by `host`.
    pub async fn resolve_at(&mut self, host: &str, text: &str) -> Result<Session, Failure> {
        answer(self.client.resolve(ResolveRequest { host: host.into(), ..shown(text) }).await)
    }

    pub async fn authenticate(&mut self, user: u64, secret: &[u8]) -> Result<AuthenticateReply, Failure> {
        self.authenticate_at("", user, secret).await
    }

    /// As who came by `host`.
    pub async fn authenticate_at(&mut self, host: &str, user: u64, secret: &[u8]) -> Result<AuthenticateReply, Failure> {
        let (address, host) = ("192.0.2.1".into(), host.into());
        let request = AuthenticateRequest { app: 77, user, secret: secret.to_vec(), address, host, origin: String::new() };
        answer(self.client.authenticate(request).await)
    }

    /// A link that waits as long as it takes.
    pub fn patient(&self) -> AccountsClient<Link> {
        let options = LinkOptions { deadline: Duration::from_secs(3600) };
        AccountsClient::new(Link::local(self.service.server(), options))
    }

    /// Total and ids of the first page by id.
    pub async fn list(&mut self, filters: Vec<UserFilter>) -> (u64, Vec<u64>) {
        let request = ListUsersRequest { app: 77, filters, limit: 100, ..ListUsersRequest::default() };
        let page = answer(self.client.list_users(request).await).unwrap();
        (page.total, page.users.iter().map(|user| user.id).collect())
    }

    pub async fn find(&mut self, by: By) -> Result<User, Failure> {
        answer(self.client.find_user(FindUserRequest { app: 77, by: Some(by) }).await)
    }
}

pub fn start(db: &Kv, clock: &Clock, options: Options, verifier_key: [u8; 32]) -> (AccountsClient<Link>, Service, Metrics) {
    let metrics = Metrics::new();
    let service = Service::new(
        options,
        parts(db, clock, &metrics, verifier_key, Mails::off(), Outbound::written(|_| Err(Outside::Broken))),
    );
    let client = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
    (client, service, metrics)
}

fn parts(db: &Kv, clock: &Clock, metrics: &Metrics, verifier_key: [u8; 32], mails: Mails, outbound: Outbound) -> Parts {
    let (db, clock, metrics) = (db.clone(), clock.clone(), metrics.clone());
    let hosts = vec!["Shared.example".to_owned(), "127.0.0.1".to_owned()];
    Parts { db: db.into(), clock, chance: Chance::system(), metrics, mails, outbound, verifier_key, hosts }
}

pub fn cheap() -> Options {
    Options { argon2: Argon2Options::cheap(), ..Options::default() }
}

pub fn slow(seed: u64) -> Faults {
    Faults { seed, delay_max: Duration::from_millis(20), ..Faults::default() }
}

pub fn sign_up_request(login: &str, password: &str) -> SignUpRequest {
    SignUpRequest { app: 77, user: named(login), password: password.into(), ..SignUpRequest::default() }
}

/// Ann's password becomes `changed`, asked with a token.
pub fn new_password(id: u64, token: &str) -> UpdateUserRequest {
    let (password, old_password) = (Some("changed".into()), Some("secret".into()));
    UpdateUserRequest { app: 77, id, password, old_password, token: token.into(), ..UpdateUserRequest::default() }
}

pub fn filter(field: &str, op: UserOp, text: &str) -> UserFilter {
    UserFilter { field: field.into(), op: op.into(), texts: vec![text.into()], numbers: Vec::new() }
}

pub fn named(login: &str) -> Option<User> {
    Some(User { login: Some(login.into()), email: Some(format!("{login}@example.test")), ..User::default() })
}

pub fn by_login(login: &str, password: &str) -> Credentials {
    Credentials { login: Some(login.into()), email: None, password: password.into() }
}

pub fn token(token: &str) -> TokenRequest {
    TokenRequest { token: token.into() }
}

/// A token as it is shown by who came by a shared name.
pub fn shown(token: &str) -> ResolveRequest {
    ResolveRequest { token: token.into(), ..ResolveRequest::default() }
}

pub fn answer<T>(reply: Result<Response<T>, Status>) -> Result<T, Failure> {
    reply.map(Response::into_inner).map_err(Failure::from)
}

pub fn check<T: std::fmt::Debug>(outcome: Result<T, Failure>, code: Code, text: &str) {
    let failure = outcome.expect_err("a refusal");
    assert_eq!((failure.code, failure.text.as_str()), (code, text));
}
