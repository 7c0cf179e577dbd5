//! The settings of the chat door. Their comments are the configuration reference.

use serde::{Deserialize, Serialize};

/// Settings of the edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Name of this edge on the bus, one word. Empty: a random one for each start.
    pub id: String,
    /// Host name in the addresses of users, `34-905@HOST`; who comes by his app's own name sees that one there. It must not contain the letters `muc`: the SDK tells rooms by them.
    pub host: String,
    /// `HOST[:PORT]` at which clients of SDK 2.x and later on WebSocket are told to connect again when this edge ends or is emptied; who comes by his
    /// app's own name is told that one. Empty: in a cluster that of `cluster.public_websocket`, else nobody is told and each comes back after a pause of its own.
    pub elsewhere: String,
    /// Address that the public listeners listen on.
    pub address: String,
    /// Port of TCP with STARTTLS.
    pub tcp_port: u16,
    /// Port of TCP that begins with TLS.
    pub tls_port: u16,
    /// Port of WebSocket over TLS, where the SDK connects by default.
    pub wss_port: u16,
    /// Address that the plain WebSocket listens on, for use behind a proxy.
    pub plain_address: String,
    /// Port of plain WebSocket.
    pub ws_port: u16,
    /// Connections of `trusted_proxies` at the public listeners begin with a header of the PROXY protocol (version 1 or 2), which says whose
    /// they are.
    pub proxy_protocol: bool,
    /// Takes passwords over connections without TLS from anywhere. Without it only from this machine.
    pub allow_plain_text: bool,
    /// Largest stanza of a signed-in client, bytes. Over it the stream ends.
    pub stanza_bytes: usize,
    /// Largest body of a message, bytes. Over it the message is refused.
    pub body_bytes: usize,
    /// What waits to be written to one connection at most, bytes. Over it the connection is cut off.
    pub write_buffer_bytes: usize,
    /// Messages written to one session that it has not proved to have; further ones wait.
    pub unproved_max: usize,
    /// Frames that wait for one session: before its first presence, or while its unproved window is full.
    pub held_frames_max: usize,
    /// Posts of one session on their way at the same time; its socket is not read while more wait.
    pub posts_max: usize,
    /// Rooms that one session is in. One more join is refused.
    pub rooms_max: usize,
    /// Users that the answer to a join, or to who is in a room, lists. The others are left out.
    pub occupants_max: usize,
    /// Mail of one session's actor.
    pub mailbox: usize,
    /// Connections of one address that have not signed in.
    pub connections_per_address_max: u32,
    /// How long a client may take from connecting to binding, seconds, all steps together.
    pub negotiation_s: u64,
    /// How long a connection stays open after a refused sign-in, seconds. Clients sign in again as soon as it closes.
    pub refusal_s: u64,
    /// Silence after which a connection is asked for a sign of life, seconds. The same time again without one: dead.
    pub idle_s: u64,
    /// Shortest time between two questions for proof to one session, milliseconds.
    pub proof_pause_ms: u64,
    /// How long a stream that asked for resumption (XEP-0198) waits for its client, seconds.
    pub resume_s: u64,
    /// How often it is asked whether a user may still be connected, and the token that opened a stream is kept alive, seconds: by then a ban of
    /// which the bus lost the word has ended the session.
    pub touch_s: u64,
    /// Sessions announced again in a second, when another process has taken their apps' presence over.
    pub announce_again_per_s: u32,
    /// How long sessions may take to end when the process is stopped, seconds.
    pub drain_s: u64,
    /// Of it, seconds over which sessions are told to go elsewhere one after the other, four in a second at least. 0: all at once, where there
    /// is nobody else to go to.
    pub drain_spread_s: u64,
}

impl Options {
    /// Where a client is told to connect again that came by this host name, if there is such a place.
    pub(crate) fn elsewhere_of(&self, host: &str) -> Option<String> {
        let port = self.elsewhere.rsplit_once(':').map_or("", |(_, port)| port);
        match self.elsewhere.as_str() {
            "" => None,
            elsewhere if host == self.host => Some(elsewhere.to_owned()),
            _ if port.is_empty() => Some(host.to_owned()),
            _ => Some(format!("{host}:{port}")),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            id: String::new(),
            host: "localhost".to_owned(),
            elsewhere: String::new(),
            address: "0.0.0.0".to_owned(),
            tcp_port: 5222,
            tls_port: 5223,
            wss_port: 5291,
            plain_address: "127.0.0.1".to_owned(),
            ws_port: 5290,
            proxy_protocol: false,
            allow_plain_text: false,
            stanza_bytes: 256 * 1024,
            body_bytes: 60 * 1024,
            write_buffer_bytes: 1024 * 1024,
            unproved_max: 256,
            held_frames_max: 256,
            posts_max: 32,
            rooms_max: 500,
            occupants_max: 500,
            mailbox: 64,
            connections_per_address_max: 200,
            negotiation_s: 30,
            refusal_s: 45,
            idle_s: 60,
            proof_pause_ms: 200,
            resume_s: 120,
            touch_s: 60,
            announce_again_per_s: 2_000,
            drain_s: 10,
            drain_spread_s: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_by_a_name_of_his_app_is_told_that_name() {
        let options = |elsewhere: &str| Options { host: "chat.test".into(), elsewhere: elsewhere.into(), ..Options::default() };
        assert_eq!(options("").elsewhere_of("chat.test"), None);
        assert_eq!(options("door.test:5291").elsewhere_of("chat.test").as_deref(), Some("door.test:5291"));
        assert_eq!(options("door.test:5291").elsewhere_of("app.test").as_deref(), Some("app.test:5291"));
        assert_eq!(options("door.test").elsewhere_of("app.test").as_deref(), Some("app.test"));
    }
}
