//! What the console starts: one actix-web server on a listener it is given.

use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use natter_actor::Clock;
use natter_peer::Proxies;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::administration_client::AdministrationClient;
use natter_proto::account::v1::audit_client::AuditClient;
use natter_proto::account::v1::operators_client::OperatorsClient;
use natter_proto::account::v1::reports_client::ReportsClient;
use natter_proto::account::v1::tokens_client::TokensClient;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::presence::v1::sessions_client::SessionsClient;
use natter_proto::push::v1::alerting_client::AlertingClient;
use natter_proto::push::v1::credentials_client::CredentialsClient;
use natter_proto::push::v1::events_client::EventsClient;
use natter_proto::push::v1::push_client::PushClient;
use natter_proto::push::v1::webhooks_client::WebhooksClient;
use natter_proto::storage::v1::storage_client::StorageClient;
use natter_proto::trace::v1::traces_client::TracesClient;
use natter_rpc::Link;
use natter_telemetry::Metrics as Registry;

use crate::archive::Archives;
use crate::backup::Rows;
use crate::error::Refusal;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::routes::Routes;
use crate::running::Processes;
use crate::sdk::SdkFacts;
use crate::system::SystemFacts;
use crate::{auth, routes};

/// What the service is given.
pub struct Parts {
    pub account: Link,
    /// To the account service's operators, who open the door with a name and a password.
    pub operators: Link,
    /// To its audit log.
    pub audit: Link,
    /// To its reports.
    pub reports: Link,
    /// To the account service's door about the life of apps and the end of users.
    pub administration: Link,
    /// To whoever keeps the ways of messages.
    pub traces: Link,
    /// To the push service's door about credentials.
    pub credentials: Link,
    /// And about webhooks.
    pub webhooks: Link,
    /// To the push service: its devices and journal, and how alerts look.
    pub push: Link,
    pub alerting: Link,
    pub dialog: Link,
    pub history: Link,
    pub clock: Clock,
    /// Who is believed about whose a request is.
    pub proxies: Proxies,
    /// To the account service's door about the sessions of users at the REST door.
    pub tokens: Link,
    pub presence: Link,
    /// To presence's door about chat sessions.
    pub chat_sessions: Link,
    pub storage: Link,
    pub events: Link,
    pub archives: Archives,
    /// Of the store that this process has to itself; none: it has none.
    pub rows: Option<Rows>,
    /// To the account service's door about what is set over the settings.
    pub overriding: Link,
    pub processes: Processes,
    pub metrics: Registry,
    /// What opens the door too: the content of the token file, which the node writes for the operator only. Empty: no token does.
    pub token: String,
    pub sdk: SdkFacts,
    pub system: SystemFacts,
}

/// The admin API and the console's pages.
pub struct Service {
    options: Options,
    door: Door,
}

/// Everything that the routes work with.
#[derive(Clone)]
pub(crate) struct Door {
    account: Link,
    operators: Link,
    audit: Link,
    reports: Link,
    administration: Link,
    traces: Link,
    credentials: Link,
    webhooks: Link,
    push: Link,
    alerting: Link,
    dialog: Link,
    history: Link,
    pub clock: Clock,
    pub proxies: Proxies,
    tokens: Link,
    presence: Link,
    chat_sessions: Link,
    storage: Link,
    events: Link,
    pub archives: Archives,
    pub rows: Option<Rows>,
    pub overriding: Link,
    pub processes: Processes,
    pub metrics: Metrics,
    pub registry: Registry,
    pub token: String,
    pub sdk: SdkFacts,
    pub system: SystemFacts,
    pub hosts: Vec<String>,
    pub body_bytes_max: usize,
}

impl Door {
    /// The account service.
    pub fn accounts(&self) -> AccountsClient<Link> {
        AccountsClient::new(self.account.clone())
    }

    /// What users reported.
    pub fn reports(&self) -> ReportsClient<Link> {
        ReportsClient::new(self.reports.clone())
    }

    /// The ways of messages.
    pub fn traces(&self) -> TracesClient<Link> {
        TracesClient::new(self.traces.clone())
    }

    /// Its operators.
    pub fn operators(&self) -> OperatorsClient<Link> {
        OperatorsClient::new(self.operators.clone())
    }

    /// Its audit log.
    pub fn audit(&self) -> AuditClient<Link> {
        AuditClient::new(self.audit.clone())
    }

    /// Its door about the life of apps and the end of users.
    pub fn administration(&self) -> AdministrationClient<Link> {
        AdministrationClient::new(self.administration.clone())
    }

