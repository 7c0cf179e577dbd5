//! The road of one request: route, token, limits, body, decoder, call, answer. Calls see no HTTP type.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use futures::FutureExt;
use natter_actor::{Chance, Clock};
use natter_peer::Proxies;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::reports_client::ReportsClient;
use natter_proto::account::v1::{ResolveRequest, Session};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::push::v1::events_client::EventsClient;
use natter_proto::push::v1::push_client::PushClient;
use natter_proto::storage::v1::storage_client::StorageClient;
use natter_proto::{Code, Failure};
use natter_rpc::Link;
use natter_telemetry::{Offence, Offenders};
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::answer::{Answer, Body};
use crate::blobs::{Conditions, Form};
use crate::decode::{Bounds, Params};
use crate::error::Refusal;
use crate::headers::{Known, Reader};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::path::Path;
use crate::routes::{Call, Found, Needs, Route, find};
use crate::service::Parts;
use crate::{
    answer, blobs, body, description, dialogs, events, messages, origin, reports, reset, search, session, subscriptions, unread,
    users,
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Longest token that is looked up; real ones have 36 or 40 characters.
const TOKEN_MAX: usize = 256;

/// Largest body of a request without a token, as of `POST /session`, in bytes: anybody may send one.
const OPEN_BODY_MAX: usize = 64 << 10;

/// A body over its limit is read on up to this many times `body_max`.
const DRAIN_FACTOR: usize = 16;

/// The door as all workers share it.
pub(crate) struct Door {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) limits: Limits,
    pub(crate) muc_domain: String,
    /// Where this door is if no setting says so.
    pub(crate) root: String,
    /// One for each file that may be sent at once.
    pub(crate) downloads: Arc<Semaphore>,
    proxies: Proxies,
    account: Link,
    dialog: Link,
    presence: Link,
    history: Link,
    storage: Link,
    push: Link,
    events: Link,
    reports: Link,
    metrics: Metrics,
    offenders: Offenders,
    ca_pem: Option<String>,
    origin: HeaderValue,
}

/// A request as a call sees it.
pub(crate) struct Asked {
    pub params: Params,
    /// The ids of the path, `a,b,c`; empty without.
    pub ids: String,
    pub token: Option<String>,
    pub auth_key: Option<String>,
    /// Of the client, as text.
    pub address: String,
    /// The name that the client reached this door by.
    pub host: String,
    /// Of the page that asks, as its browser names it; empty: no page asks.
    pub origin: String,
    /// A `HEAD`: nothing may change by it (RFC 9110, 9.2.1).
    pub head: bool,
    /// The address of this door as the client knows it, for calls that answer addresses.
    pub root: String,
    pub conditions: Conditions,
}

/// The session of a resolved token. Its user is not 0 in calls that need one.
pub(crate) struct Caller(pub Session);

// A request whose body is still to be read.
struct Head {
    call: Call,
    /// None for calls that need no token.
    caller: Option<Caller>,
    /// Without parameters yet.
    asked: Asked,
}

// What is known of a request besides its result: what the headers and the metrics say.
struct Seen {
    route: Option<&'static Route>,
    known: Known,
}

impl Door {
    /// A door over its links.
    pub(crate) fn new(options: Options, parts: Parts) -> Door {
        let origin = HeaderValue::try_from(&options.cors_origin).unwrap_or_else(|_| HeaderValue::from_static("*"));
        Door {
            clock: parts.clock,
            chance: parts.chance,
            proxies: parts.proxies,
            limits: Limits::new(options.user_rate, options.app_rate),
            muc_domain: parts.muc_domain,
            root: parts.root,
            downloads: Arc::new(Semaphore::new(options.downloads_max.min(Semaphore::MAX_PERMITS))),
            account: parts.account,
            dialog: parts.dialog,
            presence: parts.presence,
            history: parts.history,
            storage: parts.storage,
            push: parts.push,
            events: parts.events,
            reports: parts.reports,
            offenders: parts.metrics.offenders(),
            metrics: Metrics::new(&parts.metrics),
            ca_pem: parts.ca_pem,
            origin,
            options,
        }
    }

    pub(crate) fn accounts(&self) -> AccountsClient<Link> {
        AccountsClient::new(self.account.clone())
    }

    /// The same for a call that may take longer.
    pub(crate) fn accounts_within(&self, deadline: Duration) -> AccountsClient<Link> {
        AccountsClient::new(self.account.clone().with_deadline(deadline))
    }

    pub(crate) fn dialogs(&self) -> DialogsClient<Link> {
        DialogsClient::new(self.dialog.clone())
    }

    pub(crate) fn presence(&self) -> PresenceClient<Link> {
        PresenceClient::new(self.presence.clone())
    }

