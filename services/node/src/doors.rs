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

impl Doors {
    /// Binds all of them.
    pub fn bind(config: &Config) -> Result<Doors> {
        let (api, edge) = (&config.api, &config.edge);
        Ok(Doors {
            rest_tls: listen("REST", &api.address, api.tls_port)?,
            rest_plain: listen("plain REST", &api.plain_address, api.plain_port)?,
            chat_tcp: listen("XMPP with STARTTLS", &edge.address, edge.tcp_port)?,
            chat_tls: listen("XMPP over TLS", &edge.address, edge.tls_port)?,
            chat_wss: listen("XMPP over WebSocket with TLS", &edge.address, edge.wss_port)?,
            chat_ws: listen("XMPP over plain WebSocket", &edge.plain_address, edge.ws_port)?,
            console: listen("the console", &config.console.address, config.console.port)?,
            health: listen("metrics and health", &config.health.address, config.health.port)?,
        })
    }
}

fn listen(what: &str, address: &str, port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, port)).with_context(|| format!("cannot listen on {address}:{port} for {what}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A bound listener for tokio.
pub fn tokio_listener(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listener).context("cannot hand a listener to the runtime")
}

/// The port that was given, or chosen for port 0.
pub fn port_of(listener: &TcpListener) -> Result<u16> {
    Ok(listener.local_addr()?.port())
}