    /// What servers of apps are told.
    pub fn webhooks(&self) -> WebhooksClient<Link> {
        WebhooksClient::new(self.webhooks.clone())
    }

    /// Who apps are to the push providers.
    pub fn credentials(&self) -> CredentialsClient<Link> {
        CredentialsClient::new(self.credentials.clone())
    }

    /// The devices of users, and what became of alerts.
    pub fn push(&self) -> PushClient<Link> {
        PushClient::new(self.push.clone())
    }

    /// How alerts look.
    pub fn alerting(&self) -> AlertingClient<Link> {
        AlertingClient::new(self.alerting.clone())
    }

    pub fn dialogs(&self) -> DialogsClient<Link> {
        DialogsClient::new(self.dialog.clone())
    }

    pub fn history(&self) -> HistoryClient<Link> {
        HistoryClient::new(self.history.clone())
    }

    /// The sessions of users at the REST door.
    pub fn tokens(&self) -> TokensClient<Link> {
        TokensClient::new(self.tokens.clone())
    }

    pub fn presence(&self) -> PresenceClient<Link> {
        PresenceClient::new(self.presence.clone())
    }

    /// Their sessions at the chat door.
    pub fn chat_sessions(&self) -> SessionsClient<Link> {
        SessionsClient::new(self.chat_sessions.clone())
    }

    pub fn storage(&self) -> StorageClient<Link> {
        StorageClient::new(self.storage.clone())
    }

    pub fn events(&self) -> EventsClient<Link> {
        EventsClient::new(self.events.clone())
    }
}

/// Why the admin API cannot run, or ended.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the admin API: {0}")]
pub struct Error(#[from] std::io::Error);

/// A head that is not there by then closes the connection: no token, no waiting.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Requests under way at the stop get this long.
const STOP_SECONDS: u64 = 2;

impl Service {
    /// A service on these parts. Nothing is started.
    pub fn new(options: Options, parts: Parts) -> Service {
        let door = Door {
            account: parts.account,
            operators: parts.operators,
            audit: parts.audit,
            reports: parts.reports,
            administration: parts.administration,
            traces: parts.traces,
            credentials: parts.credentials,
            webhooks: parts.webhooks,
            push: parts.push,
            alerting: parts.alerting,
            dialog: parts.dialog,
            history: parts.history,
            clock: parts.clock,
            proxies: parts.proxies,
            tokens: parts.tokens,
            presence: parts.presence,
            chat_sessions: parts.chat_sessions,
            storage: parts.storage,
            events: parts.events,
            archives: parts.archives,
            rows: parts.rows,
            overriding: parts.overriding,
            processes: parts.processes,
            metrics: Metrics::new(&parts.metrics),
            registry: parts.metrics,
            token: parts.token.trim().to_owned(),
            sdk: parts.sdk,
            system: parts.system,
            hosts: options.hosts.clone(),
            body_bytes_max: options.body_bytes_max,
        };
        Service { options, door }
    }

    /// Serves until `stop`, then lets running requests end.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let server = self.server(listener)?;
        let handle = server.handle();
        let running = std::pin::pin!(server);
        let stopping = std::pin::pin!(async {
            stop.await;
            handle.stop(true).await;
        });
        // The server ends by itself only with an error; it has to be polled while it stops.
        let (outcome, ()) = tokio::join!(running, stopping);
        Ok(outcome?)
    }

    fn server(self, listener: TcpListener) -> Result<Server, Error> {
        let (options, door) = (self.options, web::Data::new(self.door));
        let bytes_max = options.body_bytes_max;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(door.clone())
                .app_data(web::PayloadConfig::new(bytes_max))
                .app_data(web::FormConfig::default().limit(bytes_max))
                .app_data(
                    web::QueryConfig::default().error_handler(|error, _| Refusal::malformed("query", error.to_string()).into()),
                )
                .configure(|config| routes::all(&mut Routes::new(config)))
                .default_service(web::to(no_route))
                .wrap(from_fn(auth::guard))
        });
        let server = server
            .workers(1)
            .max_connections(options.connections_max)
            .client_request_timeout(HEAD_DEADLINE)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(STOP_SECONDS)
            .disable_signals()
            .listen(listener)?;
        Ok(server.run())
    }
}

async fn no_route() -> Result<HttpResponse, Refusal> {
    Err(Refusal::not_found("route"))
}

/// An instant as people read it: `2026-02-03T10:11:12Z`.
pub(crate) fn iso(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The same with milliseconds.
pub(crate) fn iso_ms(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