    pub(crate) fn history(&self) -> HistoryClient<Link> {
        HistoryClient::new(self.history.clone())
    }

    pub(crate) fn storage(&self) -> StorageClient<Link> {
        StorageClient::new(self.storage.clone())
    }

    pub(crate) fn push(&self) -> PushClient<Link> {
        PushClient::new(self.push.clone())
    }

    pub(crate) fn events(&self) -> EventsClient<Link> {
        EventsClient::new(self.events.clone())
    }

    pub(crate) fn reports(&self) -> ReportsClient<Link> {
        ReportsClient::new(self.reports.clone())
    }

    /// Storage for a call that may take longer.
    pub(crate) fn storage_within(&self, deadline: Duration) -> StorageClient<Link> {
        StorageClient::new(self.storage.clone().with_deadline(deadline))
    }

    /// Answers one request, whatever it is: never an error of the framework, never a dropped connection.
    pub(crate) async fn answer(&self, request: HttpRequest, body: web::Payload) -> HttpResponse {
        let began = self.clock.now_ms();
        let _open = self.metrics.open();
        let mut seen = Seen { route: None, known: Known::default() };
        let span = tracing::info_span!("rest", route = tracing::field::Empty, status = tracing::field::Empty);
        if let Some(parent) = header_text(&request, "traceparent") {
            natter_telemetry::follow(&span, parent);
        }
        let walk = AssertUnwindSafe(self.walk(&request, body, &mut seen)).catch_unwind().instrument(span.clone());
        let result = Box::pin(walk).await.unwrap_or_else(|_| Err(Refusal::internal()));
        let is_foreign = result.as_ref().is_err_and(|refusal| *refusal == Refusal::foreign_page());
        let reader = Reader::of(&request, &self.origin, seen.known.lists_origins, is_foreign);
        let response = answer::response(result, reader, seen.known.expires_at);

        let (method, pattern) = seen.route.map_or(("", "none"), |route| (route.method, route.pattern));
        let (status, ms) = (response.status().as_u16(), self.clock.now_ms() - began);
        span.record("route", pattern);
        span.record("status", status);
        self.metrics.answered(method, pattern, status, ms, seen.known.app);
        self.note(&request, &seen.known, status);
        match status {
            500 => tracing::error!(parent: &span, method, route = pattern, status, ms, "request failed"),
            501.. => tracing::warn!(parent: &span, method, route = pattern, status, ms, "request not carried out"),
            _ => tracing::debug!(parent: &span, method, route = pattern, status, ms, "request answered"),
        }
        response
    }

    // The head decides first: a body is kept only for who may send it, and is otherwise read to be thrown away.
    async fn walk(&self, request: &HttpRequest, body: web::Payload, seen: &mut Seen) -> Result<Answer, Refusal> {
        if request.method() == Method::OPTIONS {
            // A preflight is answered whatever its path and query are: all it asks for are the headers.
            return Ok(Answer::empty());
        }
        let head = self.head(request, seen).await;
        if let Ok(Head { call: Call::BlobUpload, asked, .. }) = head {
            return blobs::upload(self, Form::of(request, asked.ids, body)).await;
        }
        let most = match &head {
            Ok(Head { caller: Some(_), .. }) => self.options.body_max,
            Ok(_) => self.options.body_max.min(OPEN_BODY_MAX),
            Err(_) => 0,
        };
        let bounds = body::Bounds { kept: most, drained: self.options.body_max.saturating_mul(DRAIN_FACTOR) };
        let deadline = Duration::from_secs(self.options.body_seconds);
        let body = body::read(body, bounds, deadline).await;
        let (Head { call, caller, mut asked }, body) = (head?, body?);
        let bounds = Bounds { depth: self.options.depth_max, keys: self.options.keys_max };
        let content_type = header_text(request, "content-type").unwrap_or_default();
        asked.params = Params::decode(request.uri().query().unwrap_or_default(), content_type, &body, bounds)?;
        match caller {
            None => self.open_call(call, &asked, seen).await,
            Some(caller) => self.call(call, &asked, &caller, seen).await,
        }
    }

