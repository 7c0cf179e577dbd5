//! The listeners of a process, bound before anything starts, so that a taken port is the first thing that is said.

use std::net::TcpListener;

use anyhow::{Context, Result};

use crate::config::Config;

/// Every bound listener of `natter all`.
pub struct Doors {
    pub rest_tls: TcpListener,
    pub rest_plain: TcpListener,
    pub chat_tcp: TcpListener,
    pub chat_tls: TcpListener,
    pub chat_wss: TcpListener,
    pub chat_ws: TcpListener,
    pub console: TcpListener,
    pub health: TcpListener,
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

/// Every listener of `natter all`, in the order of the fields of [`Doors`].
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
    /// Binds all of them.
    pub fn bind(config: &Config) -> Result<Doors> {
        let [rest_tls, rest_plain, chat_tcp, chat_tls, chat_wss, chat_ws, console, health] = places(config);
        Ok(Doors {
            rest_tls: listen(rest_tls)?,
            rest_plain: listen(rest_plain)?,
            chat_tcp: listen(chat_tcp)?,
            chat_tls: listen(chat_tls)?,
            chat_wss: listen(chat_wss)?,
            chat_ws: listen(chat_ws)?,
            console: listen(console)?,
            health: listen(health)?,
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
