//! The listeners of a process, bound before anything starts, so that a taken port is the first thing that is said.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::config::Config;
use crate::roles::{Role, Roles};

/// The bound listeners of a process: those of its roles.
pub struct Doors {
    pub rest: Option<Rest>,
    pub chat: Option<Chat>,
    pub console: Option<TcpListener>,
    pub health: TcpListener,
    /// For the other processes of a cluster.
    pub calls: Option<TcpListener>,
    pub chosen: Ports,
}

/// The listeners of REST.
pub struct Rest {
    tls: TcpListener,
    plain: TcpListener,
}

/// The listeners of chat.
pub struct Chat {
    tcp: TcpListener,
    tls: TcpListener,
    wss: TcpListener,
    ws: TcpListener,
}

/// The ports in force: chosen by the system where the settings say 0, and those of the settings where nothing listens here.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub rest_tls: u16,
    pub rest_plain: u16,
    pub chat_tcp: u16,
    pub chat_tls: u16,
    pub chat_wss: u16,
    pub chat_ws: u16,
    pub console: u16,
    pub health: u16,
}

/// Where a listener listens.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub what: &'static str,
    /// The setting of its port.
    pub setting: &'static str,
    pub address: &'a str,
    pub port: u16,
}

/// Every listener of `natter all`.
pub fn places(config: &Config) -> [Place<'_>; 8] {
    let (api, edge, console, health) = (&config.api, &config.edge, &config.console, &config.health);
    let place = |what, setting, address, port| Place { what, setting, address, port };
    [
        place("REST", "api.tls_port", &api.address, api.tls_port),
        place("plain REST", "api.plain_port", &api.plain_address, api.plain_port),
        place("XMPP with STARTTLS", "edge.tcp_port", &edge.address, edge.tcp_port),
        place("XMPP over TLS", "edge.tls_port", &edge.address, edge.tls_port),
        place("XMPP over WebSocket with TLS", "edge.wss_port", &edge.address, edge.wss_port),
        place("XMPP over plain WebSocket", "edge.ws_port", &edge.plain_address, edge.ws_port),
        place("the console", "console.port", &console.address, console.port),
        place("metrics and health", "health.port", &health.address, health.port),
    ]
}

impl Doors {
    /// Binds those of these roles.
    pub fn bind(config: &Config, roles: &Roles) -> Result<Doors> {
        let [rest_tls, rest_plain, chat_tcp, chat_tls, chat_wss, chat_ws, console, health] = places(config);
        let mut chosen = Ports {
            rest_tls: rest_tls.port,
            rest_plain: rest_plain.port,
            chat_tcp: chat_tcp.port,
            chat_tls: chat_tls.port,
            chat_wss: chat_wss.port,
            chat_ws: chat_ws.port,
            console: console.port,
            health: health.port,
        };
        let open = |place: Place<'_>, port: &mut u16| {
            let listener = listen(place)?;
            *port = port_of(&listener)?;
            Ok::<_, anyhow::Error>(listener)
        };
        let rest = match roles.has(Role::Api) {
            true => {
                let (tls, plain) = (open(rest_tls, &mut chosen.rest_tls)?, open(rest_plain, &mut chosen.rest_plain)?);
                Some(Rest { tls, plain })
            }
            false => None,
        };
        let chat = match roles.has(Role::Edge) {
            true => Some(Chat {
                tcp: open(chat_tcp, &mut chosen.chat_tcp)?,
                tls: open(chat_tls, &mut chosen.chat_tls)?,
                wss: open(chat_wss, &mut chosen.chat_wss)?,
                ws: open(chat_ws, &mut chosen.chat_ws)?,
            }),
            false => None,
        };
        let console = match roles.has(Role::Console) {
            true => Some(open(console, &mut chosen.console)?),
            false => None,
        };
        let health = open(health, &mut chosen.health)?;
        let calls = match roles {
            Roles::Alone => None,
            Roles::Apart(_) => {
                let (address, port) = (config.cluster.address.as_str(), config.cluster.port);
                Some(listen(Place { what: "calls of other processes", setting: "cluster.port", address, port })?)
            }
        };
        Ok(Doors { rest, chat, console, health, calls, chosen })
    }

    /// The port that calls of other processes are taken at; 0 where there are none.
    pub fn calls_port(&self) -> Result<u16> {
        self.calls.as_ref().map_or(Ok(0), port_of)
    }
}

impl Rest {
    /// For the api.
    pub fn open(self, tls_config: rustls::ServerConfig) -> natter_api::Doors {
        natter_api::Doors { tls: Some(self.tls), plain: Some(self.plain), tls_config: Some(tls_config) }
    }
}

impl Chat {
    /// For the edge.
    pub fn open(self, tls_config: Arc<rustls::ServerConfig>) -> Result<natter_edge::Doors> {
        Ok(natter_edge::Doors {
            tcp: Some(tokio_listener(self.tcp)?),
            tls: Some(tokio_listener(self.tls)?),
            wss: Some(tokio_listener(self.wss)?),
            ws: Some(tokio_listener(self.ws)?),
            tls_config: Some(tls_config),
        })
    }
}

fn listen(Place { what, address, port, .. }: Place<'_>) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, port)).with_context(|| format!("cannot listen on {address}:{port} for {what}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// An address to connect to for one to listen on.
pub fn reachable(address: &str) -> &str {
    match address {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        address => address,
    }
}

/// The same as it stands in a URL.
pub fn in_url(address: &str) -> String {
    match reachable(address) {
        v6 if v6.contains(':') => format!("[{v6}]"),
        address => address.to_owned(),
    }
}

/// A bound listener for tokio.
pub fn tokio_listener(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listener).context("cannot hand a listener to the runtime")
}

/// The port that was given, or chosen for port 0.
pub fn port_of(listener: &TcpListener) -> Result<u16> {
    Ok(listener.local_addr()?.port())
}
