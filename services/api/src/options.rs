//! The settings of the REST door.

use serde::{Deserialize, Serialize};

/// Settings of the REST door.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address that the TLS listener listens on.
    pub address: String,
    /// Port of REST over TLS.
    pub tls_port: u16,
    /// Address that the plain listener listens on, for use behind a proxy and by SDK 6.x on this machine.
    pub plain_address: String,
    /// Port of plain REST.
    pub plain_port: u16,
    /// Threads that serve requests.
    pub workers: usize,
    /// Most open connections per worker; further ones wait in the listener.
    pub connections_max: usize,
    /// Largest request body in bytes; a larger one is answered 413. Without a token it is at most 64 KiB.
    pub body_max: usize,
    /// Seconds a client may take to send its body.
    pub body_seconds: u64,
    /// Seconds an upload may take, at most 6000. It may pause no longer than `body_seconds`.
    pub upload_seconds: u64,
    /// Files that are sent at once; further ones are answered 503.
    pub downloads_max: usize,
    /// Address under which clients reach this door, such as `https://api.example.test`, for the addresses of uploads and files.
    /// Empty: as each request names it. Who comes by his app's own name gets that name in place of this one.
    pub public_url: String,
    /// Deepest nesting of a JSON body or of a bracket key.
    pub depth_max: usize,
    /// Most keys of one request.
    pub keys_max: usize,
    /// Requests per user and second.
    pub user_rate: u32,
    /// Requests per app and second.
    pub app_rate: u32,
    /// Whether anybody with a session may list users without saying whom: `GET /users` without a search, `GET /users/online`.
    /// If not, they are answered 403; users are still found by id, login, e-mail and so on, by full name and by tags.
    pub user_lists: bool,
    /// Value of `Access-Control-Allow-Origin`: `*`, or the one origin whose pages may read the answers. An app that lists origins
    /// answers their pages with their own.
    pub cors_origin: String,
    /// Seconds that requests in flight get at a stop.
    pub stop_seconds: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            address: "0.0.0.0".to_owned(),
            tls_port: 8443,
            plain_address: "127.0.0.1".to_owned(),
            plain_port: 8080,
            workers: 2,
            connections_max: 10_000,
            body_max: 1 << 20,
            body_seconds: 30,
            upload_seconds: 1_800,
            downloads_max: 512,
            public_url: String::new(),
            depth_max: 16,
            keys_max: 2_000,
            user_rate: 50,
            app_rate: 5_000,
            user_lists: true,
            cors_origin: "*".to_owned(),
            stop_seconds: 10,
        }
    }
}