    async fn head(&self, request: &HttpRequest, seen: &mut Seen) -> Result<Head, Refusal> {
        let mut asked = Asked {
            params: Params::default(),
            ids: String::new(),
            token: token(request),
            auth_key: header_text(request, "cb-authkey").filter(|key| !key.is_empty()).map(str::to_owned),
            address: self.client(request).map(|address| address.to_string()).unwrap_or_default(),
            host: origin::host(request),
            origin: origin::page(request),
            head: request.method() == Method::HEAD,
            root: String::new(),
            conditions: Conditions::default(),
        };
        let path = Path::parse(request.uri().path())?;
        let (route, ids) = match find(request.method().as_str(), &path) {
            Found::Route(route, ids) => (route, ids),
            Found::WrongMethod => return Err(Refusal::list(405, "method not allowed")),
            Found::Unknown => return Err(Refusal::list(404, "unknown route")),
        };
        seen.route = Some(route);
        if let Call::Absent(text) = route.call {
            return Err(Refusal::list(404, text));
        }
        ids.clone_into(&mut asked.ids);
        let call = route.call.of_segment(ids, path.is_json());
        if let Call::BlobContent = call {
            asked.conditions = Conditions::of(request);
        }
        let caller = match call.needs() {
            Needs::Nothing => None,
            needs => Some(self.caller(&asked, needs, seen).await?),
        };
        if let (Call::BlobCreate | Call::BlobObject, Some(caller)) = (call, &caller) {
            asked.root = origin::of(request, &self.options.public_url, caller.0.by_own_name)?;
        }
        Ok(Head { call, caller, asked })
    }

    async fn caller(&self, asked: &Asked, needs: Needs, seen: &mut Seen) -> Result<Caller, Refusal> {
        let caller = self.resolve(asked).await?;
        seen.known = Known::of(&caller.0);
        match needs {
            Needs::User if caller.0.user == 0 => Err(Refusal::need_user()),
            _ => Ok(caller),
        }
    }

    // Calls without a token.
    async fn open_call(&self, call: Call, asked: &Asked, seen: &mut Seen) -> Result<Answer, Refusal> {
        match call {
            Call::About => Ok(about()),
            Call::Description => Ok(description::openapi()),
            Call::CaPem => self.ca(),
            Call::SessionOpen => session::open(self, asked, &mut seen.known).await,
            Call::UserSignUp => users::sign_up(self, asked, &mut seen.known).await,
            Call::PasswordPage => Ok(reset::page()),
            Call::PasswordSet => Ok(reset::set(self, asked).await),
            Call::BlobContent => Box::pin(blobs::content(self, asked, &mut seen.known)).await,
            _ => Err(Refusal::token_required()),
        }
    }

    async fn call(&self, call: Call, asked: &Asked, caller: &Caller, seen: &mut Seen) -> Result<Answer, Refusal> {
        match call {
            Call::SessionGet => Ok(session::get(caller)),
            Call::SessionClose => session::close(self, caller).await,
            Call::Login => session::login(self, asked, caller, &mut seen.known).await,
            Call::Logout => session::logout(self, caller).await,
            Call::PasswordAsk => reset::ask(self, asked, caller).await,
            Call::UserGet => users::get(self, asked, caller).await,
            Call::UserFind(by) => users::find(self, asked, caller, by).await,
            Call::UserList => users::list(self, asked, caller).await,
            Call::UserListV2 => users::list_v2(self, asked, caller).await,
            Call::UsersByName => users::by_full_name(self, asked, caller).await,
            Call::UsersByTags => users::by_tags(self, asked, caller).await,
            Call::UsersOnline => users::online(self, asked, caller).await,
            Call::UserUpdate => users::update(self, asked, caller).await,
            Call::UserDelete => users::delete(self, asked, caller).await,
            Call::DialogCreate => dialogs::create(self, asked, caller).await,
            Call::DialogList => dialogs::list(self, asked, caller).await,
            Call::DialogDelete => dialogs::delete(self, asked, caller).await,
            Call::DialogUpdate => dialogs::update(self, asked, caller).await,
            Call::DialogAdmins => dialogs::admins(self, asked, caller).await,
            Call::DialogSubscribe => dialogs::subscribe(self, asked, caller).await,
            Call::DialogUnsubscribe => dialogs::unsubscribe(self, asked, caller).await,
            Call::DialogNotifications => dialogs::notifications(self, asked, caller).await,
            Call::DialogNotify => dialogs::notify(self, asked, caller).await,
            Call::DialogOccupants => dialogs::occupants(self, asked, caller).await,
            Call::HistoryClear => dialogs::clear(self, asked, caller).await,
            Call::MessageList => messages::list(self, asked, caller).await,
            Call::MessageCreate => messages::create(self, asked, caller).await,
            Call::MessageUpdate => messages::update(self, asked, caller).await,
            Call::MessageDelete => messages::delete(self, asked, caller).await,
            Call::MessageReact => messages::react(self, asked, caller).await,
            Call::MessageReactions => messages::reactions(self, asked, caller).await,
            Call::MessageSystem => messages::create_system(self, asked, caller).await,
            Call::Search => search::search(self, asked, caller).await,
            Call::Unread => unread::count(self, asked, caller).await,
            Call::BlobCreate => blobs::create(self, asked, caller).await,
            Call::BlobList => blobs::list(self, asked, caller).await,
            Call::BlobComplete => blobs::complete(self, asked, caller).await,
            Call::BlobObject => blobs::object_of(self, asked, caller).await,
            Call::BlobInfo => blobs::info(self, asked, caller).await,
            Call::BlobRename => blobs::rename(self, asked, caller).await,
            Call::BlobDelete => blobs::delete(self, asked, caller).await,
            Call::SubscriptionCreate => subscriptions::create(self, asked, caller).await,
            Call::SubscriptionList => subscriptions::list(self, caller).await,
            Call::SubscriptionDelete => subscriptions::delete(self, asked, caller).await,
            Call::EventCreate => events::create(self, asked, caller).await,
            Call::EventList => events::list(self, asked, caller).await,
            Call::EventGet => events::get(self, asked, caller).await,
            Call::EventDelete => events::delete(self, asked, caller).await,
            Call::ReportFile(kind) => reports::file(self, asked, caller, kind).await,
            Call::ReportFileMany(kind) => reports::file_many(self, asked, caller, kind).await,
            Call::ReportList(kind) => reports::list(self, asked, caller, kind).await,
            Call::ReportGet(kind) => reports::get(self, asked, caller, kind).await,
            Call::ReportAmend(kind) => reports::amend(self, asked, caller, kind).await,
            Call::ReportWithdraw(kind) => reports::withdraw(self, asked, caller, kind).await,
            other => self.open_call(other, asked, seen).await,
        }
    }

