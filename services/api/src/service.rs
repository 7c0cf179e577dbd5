//! What is started: an HTTP server on one or two listeners, whose workers share one door.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpServer, web};
use natter_actor::{Chance, Clock, Dial};
use natter_peer::Proxies;
use natter_rpc::Link;
use natter_telemetry::Metrics;

use crate::door::Door;
use crate::options::Options;

/// Largest head of an HTTP/1 request is actix's own (128 KiB); a client has this long to send it.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long a connection may be idle. Longer than proxies and clients keep theirs (a minute, most of them): a request that they send
/// while it is being closed here would be lost.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What the door works with.
pub struct Parts {
    pub account: Link,
    pub dialog: Link,
    pub presence: Link,
    pub history: Link,
    pub storage: Link,
    pub push: Link,
    /// To its events.
    pub events: Link,
    /// To the account service's reports.
    pub reports: Link,
    pub clock: Clock,
    pub chance: Chance,
    /// Who is believed about whose a request is.
    pub proxies: Proxies,
    pub metrics: Metrics,
    /// The CA that signed the server's own certificate, for `GET /ca.pem`; none if the operator brought certificates.
    pub ca_pem: Option<String>,
    /// Address of this door, such as `https://localhost:8443`, for links in mails where `public_url` names none.
    pub root: String,
    /// Domain of the rooms, `muc.<chat>`.
    pub muc_domain: String,
}

/// Where the door listens. Without listeners it serves nobody and waits for the stop.
#[derive(Default)]
pub struct Doors {
    /// For HTTPS; needs `tls_config`.
    pub tls: Option<TcpListener>,
    /// For plain HTTP: SDK 6.x through `api_url`, and proxies that end TLS themselves.
    pub plain: Option<TcpListener>,
    /// The protocols of ALPN (HTTP/1.1, HTTP/2) are added here.
    pub tls_config: Option<rustls::ServerConfig>,
}

/// The REST door.
pub struct Service {
    options: Options,
    door: Arc<Door>,
}

impl Service {
    /// A door that does not listen yet.
    pub fn new(options: Options, parts: Parts) -> Service {
        let door = Arc::new(Door::new(options.clone(), parts));
        Service { options, door }
    }

    /// The limits that may be changed while the door is open.
    pub fn dials(&self) -> Vec<Dial> {
        self.door.limits.dials()
    }

    /// Serves until `stop`, then refuses connections, ends the requests in flight within the setting, and returns. Runs
    /// on any tokio runtime; the workers have threads of their own.
    ///
    /// # Errors
    /// If a listener cannot be used.
    pub async fn run(self, doors: Doors, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        self.start(doors, stop)?.await
    }

    // Apart from `run`, whose future must be `Send`: actix's builder is not, what it builds is.
    fn start(self, doors: Doors, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<actix_web::dev::Server> {
        let Service { options, door } = self;
        let mut server = HttpServer::new(move || {
            let door = door.clone();
            let answer = move |request: HttpRequest, body: web::Payload| {
                let door = door.clone();
                async move { door.answer(request, body).await }
            };
            App::new().default_service(web::to(answer))
        })
        .workers(options.workers.max(1))
        .max_connections(options.connections_max)
        .client_request_timeout(HEAD_DEADLINE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(options.stop_seconds)
        .shutdown_signal(stop);
        // An answer leaves in two writes; the second must not wait for a client that acknowledges late (40 ms on Linux).
        server = server.tcp_nodelay(true);
        if let Some(listener) = doors.plain {
            server = server.listen(listener)?;
        }
        if let Some(listener) = doors.tls {
            let config = doors.tls_config.ok_or_else(|| std::io::Error::other("a TLS listener needs a certificate"))?;
            server = server.listen_rustls_0_23(listener, config)?;
        }
        Ok(server.run())
    }
}
