//! A door on a loopback socket, and an HTTP client that hides nothing.
#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use natter_actor::{Chance, Clock};
use natter_api::{Doors, Options, Parts, Service};
use natter_peer::Proxies;
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fakes::World;

pub const JSON: (&str, &str) = ("Content-Type", "application/json;charset=utf-8");
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
pub const ANN: (&str, &str) = ("CB-Token", "ann");
pub const BOB: (&str, &str) = ("CB-Token", "bob");
/// An app session.
pub const APP: (&str, &str) = ("CB-Token", "app");

/// A running door.
pub struct Door {
    pub world: Arc<World>,
    pub metrics: Metrics,
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    run: JoinHandle<std::io::Result<()>>,
}

/// An answer as it came.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {:?}", self.status, self.body))
    }

    /// Asserts status and body to the byte.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
    }
}

impl Door {
    pub async fn open() -> Door {
        Door::open_with(Options::default()).await
    }

    pub async fn open_with(options: Options) -> Door {
        let world = Arc::new(World::default());
        let metrics = Metrics::new();
        let parts = parts(&world, &metrics);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let doors = Doors { plain: Some(listener), ..Doors::default() };
        let stopped = async move { stopped.await.unwrap_or_default() };
        let run = tokio::spawn(Service::new(options, parts).run(doors, stopped));
        Door { world, metrics, address, stop, run }
    }

    /// Sends one request and reads the answer to its end.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        let host = headers.iter().all(|(name, _)| *name != "Host").then_some(("Host", "x"));
        for (name, value) in host.iter().chain(headers) {
            request += &format!("{name}: {value}\r\n");
        }
        let mut bytes = (request + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        parse(&answer)
    }

    pub async fn get(&self, path: &str, token: (&str, &str)) -> Answer {
        self.ask("GET", path, &[token], "").await
    }

    pub async fn post(&self, path: &str, token: (&str, &str), body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, &[token, JSON], body).await
    }

    /// Stops the door and waits for its end.
    pub async fn put(&self, path: &str, token: (&str, &str), body: impl AsRef<[u8]>) -> Answer {
        self.ask("PUT", path, &[token, JSON], body).await
    }

    pub async fn delete(&self, path: &str, token: (&str, &str)) -> Answer {
        self.ask("DELETE", path, &[token], "").await
    }

    pub async fn close(self) {
        self.stop.send(()).unwrap();
        self.run.await.unwrap().unwrap();
    }
}

pub fn parts(world: &Arc<World>, metrics: &Metrics) -> Parts {
    Parts {
        account: Link::local(world.accounts(), LinkOptions::default()),
        dialog: Link::local(world.dialogs(), LinkOptions::default()),
        presence: Link::local(world.presence(), LinkOptions::default()),
        history: Link::local(world.history(), LinkOptions::default()),
        storage: Link::local(world.storage(), LinkOptions::default()),
        push: Link::local(world.push(), LinkOptions::default()),
        events: Link::local(world.events(), LinkOptions::default()),
        reports: Link::local(world.reports(), LinkOptions::default()),
        clock: Clock::system(),
        chance: Chance::seeded(1),
        proxies: Proxies::default(),
        metrics: metrics.clone(),
        ca_pem: Some("-----BEGIN CERTIFICATE-----\n".to_owned()),
        root: "https://api.example.test".to_owned(),
        muc_domain: "muc.chat.example.test".to_owned(),
    }
}

pub fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