    /// The session of the request's token, counted against the rates.
    pub(crate) async fn resolve(&self, asked: &Asked) -> Result<Caller, Refusal> {
        let session = self.session_of(asked.token.as_deref(), asked).await?;
        let app_rate = session.quotas.map_or(0, |quotas| quotas.requests_per_second);
        match self.limits.admit(session.app, session.user, app_rate, self.clock.now_ms()) {
            true => Ok(Caller(session)),
            false => {
                self.offenders.user(Offence::Rate, session.app, session.user, self.clock.now_ms());
                Err(self.over_rate(asked))
            }
        }
    }

    /// Why a request over a rate is refused.
    pub(crate) fn over_rate(&self, asked: &Asked) -> Refusal {
        self.offenders.address(Offence::Rate, &asked.address, self.clock.now_ms());
        Refusal::too_many()
    }

    // Whose request it is, also behind proxies.
    fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let forwarded = request.headers().get_all(FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default());
        request.peer_addr().map(|peer| self.proxies.client(peer.ip(), forwarded))
    }

    // Who asks, and who asks what cannot be read, for operators who ask.
    fn note(&self, request: &HttpRequest, known: &Known, status: u16) {
        let (now, address) = (self.clock.now_ms(), self.client(request));
        let offences = [Some(Offence::Load), matches!(status, 400 | 413 | 415).then_some(Offence::Malformed)];
        for offence in offences.into_iter().flatten() {
            self.offenders.user(offence, known.app, known.user, now);
            if let Some(address) = address {
                self.offenders.ip(offence, address, now);
            }
        }
    }

    /// The session of a token, not counted. By a name of another app than the token's there is none.
    pub(crate) async fn session_of(&self, token: Option<&str>, asked: &Asked) -> Result<Session, Refusal> {
        let token = token.ok_or_else(Refusal::token_required)?;
        if token.len() > TOKEN_MAX {
            return Err(Refusal::session_expired());
        }
        let request = ResolveRequest { token: token.to_owned(), host: asked.host.clone(), origin: asked.origin.clone() };
        let session = self.accounts().resolve(request).await.map_err(|status| {
            let failure = Failure::from(status);
            match failure.code {
                Code::Unauthenticated | Code::NotFound | Code::Invalid => Refusal::session_expired(),
                _ => failure.into(),
            }
        })?;
        Ok(session.into_inner())
    }

    fn ca(&self) -> Result<Answer, Refusal> {
        let pem = self.ca_pem.clone().ok_or_else(|| Refusal::list(404, "this server has no certificate authority of its own"))?;
        Ok(Answer::of(200, Body::Pem(pem)))
    }
}

fn about() -> Answer {
    let text = "chat server for apps built with the ConnectyCube SDK; this is its REST address";
    Answer::json(json!({"name": "natter", "version": env!("CARGO_PKG_VERSION"), "about": text}))
}

// A token that is no text is a token all the same: a wrong one.
fn token(request: &HttpRequest) -> Option<String> {
    let token = String::from_utf8_lossy(request.headers().get("cb-token")?.as_bytes()).trim().to_owned();
    (!token.is_empty()).then_some(token)
}

pub(crate) fn header_text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok().map(str::trim)
}
